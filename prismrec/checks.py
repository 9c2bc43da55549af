"""PASS and FAIL lines: what `data validate`, `verify` and `doctor` print, and the exit code that follows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from prismrec.failures import CHECK_FAILED
from prismrec.session import Session

WORDS = {True: ("PASS", "green"), False: ("FAIL", "red"), None: ("SKIP", "yellow")}


@dataclass(frozen=True, slots=True)
class Line:
    """One check. passed None = not run (an earlier one failed, or it does not apply); hint: what to do on FAIL."""

    name: str
    passed: bool | None
    detail: str
    hint: str | None = None


def print_checks(session: Session, lines: Sequence[Line]) -> None:
    """Print the lines as the verb's result. Raises typer.Exit(1) when one failed."""
    failed = sum(line.passed is False for line in lines)

    def show(console: Console) -> None:
        for line in lines:
            word, colour = WORDS[line.passed]
            text = Text(f"{word}  ", style=colour) + Text(f"{line.name}: {line.detail}", style="default")
            console.print(text, soft_wrap=True)
            if line.passed is False and line.hint:
                console.print(Text(f"      hint: {line.hint}"), soft_wrap=True)
        ran = [line for line in lines if line.passed is not None]
        console.print(f"{len(ran) - failed} of {len(ran)} checks passed")

    session.result({"passed": failed == 0, "checks": [asdict(line) for line in lines]}, show)
    if failed:
        raise typer.Exit(CHECK_FAILED)


def check_writable(what: str, folder: Path) -> Line:
    """Whether `folder` can be written, or made where it does not exist yet."""
    existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    made = "" if existing == folder.absolute() else " (will be made)"
    return Line(f"write access to {what}", writable, f"{folder}{made}", hint=f"change the permissions of {existing}")
