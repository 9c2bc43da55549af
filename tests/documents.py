"""The code blocks of a document, and whether what a command printed is what the document shows.

The convention for README.md, models/README.md and docs/client.md
-----------------------------------------------------------------
Fenced blocks tagged `console`, `bash` and `python` are run, in order, in a folder that holds `runs/demo-data`,
`runs/demo`, `models/demo/1` and `models/demo.sqlite` as `make demo` leaves them (less training, so other numbers),
beside a running service. `127.0.0.1:8000` and `localhost:8000` mean that service, `prismrec` this checkout's command.
Other tags (toml, json, text, no tag) are not run.

    <!-- run: skip needs a network -->    on the line before a fence: not run, and the reason is printed
    <!-- run: exit 2 -->                  the last command of the block must leave with this code

`console`  `$ command` (a `\\` at the end of the line: it goes on on the next), then the lines that it prints, if the
           document shows any. Output that is JSON is compared by shape: the same keys and types; null stands for any
           type; numbers, strings and lengths may differ. The element "..." of a list and the key "..." of an object
           stand for more of the same. Other output is compared line by line: each line shown must come, in that order,
           with other lines between; every number stands for any number, runs of blanks and rules for one, and `...`
           for anything. `$ make target` is not run: that the Makefile has the target is checked.
`bash`     a script (set -eu); only its exit code counts.
`python`   run in one namespace with the document's python blocks before it; only an exception fails it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FENCE = re.compile(r"^(?P<indent> *)```(?P<tag>\w*)\s*$")
ORDER = re.compile(r"^\s*<!--\s*run:\s*(?P<what>skip|exit)\s+(?P<rest>.*?)\s*-->\s*$")
RUN = ("console", "bash", "python")
MORE = "..."


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a console block and the output shown below it."""

    command: str
    shown: str


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it starts, its tag, its text, and what the comment before it asks."""

    document: str
    line: int
    tag: str
    text: str
    skip: str | None = None
    exit_code: int = 0

    @property
    def name(self) -> str:
        return f"{self.document}:{self.line}:{self.tag}"

    def steps(self) -> Iterator[Step]:
        """The commands of a console block with what is shown of their output."""
        parts = re.split(r"^\$ ", self.text.replace("\\\n", " "), flags=re.MULTILINE)
        if parts[0].strip():
            raise ValueError(f"{self.name}: a console block begins with `$ command`")
        for part in parts[1:]:
            command, _, shown = part.partition("\n")
            yield Step(" ".join(command.split("\n")), shown.strip("\n"))


def blocks(path: Path, name: str) -> list[Block]:
    """The blocks of a document that are to be run or skipped, in order."""
    found: list[Block] = []
    lines = path.read_text("utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        if opening is None:
            number += 1
            continue
        closing = next(k for k in range(number + 1, len(lines)) if lines[k].strip() == "```")
        if opening["tag"] in RUN:
            indent = len(opening["indent"])
            text = "\n".join(line[indent:] for line in lines[number + 1 : closing])
            before = next((line for line in reversed(lines[:number]) if line.strip()), "")
            found.append(Block(name, number + 1, opening["tag"], text, **_order(before)))
        number = closing + 1
    return found


def _order(line: str) -> dict[str, Any]:
    order = ORDER.match(line)
    if order is None:
        return {}
    return {"skip": order["rest"]} if order["what"] == "skip" else {"exit_code": int(order["rest"])}


def difference(shown: str, printed: str) -> str | None:
    """None when `printed` is what the document shows, otherwise what is not, in words."""
    if not shown.strip():
        return None
    try:
        expected = json.loads(shown)
    except ValueError:
        return _lines_differ(shown, printed)
    try:
        actual = json.loads(printed)
    except ValueError:
        return f"expected JSON, got {printed[:200]!r}"
    return _shapes_differ(expected, actual, "$")


def _shapes_differ(expected: Any, actual: Any, where: str) -> str | None:
    if expected is None or actual is None or expected == MORE:
        return None
    if _kind(expected) is not _kind(actual):
        return f"{where}: the document shows {_kind(expected).__name__}, the reply has {_kind(actual).__name__}"
    if isinstance(expected, dict):
        shown = set(expected) - {MORE}
        missing, extra = shown - set(actual), set(actual) - shown
        if missing or (extra and MORE not in expected):
            return f"{where}: not in the reply {sorted(missing)}, not in the document {sorted(extra)}"
        pairs = [(expected[key], actual[key], f"{where}.{key}") for key in shown]
    elif isinstance(expected, list):
        samples = [element for element in expected if element != MORE]
        pairs = [(samples[0], element, f"{where}[{i}]") for i, element in enumerate(actual)] if samples else []
    else:
        return None
    return next((told for pair in pairs if (told := _shapes_differ(*pair))), None)


def _kind(value: Any) -> type:
    """JSON's kind: a number is a number, whole or not."""
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _lines_differ(shown: str, printed: str) -> str | None:
    rest = iter([_plain(line) for line in printed.splitlines()])
    for line in shown.splitlines():
        if line.strip() in {"", MORE}:
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in _plain(line).split(MORE)))
        if not any(pattern.fullmatch(candidate) for candidate in rest):
            return f"this line does not come (any more): {line!r}\nprinted:\n{printed}"
    return None


def _plain(line: str) -> str:
    """The line with every number as 0 and runs of blanks and rules as one."""
    numbered = re.sub(r"[+-]?\d+(?:\.(?=\d)\d+)?(?:e[+-]?\d+)?", "0", line.strip())
    return re.sub(r"([-_=─━]){2,}", r"\1", re.sub(r"\s+", " ", numbered))
