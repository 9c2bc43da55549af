"""Turn pip's installation report (on stdin) into constraints (on stdout): sorted `name==version` lines, no hosts.

`make lock` runs it. A local version ("2.13.0+cpu") is cut: every build of a release satisfies the line. Packages that
only GPU builds of torch bring are left out, so that the lock does not depend on which build resolved it.
"""

from __future__ import annotations

import json
import re
import sys

GPU_ONLY = re.compile(r"nvidia-|triton|cuda-")
HEAD = """\
# Exact versions for serve, train, test, traces and fetch, as pip constraints (pip install -c requirements.lock ...).
# Made by `make lock` on CPython {python}; do not edit.
"""


def constraints(report: dict[str, object]) -> list[str]:
    """The lines, from a report of `pip install --dry-run --report`; the project itself is not among them."""
    packages = [entry["metadata"] for entry in report["install"]]  # type: ignore[attr-defined]
    pinned = {re.sub(r"[-_.]+", "-", p["name"]).lower(): p["version"].partition("+")[0] for p in packages}
    return [f"{name}=={pinned[name]}" for name in sorted(pinned) if name != "prismrec" and not GPU_ONLY.match(name)]


if __name__ == "__main__":
    found = json.load(sys.stdin)
    python = ".".join(found["environment"]["python_full_version"].split(".")[:2])
    sys.stdout.write(HEAD.format(python=python) + "\n".join(constraints(found)) + "\n")
