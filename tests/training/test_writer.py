from __future__ import annotations

import threading

import pytest

from training.writer import Writer


def test_jobs_are_done_elsewhere_in_their_order() -> None:
    writer, done, gate = Writer(), [], threading.Event()
    writer.soon(gate.wait)
    for number in range(3):
        writer.soon(lambda number=number: done.append((number, threading.current_thread())))
    assert done == []  # nobody waited
    gate.set()
    writer.wait()
    assert [number for number, _ in done] == [0, 1, 2]
    assert threading.current_thread() not in {thread for _, thread in done}


def test_what_a_job_raises_is_raised_by_wait_and_only_once() -> None:
    def full() -> None:
        raise OSError("no space left")

    writer, done = Writer(), []
    writer.soon(full)
    writer.soon(lambda: done.append("behind it"))
    with pytest.raises(OSError, match="no space left"):
        writer.wait()
    assert done == ["behind it"]
    writer.wait()
