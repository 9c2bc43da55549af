"""Whether every installed package has a licence that this project may use. Gets pip-licenses' JSON on stdin.

`make check` runs it over the environment that make sets up. A licence is taken apart at AND, OR, WITH, comma and
semicolon; each part must be known here. Exit 1 and a line for each package that does not pass.
"""

from __future__ import annotations

import json
import re
import sys

ALLOWED = re.compile(
    r"""(the\ )?(mit|mit[- ]cmu|mit-0|isc|0bsd|zlib|unlicense|cc0-1\.0|bsl-1\.0|hpnd|psf-2\.0|python-2\.0
      |apache([- ](software[- ])?(license[- ]?)?,?(\ version)?\ ?2(\.0)?)?|apache\ software|apache-2\.0|llvm-exception
      |(2|3)-clause\ bsd|bsd(-[0-4]-clause)?|python\ software\ foundation|isc\ license\ \(iscl\)|dfsg\ approved
      |mpl-2\.0|mozilla\ public\ license\ 2\.0\ \(mpl\ 2\.0\)
      |lgpl-3\.0-only)(\ license)?""",
    re.IGNORECASE | re.VERBOSE,
)
"""Permissive ones; and used unchanged as libraries: MPL (certifi, orjson, ...), LGPL (psycopg, an extra)."""


def refused(licence: str) -> list[str]:
    """The parts of a licence that are not known to be allowed."""
    parts = re.split(r"\s+(?:AND|OR|WITH)\s+|[;,]\s*", licence.replace("(Apache-2.0 OR MIT)", "Apache-2.0 OR MIT"))
    return [part for part in (part.strip() for part in parts) if not ALLOWED.fullmatch(part)]


def main() -> int:
    """Read the report, say what does not pass, return the exit code."""
    packages = json.load(sys.stdin)
    bad = {p["Name"]: p["License"] for p in packages if refused(p["License"]) and p["Name"] != "prismrec"}
    for name, licence in sorted(bad.items()):
        sys.stderr.write(f"licence of {name} is not known to be allowed: {licence}\n")
    sys.stdout.write(f"licences: {len(packages) - len(bad)} of {len(packages)} packages pass\n")
    return 1 if bad or not packages else 0


if __name__ == "__main__":
    sys.exit(main())
