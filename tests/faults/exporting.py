"""`prismrec export` killed while it computes, and then again: `python -m tests.faults.exporting FOLDER SEED KILLS`.

Each export is the whole command in a child of its own; what takes long to import is imported once, before. Prints as
JSON: the kills, the files that each left beside the run, and what differs of the bundle that came out in the end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxscript  # noqa: F401  # torch's exporter imports it at its first graph

from prismrec.__main__ import main as prismrec
from tests.training.export.planted_run import planted_run
from training.export import pack

LONGEST = 0.8
"""Graphs take longer than this on any machine: whoever is killed by then has packed nothing."""

Content = dict[str, bytes]


def content(folder: Path) -> Content:
    """Every file below a folder, by its path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def started(root: Path, models: str, *, leave: bool) -> tuple[int, int]:
    """(child, a pipe): a child exports the run into a folder of models; the pipe gets a byte as it begins to compute.

    leave: it leaves a file where it works, as the exporter must not: the control.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.dup2(2, 1)  # standard output is for what comes of it all
    pack.export_graphs = _telling(writing, pack.export_graphs, root / "half.onnx" if leave else None)
    os._exit(prismrec(["export", str(root / "run"), "--out", str(root / models / "demo"), "--quiet"]))


def _telling(writing: int, export: Callable[..., Any], leaves: Path | None) -> Callable[..., Any]:
    def told(*args: Any) -> Any:
        if leaves is not None:
            leaves.write_bytes(b"half")
        os.write(writing, b".")
        return export(*args)

    return told


def killed(root: Path, seconds: float, *, leave: bool = False) -> list[str]:
    """Kill an export so long after it began to compute; the files that were not there before, or are not the same."""
    before = content(root)
    child, telling = started(root, "models", leave=leave)
    assert os.read(telling, 1), "it ended before it computed"
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(telling)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it had ended by then"
    after = content(root)
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def whole(root: Path, models: str) -> Content:
    """The files of an export that is left alone; of the manifest all but when it was made, and the digest of that."""
    child, telling = started(root, models, leave=False)
    _, status = os.waitpid(child, 0)
    os.close(telling)
    assert os.waitstatus_to_exitcode(status) == 0
    found = content(root / models / "demo")
    manifest = json.loads(found["1/manifest.json"])
    return found | {"1/manifest.json": json.dumps({**manifest, "created": None, "digest": None}).encode()}


def main() -> None:
    root, rng = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    planted_run(root / "run")
    (root / "tmp").mkdir()
    os.environ["TMPDIR"] = str(root / "tmp")
    os.chdir(root)
    left = [killed(root, rng.uniform(0.0, LONGEST)) for _ in range(int(sys.argv[3]))]
    control = killed(root, 0.0, leave=True)
    (root / "half.onnx").unlink()
    after, alone = whole(root, "models"), whole(root, "elsewhere")
    differs = sorted(name for name in after.keys() | alone.keys() if after.get(name) != alone.get(name))
    print(json.dumps({"left": left, "control": control, "differs": differs, "tmp": list(content(root / "tmp"))}))


if __name__ == "__main__":
    main()
