"""Which images the Dockerfile and docker-compose.yml begin from, and whether by digest.

A tag is moved by whoever owns it; a digest is the bytes. Which digest is the right one only a registry can say, so a
tag is no error here: it is said loudly, once an image. Exit 1 with PINNED=1 in the environment, for those who release.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARGUMENT = re.compile(r"^ARG (\w*IMAGE)=(\S+)", re.M)
VARIABLE = re.compile(r"\$\{(\w*IMAGE):-([^}]+)\}")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def bases(dockerfile: str, compose: str, environment: Mapping[str, str]) -> dict[str, str]:
    """variable -> the image that it stands for, as the environment has it or else the file."""
    written = dict(ARGUMENT.findall(dockerfile)) | dict(VARIABLE.findall(compose))
    return {name: environment.get(name) or image for name, image in sorted(written.items())}


def main() -> int:
    """Say what is named by tag; return the exit code."""
    found = bases(
        (ROOT / "Dockerfile").read_text("utf-8"), (ROOT / "docker-compose.yml").read_text("utf-8"), os.environ
    )
    loose = {name: image for name, image in found.items() if not DIGEST.search(image)}
    for name, image in loose.items():
        sys.stderr.write(f"NOT PINNED: {image} is named by its tag; where you release, set {name}=...@sha256:...\n")
    sys.stdout.write(f"base images: {len(found) - len(loose)} of {len(found)} by digest\n")
    return 1 if loose and os.environ.get("PINNED") else 0


if __name__ == "__main__":
    sys.exit(main())
