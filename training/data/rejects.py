"""Counting what is left out: every rejected line has a reason and, for the first few, a place."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from training.data.dataset import Reject
from training.errors import ConfigError, DataError

N_EXAMPLES = 3

# A pair that comes again is not a malformed line (people play a song twice): it is counted, never against --max-bad.
REPEATED = "same user and item again (the latest is kept)"
RERATED = "same user and item again with another rating (the latest is kept)"
WELL_FORMED = frozenset({REPEATED, RERATED})


class Tally:
    """Lines read from one file and the lines rejected, by reason."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.n_read = 0
        self._counts: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}

    def add(self, rejected: pl.DataFrame) -> None:
        """Count the rows of a frame with the columns `_line` and `_reason` (a null reason is a kept row)."""
        groups = (
            rejected.filter(pl.col("_reason").is_not_null())
            .group_by("_reason")
            .agg(pl.len().alias("count"), pl.col("_line").sort().head(N_EXAMPLES))
        )
        for reason, count, lines in groups.iter_rows():
            self._counts[reason] = self._counts.get(reason, 0) + count
            self._lines[reason] = sorted([*self._lines.get(reason, []), *lines])[:N_EXAMPLES]

    @property
    def rejects(self) -> tuple[Reject, ...]:
        """Most frequent first; equal counts by reason, so that the order is reproducible."""
        order = sorted(self._counts, key=lambda reason: (-self._counts[reason], reason))
        return tuple(
            Reject(reason, self._counts[reason], tuple(f"{self.file}:{line}" for line in self._lines[reason]))
            for reason in order
        )


def malformed(rejects: Sequence[Reject]) -> tuple[Reject, ...]:
    """The rejects that count against `--max-bad`."""
    return tuple(r for r in rejects if r.reason not in WELL_FORMED)


def check_max_bad(max_bad: float) -> None:
    """Raise ConfigError unless 0 <= max_bad <= 1."""
    if not 0.0 <= max_bad <= 1.0:
        raise ConfigError(
            f"--max-bad is {max_bad}; expected a share from 0 to 1", hint="0.01 allows one malformed line in a hundred"
        )


def check_share(file: str, *, n_read: int, rejects: Sequence[Reject], max_bad: float) -> None:
    """Raise DataError when more than `max_bad` of the lines are malformed, naming counts, places and the way on."""
    bad = malformed(rejects)
    n_bad = sum(r.count for r in bad)
    if n_bad <= max_bad * n_read:
        return
    reasons = "; ".join(f"{r.count:,} x {r.reason} ({', '.join(r.examples)})" for r in bad)
    raise DataError(
        f"{file}: {n_bad:,} of {n_read:,} lines ({n_bad / n_read:.1%}) are malformed, at most {max_bad:.1%} may be: "
        f"{reasons}",
        hint="repair the file, or raise the share that may be left out with --max-bad (0.05 = one line in twenty)",
    )
