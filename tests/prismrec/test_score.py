"""`prismrec score`: the service's lists for everybody, in parts that survive a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prismrec.__main__ import main
from prismrec.inprocess import ask
from prismrec.scoring import histories as histories_file
from prismrec.scoring import local
from prismrec.scoring.histories import Chunk, Histories, histories_of
from prismrec.scoring.lists import Lists, Part
from service.bundles.loader import load_bundle
from service.limits import LIMITS
from tests.builders import make_bundle
from tests.prismrec.test_bad_input import refused

N_USERS = 23
OF_OTHER_DATA = "elsewhere"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models/demo and log.csv: 23 users, u22 of whom knows nothing that the bundle has."""
    monkeypatch.chdir(tmp_path)
    make_bundle(tmp_path / "models")
    rng = np.random.default_rng(0)
    rows = [(f"u{u:02d}", f"m{i}") for u in range(N_USERS - 1) for i in rng.choice(50, 4 + u % 3, replace=False)]
    rows += [("u22", OF_OTHER_DATA), ("u03", OF_OTHER_DATA)]
    text = "".join(f"{user},{item}\n" for user, item in rng.permutation(rows))
    (tmp_path / "log.csv").write_text("user_id,item_id\n" + text)
    return tmp_path


def score(*words: str, out: str = "scores.parquet", batch: int = 5) -> int:
    return main(["score", "log.csv", "--bundle", "models/demo", "-o", out, "--batch", str(batch), "--json", *words])


def histories() -> dict[str, list[str]]:
    table = pl.read_csv("log.csv")
    return dict(table.group_by("user_id").agg("item_id").iter_rows())


def test_lists_are_those_of_the_service_for_the_same_histories(capsys: pytest.CaptureFixture[str]) -> None:
    assert score("-n", "7") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["users"], document["parts"], document["unknown_items"]) == (N_USERS, 5, 2)
    assert document["users_without_history"] == 1
    table = pl.read_parquet("scores.parquet")
    assert table["user_id"].unique(maintain_order=True).to_list() == sorted(histories())
    for user, items in histories().items():
        reply = ask(Path("models/demo"), None, "/recommend", {"history": items, "n": 7})
        mine = table.filter(pl.col("user_id") == user)
        assert mine["item_id"].to_list() == [item["item_id"] for item in reply["items"]]
        assert mine["rank"].to_list() == [item["rank"] for item in reply["items"]]
        assert mine["score"].to_list() == pytest.approx([item["score"] for item in reply["items"]], abs=1e-5)
        assert set(mine["source"]) == {reply["source"]}
        assert not set(mine["item_id"]) & set(items)


def test_seen_items_are_listed_only_when_asked_for() -> None:
    assert score("-n", "50", "--include-seen") == 0
    assert pl.read_parquet("scores.parquet").group_by("user_id").len()["len"].unique().to_list() == [50]


def test_ratings_below_the_threshold_are_no_history() -> None:
    Path("log.csv").write_text("user_id,item_id,rating\nu1,m1,5\nu1,m2,1\nu2,m3,1\n")
    assert score("-n", "50", "--threshold", "4") == 0
    table = pl.read_parquet("scores.parquet")
    assert set(table["user_id"]) == {"u1"}
    assert "m1" not in table["item_id"]
    assert "m2" in table["item_id"]


def test_folder_holds_a_file_of_one_row_group_for_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert score("-n", "3") == 0
    assert score("-n", "3", out="parts") == 0
    names = sorted(path.name for path in Path("parts").iterdir())
    assert names == [*(f"part-{k:06d}.parquet" for k in range(5)), "scores.json"]
    assert json.loads(Path("parts/scores.json").read_text())["complete"] is True
    assert pl.read_parquet("parts/*.parquet").equals(pl.read_parquet("scores.parquet"))
    before = Path("parts/part-000002.parquet").stat().st_mtime_ns
    assert score("-n", "3", out="parts") == 0  # all there: nothing is done again
    assert "5 of 5 parts are there already" in capsys.readouterr().err
    assert Path("parts/part-000002.parquet").stat().st_mtime_ns == before


def test_interrupted_it_keeps_the_parts_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = local.here

    def two_parts(*arguments: object) -> Iterator[Part]:
        for number, part in enumerate(real(*arguments)):  # type: ignore[arg-type]
            if number == 2:
                raise KeyboardInterrupt
            yield part

    monkeypatch.setattr(local, "here", two_parts)
    assert score() == 130
    assert "2 of 5 parts are finished and kept" in capsys.readouterr().err
    assert not Path("scores.parquet").exists()


KILLED = """
import os, signal, sys
from prismrec.__main__ import main
from prismrec.scoring import parts
real = parts._write
def write(path, content):
    if path.name == "part-000003.parquet":
        path.with_name("." + path.name + ".staged").write_bytes(content[:40])  # half of it is written
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, content)
parts._write = write
sys.exit(main(sys.argv[1:]))
"""


def test_killed_in_the_middle_of_a_part_it_goes_on_to_the_same_file(here: Path) -> None:
    assert score(out="whole.parquet") == 0
    words = ["score", "log.csv", "--bundle", "models/demo", "-o", "scores.parquet", "--batch", "5"]
    done = subprocess.run([sys.executable, "-c", KILLED, *words], check=False, cwd=here, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(Path("scores.parquet.parts").glob("part-*"))) == 3
    assert score() == 0
    assert Path("scores.parquet").read_bytes() == Path("whole.parquet").read_bytes()
    assert not Path("scores.parquet.parts").exists()


@pytest.mark.slow
def test_several_processes_give_the_same_file() -> None:
    assert score(out="whole.parquet") == 0
    assert score("--workers", "2") == 0
    assert Path("scores.parquet").read_bytes() == Path("whole.parquet").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="NO RAY: pip install 'prismrec[ray]' to run scoring on Ray Data")
def test_ray_gives_the_same_file(here: Path) -> None:
    assert score(out="whole.parquet") == 0
    words = ["score", "log.csv", "--bundle", "models/demo", "-o", "scores.parquet", "--batch", "5", "--ray"]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        [sys.executable, "-m", "prismrec", *words, "--workers", "2"],
        check=False, cwd=here, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Path("scores.parquet").read_bytes() == Path("whole.parquet").read_bytes()


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("prismrec.scoring.on_ray.find_spec", lambda name: None)
    said = refused(["score", "log.csv", "--bundle", "models/demo", "-o", "x", "--ray"], capsys)
    assert "prismrec[ray]" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-n", "501"], "at most 500"),
        (["-o", "models"], "models holds other things"),
        (["-o", "log.csv"], "log.csv is a file"),
        (["-o", "there.parquet"], "there.parquet is there already"),
        (["-o", "parts", "-n", "9"], "holds lists with n 100, asked for is 9"),
        (["-o", "parts", "--include-seen"], "holds lists with include_seen False"),
        (["--bundle", "models/nobody"], "nobody does not exist"),
    ],
)
def test_what_cannot_be_done_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("there.parquet").write_bytes(b"")
    assert score(out="parts") == 0
    capsys.readouterr()
    assert said in refused(["score", "log.csv", "--bundle", "models/demo", "-o", "new", *words], capsys)


def test_other_histories_do_not_get_into_the_same_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert score(out="parts") == 0
    with Path("log.csv").open("a") as log:
        log.write("u00,m49\n")
    capsys.readouterr()
    command = ["score", "log.csv", "--bundle", "models/demo", "-o", "parts", "--batch", "5"]
    assert "holds lists with histories" in refused(command, capsys)


WITHOUT_TORCH = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "lightning", "fastapi"}:
            raise ModuleNotFoundError("blocked: " + name, name=name)
sys.meta_path.insert(0, Blocked())
from prismrec.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_scoring_needs_no_torch(here: Path) -> None:
    words = ["score", "log.csv", "--bundle", "models/demo", "-o", "scores.parquet"]
    command = [sys.executable, "-c", WITHOUT_TORCH]
    done = subprocess.run([*command, *words], check=False, cwd=here, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    control = subprocess.run([*command, "train", "log.csv"], check=False, cwd=here, capture_output=True, text=True)
    assert control.returncode == 2


def seen_at_a_time(make: Iterable[Part], asked: list[int]) -> int:
    """The most chunks that were asked for and not yet answered while the parts were taken."""
    most = 0
    for taken, _ in enumerate(make):
        most = max(most, len(asked) - taken)
    return most


def counted(chunks: Iterable[Chunk], asked: list[int]) -> Iterator[Chunk]:
    for chunk in chunks:
        asked.append(chunk.number)
        yield chunk


def test_one_part_is_in_memory_at_a_time() -> None:
    engine = load_bundle(Path("models/demo/1"))
    found = histories_of(pl.read_csv("log.csv").with_columns(timestamp=None), engine.catalogue.ids)
    asked: list[int] = []
    assert seen_at_a_time(local.here(engine, counted(found.each(2, range(12)), asked), Lists(5)), asked) == 1
    asked = []
    at_once = list(counted(found.each(2, range(12)), asked))  # the control: all chunks first
    assert seen_at_a_time(local.here(engine, at_once, Lists(5)), asked) == 12


def long_histories(monkeypatch: pytest.MonkeyPatch) -> Histories:
    """Users of which the service would store the newest three interactions."""
    monkeypatch.setattr(histories_file, "LIMITS", replace(LIMITS, history=3))
    rows = [("a", "m1", 50), ("b", "m9", 5), ("a", "m2", 10), ("a", "m3", None), ("a", "m4", 10), ("a", "m5", 20)]
    table = pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}, orient="row")
    return histories_of(table, tuple(f"m{i}" for i in range(50)))


def test_of_a_long_history_the_newest_are_encoded_and_nothing_of_it_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = long_histories(monkeypatch)
    chunk = found.chunk(0, 10)
    assert chunk.users == ("a", "b")
    assert chunk.items[: chunk.starts[1]].tolist() == [1, 3, 5]  # no time: newest; then 50 and 20
    assert chunk.items[chunk.starts[1] :].tolist() == [9]
    assert {u: items.tolist() for u, items in chunk.older.items()} == {0: [2, 4]}
    engine = load_bundle(Path("models/demo/1"))
    (part,) = local.here(engine, [chunk], Lists(50))
    table = pl.read_parquet(part.content).filter(pl.col("user_id") == "a")
    assert not {f"m{i}" for i in range(1, 6)} & set(table["item_id"])
    assert len(table) == 45


def test_chunks_cut_the_users_and_keep_what_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = long_histories(monkeypatch)
    first, second = found.each(1, [0, 1])
    assert (first.users, first.starts.tolist(), set(first.older)) == (("a",), [0, 3], {0})
    assert (second.users, second.items.tolist(), set(second.older)) == (("b",), [9], set())


def test_long_history_whose_older_items_are_all_unknown_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories_file, "LIMITS", replace(LIMITS, history=2))
    rows = [("a", "m1", 50), ("a", "m2", 40), ("a", "unknown", 1), ("b", "m9", 5)]
    table = pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}, orient="row")
    found = histories_of(table, tuple(f"m{i}" for i in range(50)))
    assert (found.older, found.n_unknown, found.items.tolist()) == ({}, 1, [1, 2, 9])
