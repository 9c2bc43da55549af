"""The real service, each file that it opens written down: `python -m tests.faults.auditing FILE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from service.__main__ import main


def write_down(descriptor: int) -> None:
    """From now on every path that Python opens or lists is a line there."""

    def hook(event: str, given: tuple[object, ...]) -> None:
        if event in {"open", "os.listdir", "os.scandir"} and isinstance(given[0], str | bytes | os.PathLike):
            os.write(descriptor, os.fsencode(given[0]).replace(b"\n", b"?") + b"\n")

    sys.addaudithook(hook)


if __name__ == "__main__":
    write_down(os.open(Path(sys.argv[1]), os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    sys.exit(main())
