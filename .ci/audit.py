"""Known vulnerabilities of what is locked, by pip-audit; its JSON is on stdin.

A registry that has no such data, or no network, is said loudly and is no failure: the check is then the next machine's.
Exit 1 for a known vulnerability, unless it is in ACCEPTED with a reason.
"""

from __future__ import annotations

import json
import sys

ACCEPTED: dict[str, str] = {}
"""Id of a vulnerability -> why it does not reach us."""


def main() -> int:
    """Read the report, say what was found, return the exit code."""
    try:
        packages = json.load(sys.stdin)["dependencies"]
    except (ValueError, KeyError):
        return _not_checked("pip-audit gave no report (no network?)")
    asked = [p for p in packages if "skip_reason" not in p]
    if not asked:
        return _not_checked(f"the registry knows nothing of the {len(packages)} packages")
    found = [(p["name"], p["version"], v) for p in asked for v in p.get("vulns", ())]
    open_ones = [(name, version, v) for name, version, v in found if v["id"] not in ACCEPTED]
    for name, version, v in open_ones:
        fixed = ", ".join(v.get("fix_versions", ())) or "no release"
        sys.stderr.write(f"{name} {version}: {v['id']} (fixed in {fixed})\n")
    sys.stdout.write(f"vulnerabilities: {len(open_ones)} open, of {len(asked)} packages of {len(packages)}\n")
    return 1 if open_ones else 0


def _not_checked(why: str) -> int:
    sys.stderr.write(f"NOT CHECKED: known vulnerabilities, {why}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
