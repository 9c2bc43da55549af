"""Loads with a deadline: one that takes too long is given up on, so that what comes after it has its turn.

A thread cannot be ended from outside: it is left behind, counted, and what it comes to in the end is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from bundle.errors import LateError
from service.bundles.memory import give_back
from service.engine import LoadedBundle

MAX_LEFT = 2
"""Loads of one model that were given up on and still run; with so many of them no other is begun."""


@dataclass(frozen=True, slots=True, eq=False)
class _Load:
    folder: Path
    thread: Thread


class Loads:
    """The loads of one model, one at a time, each in a thread of its own for at most `seconds`."""

    def __init__(self, load: Callable[[Path], LoadedBundle], *, seconds: float) -> None:
        self._load, self._seconds = load, seconds
        self._left: tuple[_Load, ...] = ()

    @property
    def left(self) -> int:
        """How many loads were given up on and still run."""
        return sum(one.thread.is_alive() for one in self._left)

    def take(self, folder: Path) -> LoadedBundle:
        """The bundle in `folder`. Raises what the load raises, and LateError: then nothing comes of it.

        A folder whose last load still runs is not loaded beside it: however often one asks, threads do not pile up.
        """
        self._left = tuple(one for one in self._left if one.thread.is_alive())
        if len(self._left) >= MAX_LEFT or any(one.folder == folder for one in self._left):
            raise LateError(f"{len(self._left)} loads that were given up on still run; no other is begun meanwhile")
        result: Future[LoadedBundle] = Future()
        thread = Thread(target=self._run, args=(folder, result), name="bundle-load", daemon=True)
        thread.start()
        try:
            return result.result(self._seconds)
        except TimeoutError:
            if result.cancel():  # from now on the thread has nobody to give its bundle to
                self._left += (_Load(folder, thread),)
                raise LateError(f"it was not loaded within {self._seconds:g} s and is given up on") from None
            return result.result()  # it ended at the last moment, or is a TimeoutError of its own
        finally:
            if result.done() and not result.cancelled():
                thread.join()  # for microseconds: then it holds nothing any more, and what was needed can be given back
            del result  # it holds the error, whose traceback holds this frame: a circle around a refused bundle

    def _run(self, folder: Path, result: Future[LoadedBundle]) -> None:
        try:
            result.set_result(self._load(folder))
        except BaseException as error:  # noqa: BLE001  # whatever it is, whoever waits must hear of it
            with suppress(InvalidStateError):  # nobody waits any more
                result.set_exception(error)
        nobody_waits = result.cancelled()
        del result  # as in `take`: the error's traceback holds this frame too
        if nobody_waits:
            give_back()
