"""The options that every verb takes, before or after it: `prismrec --json train x` is `prismrec train x --json`."""

from __future__ import annotations

from collections.abc import Sequence

TAKES_VALUE = {"-c": True, "--config": True, "--seed": True}
TAKES_VALUE |= dict.fromkeys(("--json", "-v", "-vv", "--verbose", "--no-progress", "-q", "--quiet"), False)

EPILOG = "Anywhere on the line: -c FILE, --seed N, --json, -v, -q, --no-progress (see prismrec --help)."


def hoist(argv: Sequence[str]) -> list[str]:
    """The same arguments with the global ones first, where Typer's callback reads them. `--` ends the search.

    >>> hoist(["train", "data", "--seed", "3", "--json"])
    ['--seed', '3', '--json', 'train', 'data']
    """
    front: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in TAKES_VALUE:
            front.append(word)
            if TAKES_VALUE[word]:
                front += [value for value in (next(words, None),) if value is not None]
        elif word.partition("=")[0] in TAKES_VALUE and word.startswith("--"):
            front.append(word)
        else:
            rest.append(word)
    return front + rest
