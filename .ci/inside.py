"""What is in an image, as JSON on stdout. Runs inside it, by its own Python, with nothing but the standard library.

.ci/image.py sends it there and judges what it finds.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

COMMANDS = ("gcc", "g++", "cc", "c++", "clang", "ld", "as", "make", "git", "pip", "pip3", "uv", "conda", "wheel")
NOT_LOOKED_INTO = ("/proc", "/sys", "/dev", "/models", "/store", "/tmp")  # noqa: S108 - it is passed over
INSTALLS = ("site-packages", "dist-packages")
LITTER = (".git", "tests", "test")
"""Folders that have no place among installed packages; a checkout has none anywhere."""


def main() -> None:
    """Print the facts."""
    facts = {
        "packages": {d.metadata["Name"]: d.version for d in metadata.distributions()},
        "commands": [name for name in COMMANDS if shutil.which(name)],
        "debian": debian(Path("/var/lib/dpkg/status")),
        "user": os.getuid(),
        **walked(),
    }
    json.dump(facts, sys.stdout, sort_keys=True)


def walked() -> dict[str, object]:
    """One walk over the whole image: .pth files with what they say, installed packages anywhere, litter."""
    pth, folders, litter = {}, {}, []
    for at, inside, files in os.walk("/"):
        inside[:] = [name for name in inside if str(Path(at, name)) not in NOT_LOOKED_INTO]
        path = Path(at)
        installed = any(part in INSTALLS for part in path.parts)
        if path.name in INSTALLS:
            folders[at] = sorted(name for name in inside if not name.startswith(("__", "_")))
        for name in files:
            if name.endswith((".pth", ".egg-link")):
                pth[str(path / name)] = (path / name).read_text("utf-8", "replace")
        litter += [str(path / name) for name in inside if name == ".git" or (installed and name in LITTER)]
    return {"pth": pth, "folders": folders, "litter": sorted(litter)}


def debian(status: Path) -> dict[str, str]:
    """Debian's packages and their versions; none on another system."""
    found = {}
    for block in status.read_text("utf-8").split("\n\n") if status.exists() else ():
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return found


if __name__ == "__main__":
    main()
