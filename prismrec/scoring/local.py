"""Scoring on this machine: in this process, or in several that each hold the bundle."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from prismrec.scoring.histories import Chunk
from prismrec.scoring.lists import Lists, Part, part_of
from service.bundles.loader import load_bundle
from service.engine import LoadedBundle

AHEAD = 2
"""Chunks given to each process before its answers are taken."""


def here(engine: LoadedBundle, chunks: Iterable[Chunk], lists: Lists) -> Iterator[Part]:
    """The parts, in order, made in this process."""
    return (part_of(engine, chunk, lists) for chunk in chunks)


def in_processes(folder: Path, chunks: Iterable[Chunk], lists: Lists, *, workers: int) -> Iterator[Part]:
    """The parts in the order in which they get done; no more than AHEAD * workers chunks are on their way."""
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_load, initargs=(folder, lists)
    )
    waiting: set[Future[Part]] = set()
    try:
        for chunk in chunks:
            waiting.add(pool.submit(_answer, chunk))
            if len(waiting) >= AHEAD * workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(cancel_futures=True)


_IN_WORKER: list[tuple[LoadedBundle, Lists]] = []
"""In a worker process: what _load put there."""


def _load(folder: Path, lists: Lists) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it lets the chunks in work be finished
    _IN_WORKER.append((load_bundle(folder), lists))


def _answer(chunk: Chunk) -> Part:
    engine, lists = _IN_WORKER[0]
    return part_of(engine, chunk, lists)
