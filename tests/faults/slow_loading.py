"""The real service on a disk so slow that a bundle takes some time to load: `python -m tests.faults.slow_loading S`.

A load says on stderr when it begins and when it ends, so that a test knows when to strike, and sees two at once.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from bundle.reader import Admit
from service import app
from service.__main__ import main
from service.bundles.loader import load_bundle
from service.engine import LoadedBundle
from service.telemetry.stages import Observer

BEGINS, ENDS = "load begins", "load ends"


def _say(event: str) -> None:
    os.write(2, b'{"event": "%s"}\n' % event.encode())


def load_slowly(folder: Path, observe: Observer | None = None, admit: Admit | None = None) -> LoadedBundle:
    """`service.bundles.loader.load_bundle`, and then a while."""
    _say(BEGINS)
    try:
        loaded = load_bundle(folder, observe, admit)
        time.sleep(float(sys.argv[1]))
        return loaded
    finally:
        _say(ENDS)


if __name__ == "__main__":
    app.load_bundle = load_slowly  # type: ignore[attr-defined]
    sys.exit(main())
