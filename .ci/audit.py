"""Known vulnerabilities of what is locked, and of what may be added to the image: `python .ci/audit.py PIP-AUDIT`.

pip-audit asks the package index, and where that knows nothing (mirrors often do not) OSV. Where neither has data, or
there is no network, that is said loudly and is no failure: the check is then the next machine's. Exit 1 for a known
vulnerability, unless it is in ACCEPTED with a reason. OSV_URL: another address of OSV.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"
LISTS = (REQUIREMENTS.parent / "requirements.lock", *sorted(REQUIREMENTS.glob("add-*.txt")))
PIN = re.compile(r"^[a-z0-9][a-z0-9.-]*==[^ ;\\\n]+", re.M)
SERVICES = ("pypi", "osv")

ACCEPTED: dict[str, str] = {}
"""Id of a vulnerability -> why it does not reach us."""

Package = Mapping[str, Any]


def main() -> int:
    """Ask, say what was found, return the exit code."""
    return judge({path.name: ask(sys.argv[1], pins(path)) for path in LISTS})


def pins(path: Path) -> list[str]:
    """The name==version entries of a file, hashes and markers left out; torch, of which no file has hashes, is one."""
    return PIN.findall(path.read_text("utf-8"))


def ask(tool: str, pinned: Sequence[str], *, services: Iterable[str] = SERVICES) -> list[Package]:
    """pip-audit's word on each package, from the first service that knows any; [] where it gives none."""
    found: list[Package] = []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(pinned) + "\n")
        listed.flush()
        for service in services:
            command = [tool, "--progress-spinner=off", "--disable-pip", "--no-deps", "--timeout=15", "--format=json"]
            command += [f"--vulnerability-service={service}", f"--requirement={listed.name}"]
            if service == "osv" and "OSV_URL" in os.environ:
                command.append(f"--osv-url={os.environ['OSV_URL']}")
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own tool
            try:
                found = json.loads(done.stdout)["dependencies"]
            except (ValueError, KeyError):
                continue
            if any(known(package) for package in found):
                break
    return found


def known(package: Package) -> bool:
    """Whether the service could say anything of the package."""
    return "skip_reason" not in package


def judge(reports: Mapping[str, Sequence[Package]]) -> int:
    """Say what the reports (name of a list -> its packages) come to; the exit code."""
    open_ones = 0
    for name, packages in reports.items():
        asked = [package for package in packages if known(package)]
        for package in asked:
            for found in package.get("vulns", ()):
                if found["id"] in ACCEPTED:
                    continue
                open_ones += 1
                fixed = ", ".join(found.get("fix_versions", ())) or "no release"
                sys.stderr.write(f"{package['name']} {package['version']}: {found['id']} (fixed in {fixed})\n")
        if not asked:
            why = f"nobody knows anything of its {len(packages)} packages" if packages else "no answer (no network?)"
            sys.stderr.write(f"NOT CHECKED: known vulnerabilities of {name}, {why}\n")
        else:
            sys.stdout.write(f"vulnerabilities: {len(asked)} of {len(packages)} packages of {name} looked at\n")
    if open_ones:
        sys.stderr.write(f"vulnerabilities: {open_ones} open\n")
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
