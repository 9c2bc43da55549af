"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bundle", "service", "training", "prismrec")
MAX_LINES = 400
MAX_FUNCTION_LINES = 60
NAMELESS = {"utils", "helpers", "common", "misc", "util", "helper"}
MAX_TRACKED_BYTES = 1 << 20
DATA_ENDINGS = (".dat", ".parquet", ".npz", ".npy", ".pt", ".ckpt", ".onnx", ".sqlite", ".pkl", ".h5", ".zip", ".gz")

BLOCKED = (
    "torch", "onnx", "onnxscript", "polars", "scipy", "lightning", "pytorch_lightning", "matplotlib", "training",
    "fsspec", "s3fs", "gcsfs", "aiohttp", "requests",
)  # fmt: skip
"""The training side, and what fetches: bundles come by `prismrec fetch`, never for a request."""

WITHOUT_TRAINING = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError("blocked: " + name, name=name)
        return None

sys.meta_path.insert(0, Blocked())
"""


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("NOT A CHECKOUT: git lists no files here")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def untyped(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """What of a signature has no annotation; `self` and `cls` need none."""
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    missing = [a.arg for a in named if a is not None and a.annotation is None and a.arg not in {"self", "cls"}]
    return missing if function.returns else [*missing, "return"]


def test_files_of_code_stay_short():
    long = {
        str(p.relative_to(ROOT)): n for p in sources(*PACKAGES, "tests") if (n := p.read_text().count("\n")) > MAX_LINES
    }
    assert long == {}


def test_functions_stay_short():
    long = [
        f"{path.relative_to(ROOT)}:{f.lineno} {f.name}: {lines} lines"
        for path in sources(*PACKAGES)
        for f in functions(path)
        if (lines := (f.end_lineno or 0) - f.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_modules_say_what_they_are():
    assert [str(p) for p in sources(*PACKAGES, "tests") if p.stem in NAMELESS] == []


def test_functions_are_typed():
    found = {
        f"{path.relative_to(ROOT)}:{f.lineno} {f.name}": names
        for path in sources(*PACKAGES)
        for f in functions(path)
        if (names := untyped(f))
    }
    assert found == {}


def test_untyped_finds_what_lacks_a_type():
    function = ast.parse("def f(self, a: int, b, *c): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert untyped(function) == ["b", "c", "return"]


def test_modules_have_a_docstring():
    bare = [str(p) for p in sources(*PACKAGES) if p.stat().st_size and not ast.get_docstring(ast.parse(p.read_text()))]
    assert bare == []


def test_nothing_large_and_no_data_is_tracked():
    files = tracked()
    assert len(files) > 50
    assert [str(p) for p in files if p.stat().st_size > MAX_TRACKED_BYTES] == []
    assert [str(p) for p in files if p.name.endswith(DATA_ENDINGS)] == []


def test_distribution_has_the_extras():
    assert {"serve", "load", "train", "test"} <= set(metadata.metadata("prismrec").get_all("Provides-Extra") or ())


def test_lock_names_every_dependency_once_and_exactly():
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    names = [line.split("==")[0] for line in lines]
    assert all(line.count("==") == 1 and " " not in line for line in lines)
    assert names == sorted(set(names))
    left_out = ('extra == "track"', 'extra == "ray"')  # large, and nothing of `make test` needs them
    asked = [line for line in metadata.requires("prismrec") or () if not line.endswith(left_out)]
    wanted = {re.split(r"[><=!~;\[ ]", line)[0].lower().replace("_", "-") for line in asked}
    assert len(wanted) > 20
    assert wanted <= set(names)


def isolated(code: str, *, blocked: tuple[str, ...], cwd: Path) -> subprocess.CompletedProcess[str]:
    head = WITHOUT_TRAINING.format(blocked=set(blocked))
    return subprocess.run(
        [sys.executable, "-c", head + code], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


ANSWERS = """
import asyncio, json, pathlib
from prismrec.inprocess import ask
from prismrec.__main__ import main
folder = pathlib.Path({folder!r})
reply = ask(folder, "sqlite:///:memory:", "/recommend", {{"history": [{item!r}], "n": 3}})
assert len(reply["items"]) == 3 and reply["source"] == "model", reply
assert main(["verify", str(folder)]) == 0
import sys
assert not [name for name in sys.modules if name.partition(".")[0] in {blocked!r}]
"""


def test_service_and_its_verbs_answer_without_the_training_side(tmp_path):
    from bundle.reader import read_bundle
    from tests.builders import make_bundle

    folder = make_bundle(tmp_path / "models")
    item = read_bundle(folder).catalogue.ids[0]
    code = ANSWERS.format(folder=str(folder), item=item, blocked=set(BLOCKED))
    done = isolated(code, blocked=BLOCKED, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_blocking_really_blocks(tmp_path):
    done = isolated("import training.errors", blocked=BLOCKED, cwd=tmp_path)
    assert "blocked: training" in done.stderr


def test_training_side_imports_without_the_service(tmp_path):
    code = "import training.fit, training.export.pack, training.decode.map, training.evaluate.evaluate, prismrec.stages"
    done = isolated(code, blocked=("fastapi", "starlette", "uvicorn", "service"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


LOADS = """
from prismrec.__main__ import main
assert main(["load", "rows.csv", "--store", "sqlite:///store.sqlite"]) == 0
import sys
assert not [name for name in sys.modules if name.partition(".")[0] in {blocked!r}]
"""


def test_histories_are_loaded_with_the_extra_load_alone(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id,rating,timestamp\nu1,i1,5,1\nu1,i2,4,2\nu2,i1,3,3\n")
    blocked = (*(set(BLOCKED) - {"polars", "training"}), "fastapi", "starlette", "onnxruntime", "orjson", "structlog")
    done = isolated(LOADS.format(blocked=set(blocked)), blocked=blocked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "stored 3 of 3" in done.stdout


def test_load_without_polars_names_the_extra_without_torch(tmp_path):
    code = "import sys; from prismrec.__main__ import main; sys.exit(main(['load', '.', '--store', 'sqlite:///s']))"
    done = isolated(code, blocked=("torch", "polars"), cwd=tmp_path)
    assert done.returncode == 2
    assert "'prismrec[load]' is enough, without torch" in done.stderr


def test_verb_without_its_extra_says_which_to_install(tmp_path):
    code = "import sys; from prismrec.__main__ import main; sys.exit(main(['train', '.']))"
    done = isolated(code, blocked=("torch", "polars"), cwd=tmp_path)
    assert done.returncode == 2
    assert "hint: pip install 'prismrec[train]'" in done.stderr
