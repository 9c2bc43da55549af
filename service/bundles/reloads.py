"""Bundles taken up on request: one load a model, however many ask for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from service.bundles.slot import ReloadReport
from service.bundles.watcher import Watcher
from service.errors import ConflictError
from service.workers import Workers


@dataclass(frozen=True, slots=True)
class _Running:
    version: str | None
    result: asyncio.Task[ReloadReport]


class Reloads:
    """Joins requests for the same load; a model takes one thread of `pool`, which has one for each."""

    def __init__(self, pool: Workers) -> None:
        self._pool = pool
        self._running: dict[Watcher, _Running] = {}

    async def take(self, watcher: Watcher, version: str | None) -> ReloadReport:
        """The report of this load: the one under way when it is of the same version, else one of its own.

        Raises what Watcher.reload raises, and ConflictError while another version was asked for and is not there yet.
        A caller that goes away takes nothing from those who wait with it.
        """
        running = self._running.get(watcher)
        if running is None:
            result = asyncio.ensure_future(self._pool.run(watcher.reload, version))
            running = self._running[watcher] = _Running(version, result)
            result.add_done_callback(lambda done: self._ended(watcher, done))
        elif running.version != version:
            raise ConflictError("another version of this model is being loaded")
        return await asyncio.shield(running.result)

    def _ended(self, watcher: Watcher, done: asyncio.Future[ReloadReport]) -> None:
        del self._running[watcher]
        if not done.cancelled():
            done.exception()  # told to whoever still waits; that nobody does is no error
