"""Files written while training goes on: replacing a file waits for the disk, and the next epoch need not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Writer:
    """Does jobs in another thread, one after the other and in their order."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._jobs: list[Future[object]] = []

    def soon(self, job: Callable[[], object]) -> None:
        """Do it after what was asked for before."""
        self._jobs.append(self._pool.submit(job))

    def wait(self) -> None:
        """Until all is done. Raises what a job raised; those behind it are done nevertheless."""
        jobs, self._jobs = self._jobs, []
        failed = [error for job in jobs if (error := job.exception()) is not None]
        if failed:
            raise failed[0]
