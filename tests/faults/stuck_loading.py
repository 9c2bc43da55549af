"""The real service and a version that loads once it is let go: `python -m tests.faults.stuck_loading V FILE S`.

Version V waits until FILE is there. A load has S seconds. Each says on stderr when it begins.
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
from service.limits import LIMITS
from service.telemetry.stages import Observer


def load_or_wait(folder: Path, observe: Observer | None = None, admit: Admit | None = None) -> LoadedBundle:
    """`service.bundles.loader.load_bundle`, sooner or later."""
    os.write(2, b'{"event": "load begins", "version": "%s"}\n' % folder.name.encode())
    while folder.name == sys.argv[1] and not Path(sys.argv[2]).exists():
        time.sleep(0.02)
    return load_bundle(folder, observe, admit)


if __name__ == "__main__":
    object.__setattr__(LIMITS, "load_seconds", float(sys.argv[3]))
    app.load_bundle = load_or_wait  # type: ignore[attr-defined]
    sys.exit(main())
