"""The results of a benchmark as a page and its JSON twin, with what they were made on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write(
    module: str,
    measured: list[dict[str, Any]],
    as_page: Callable[[dict[str, Any]], str],
    *,
    results: Path | None,
    **asked: object,
) -> None:
    """Write `results`.md, which as_page makes of the document, and that as `results`.json; None = print the page.

    module   what was run, as `python -m` takes it; with this process' arguments it is the command
    asked    what else the document shall say of how it was measured
    """
    from training.machine import machine
    from training.provenance import git_state, library_versions

    git = git_state()
    document = {
        "command": " ".join(["python -m", module, *sys.argv[1:]]),
        **asked,
        "commit": None if git is None else git.commit,
        "machine": machine(library_versions()),
        "measured": measured,
    }
    page = as_page(document)
    if results is None:
        print(page)
        return
    results.parent.mkdir(parents=True, exist_ok=True)
    results.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    results.with_suffix(".md").write_text(page)
