"""When to try again what was refused for a reason that may pass by itself: soon at first, then ever later."""

from __future__ import annotations

from collections.abc import Callable

from bundle.errors import LateError, MemoryShortError, UnforeseenError

PASSING = frozenset({MemoryShortError.reason, LateError.reason, UnforeseenError.reason})
"""Refusals that another try may not meet, though the bundle is the same."""
LONGEST = 300.0
"""Seconds between two tries at most: each costs a look at the memory, and a line of the log."""


class Backoff:
    """After a passing refusal a wait of `first` seconds, then of twice as many each time, at most LONGEST.

    clock: seconds; where it is set back, the wait is over.
    """

    def __init__(self, clock: Callable[[], float], *, first: float) -> None:
        self._clock, self._first, self._wait = clock, first, first
        self._since: float | None = None

    def heard(self, reason: str | None) -> None:
        """What an attempt came to, by the reason of its refusal; None = it was taken."""
        if reason is None:
            self.forget()
        elif reason in PASSING and self._since is None:
            self._since = self._clock()

    def forget(self) -> None:
        """There is nothing to try again, or something new to try."""
        self._wait, self._since = self._first, None

    def is_over(self) -> bool:
        """Whether a wait has ended, said once; the next one is longer."""
        if self._since is None or 0 <= self._clock() - self._since < self._wait:
            return False
        self._wait, self._since = min(2 * self._wait, LONGEST), None
        return True
