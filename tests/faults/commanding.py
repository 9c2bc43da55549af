"""The real command on real files, in a process of its own, and what it must say when it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HEADER = "user_id,item_id,rating\n"
ROWS = [f"u{user},i{item},5" for user in range(12) for item in range(6)]
GOOD = HEADER + "\n".join(ROWS) + "\n"
N_ROWS = len(ROWS)


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    def refused(self, *words: str) -> None:
        """Exit code 2, one error and one hint, no traceback, nothing on stdout; the error has these words."""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        hints = [line for line in self.err.splitlines() if line.startswith("hint: ")]
        assert self.code == 2, self.err
        assert len(errors) == len(hints) == 1, self.err
        assert "Traceback" not in self.err and self.out == ""
        assert all(word in errors[0] for word in words), errors[0]

    def accepted(self) -> None:
        assert self.code == 0, self.err
        assert "Traceback" not in self.err


def command(*words: str | Path, folder: Path | None = None, **environment: str) -> Said:
    """Run it to its end. folder: where; environment: variables more."""
    found = subprocess.run(
        [sys.executable, "-m", "prismrec", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **environment},
        timeout=240,
        check=False,
    )
    return Said(found.returncode, found.stdout, found.stderr)


def data_of(folder: Path, content: bytes | str, *, name: str = "interactions.csv") -> Path:
    """A data set's folder with one table."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
