"""`python -m prismrec.clientmaking [--check] openapi/openapi.json`: write the client's generated files, or compare."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import prismrec
from prismrec.clientmaking.document import Document, UnsupportedError
from prismrec.clientmaking.models import model_modules
from prismrec.clientmaking.operations import operation_modules
from prismrec.clientmaking.problems import problem_module

CLIENT = Path(prismrec.__file__).parent / "client"
RULES = CLIENT.parents[1] / "pyproject.toml"
FOLDERS = ("models", "operations")
HEAD = "# Made by `make client` from openapi/openapi.json; do not edit.\n# ruff: noqa: PLR0913\n"
USAGE = "error: one file is needed\nhint: python -m prismrec.clientmaking [--check] openapi/openapi.json\n"


def made_from(document: Document) -> dict[str, str]:
    """Path below prismrec/client -> text, formatted."""
    found = {f"models/{name}.py": text for name, text in model_modules(document).items()}
    found |= {f"operations/{name}.py": text for name, text in operation_modules(document).items()}
    found["problems.py"] = problem_module(document)
    return _formatted({path: HEAD + text for path, text in sorted(found.items())})


def differing(made: Mapping[str, str], folder: Path) -> list[str]:
    """The paths whose file is missing, not the same, or not among those made."""
    there = {str(path.relative_to(folder)) for part in FOLDERS for path in (folder / part).glob("*.py")}
    wrong = [path for path, text in made.items() if not _same(folder / path, text)]
    return sorted({*wrong, *(there - set(made))})


def main(arguments: list[str], folder: Path = CLIENT) -> int:
    """0 = written or equal, 1 = some file differs, 2 = bad use."""
    check = "--check" in arguments
    paths = [argument for argument in arguments if not argument.startswith("-")]
    if len(paths) != 1 or set(arguments) - set(paths) - {"--check"}:
        sys.stderr.write(USAGE)
        return 2
    try:
        made = made_from(Document(json.loads(Path(paths[0]).read_text("utf-8"))))
    except UnsupportedError as error:
        sys.stderr.write(f"error: {error}\nhint: add a rule for it to prismrec/clientmaking\n")
        return 2
    differ = differing(made, folder)
    if check:
        if differ:
            sys.stderr.write(f"error: not what {paths[0]} makes: {', '.join(differ)}\nhint: run `make client`\n")
        return int(bool(differ))
    for path in differ:
        if path in made:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(made[path], encoding="utf-8")
        else:
            (folder / path).unlink()
    return 0


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


def _formatted(texts: Mapping[str, str]) -> dict[str, str]:
    """As the linter wants them: imports sorted, no needless noqa, lines broken."""
    with tempfile.TemporaryDirectory() as made:
        for path, text in texts.items():
            (Path(made) / path).parent.mkdir(exist_ok=True)
            (Path(made) / path).write_text(text, encoding="utf-8")
        for command in (["check", "--select", "I,PLR0913,RUF100", "--fix", "--quiet"], ["format", "--quiet"]):
            asked = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", str(RULES), made]
            subprocess.run(asked, check=True)  # noqa: S603 - our own texts
        return {path: (Path(made) / path).read_text("utf-8") for path in texts}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
