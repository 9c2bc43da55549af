"""The real service in a control group: `python -m tests.faults.limited GROUP/cgroup.procs`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    Path(sys.argv[1]).write_text("0")  # this process; before the imports, so that what they take is counted
    from service.__main__ import main

    sys.exit(main())
