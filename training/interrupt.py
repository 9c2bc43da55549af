"""Ctrl-C while training: the step is finished, the best checkpoint is kept, and the run can be resumed.

Lightning answers a KeyboardInterrupt by ending the process; so the signal is only noted here, and the trainer is left
at the end of the step by an exception of our own. A second Ctrl-C is an ordinary one and ends at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TrainingInterrupted(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Raised inside the training loop after Ctrl-C."""


class Interrupt:
    """Whether somebody asked training to stop."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def interrupt_on_sigint() -> Iterator[Interrupt]:
    """Note the first SIGINT instead of raising; outside the main thread no signal arrives and nothing is changed."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = signal.getsignal(signal.SIGINT)

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupt.asked = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
