"""What one run of the command knows: the global options, where results go and where notes go.

Results (a table, or with --json exactly one JSON document) go to stdout, everything else to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

WIDTH = 120  # of tables where stdout is not a terminal


@dataclass(frozen=True, slots=True)
class Session:
    """stdout is the real one: while a verb runs, sys.stdout is stderr, so that no library can spoil the document."""

    config: Path | None = None
    seed: int | None = None
    json: bool = False
    verbose: bool = False
    quiet: bool = False
    show_progress: bool = True
    stdout: TextIO = field(default_factory=lambda: sys.stdout)

    def note(self, text: str) -> None:
        """One line for the person who waits; silent with --quiet."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def result(self, document: Mapping[str, Any], show: Callable[[Console], None]) -> None:
        """The answer of the verb: `document` with --json, otherwise what `show` prints."""
        if self.json:
            self.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        else:
            width = None if self.stdout.isatty() else WIDTH
            show(Console(file=self.stdout, width=width, highlight=False, soft_wrap=False))
        self.stdout.flush()

    @property
    def bars(self) -> bool:
        """Whether progress bars are drawn: on a terminal, unless told not to."""
        return self.show_progress and not self.quiet and sys.stderr.isatty()

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[float], None]]:
        """A bar on a terminal, otherwise a line at each quarter; yields `reach(how_many_are_done)`."""
        if self.bars:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(what, total=total)
                yield lambda done: bar.update(task, completed=done)
        else:
            yield _Quarters(self.note, what, total)


def may_speak(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the one that the user hears: torchrun starts the whole command several times."""
    return "TORCHELASTIC_RUN_ID" not in environment or environment.get("RANK", "0") == "0"


class _Quarters:
    """Says how far the work is at 25, 50, 75 and 100 %."""

    def __init__(self, note: Callable[[str], None], what: str, total: int) -> None:
        self._note, self._what, self._total = note, what, max(total, 1)
        self._done = 0.0

    def __call__(self, done: float) -> None:
        before, self._done = self._done, done
        if 4 * done // self._total > 4 * before // self._total:
            self._note(f"{self._what}: {self._done} of {self._total}")


def session_of(context: typer.Context) -> Session:
    """The session that the command's callback made."""
    session = context.obj
    assert isinstance(session, Session)
    return session


def table_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; columns whose name starts with `>` are right-aligned."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    return table
