"""The page and its JSON twin of a test that runs long on request, and what it ran on."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any


def this_machine() -> dict[str, Any]:
    """Cores, system and Python, as the pages name them."""
    return {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}


def publish(page: str, figures: dict[str, Any], results: Path | None) -> None:
    """Print the page, and write it with its figures as `results`.md and `results`.json; None = only print it."""
    print(page)
    if results is not None:
        results.with_suffix(".md").write_text(page, "utf-8")
        results.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
