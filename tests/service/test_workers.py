from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from service.errors import DeadlineError, OverloadedError
from service.lateness import begun, stop_if_late
from service.workers import Workers


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def test_call_gives_its_result_and_its_error(gate: threading.Event) -> None:
    async def scenario() -> None:
        workers = Workers("t", threads=1, queue=1, deadline=5)
        assert await workers.run(lambda a, b: a + b, 1, b=2) == 3
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 // 0)
        with pytest.raises(TimeoutError):
            await workers.run(_time_out)
        await asyncio.sleep(0)
        assert workers.busy == 0
        workers.close()

    asyncio.run(scenario())


def test_full_queue_is_overloaded_and_empties(gate: threading.Event) -> None:
    async def scenario() -> None:
        busy: list[int] = []
        workers = Workers("t", threads=1, queue=1, deadline=5, busy_changed=busy.append)
        running = [asyncio.ensure_future(workers.run(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(OverloadedError):
            await workers.run(lambda: None)
        gate.set()
        assert await asyncio.gather(*running) == [True, True]
        assert await workers.run(lambda: "again") == "again"
        assert max(busy) == 2
        workers.close()

    asyncio.run(scenario())


def test_late_call_is_answered_with_deadline_and_keeps_its_thread_busy(gate: threading.Event) -> None:
    async def scenario() -> None:
        workers = Workers("t", threads=1, queue=0, deadline=0.05)
        with pytest.raises(DeadlineError):
            await workers.run(gate.wait)
        assert workers.busy == 1
        with pytest.raises(OverloadedError):
            await workers.run(lambda: None)
        gate.set()
        for _ in range(100):
            if workers.busy == 0:
                break
            await asyncio.sleep(0.01)
        assert await workers.run(lambda: 1) == 1
        workers.close()

    asyncio.run(scenario())


def test_call_that_waited_past_its_deadline_never_runs(gate: threading.Event) -> None:
    ran: list[int] = []

    async def scenario() -> None:
        workers = Workers("t", threads=1, queue=1, deadline=0.05)
        first = asyncio.ensure_future(workers.run(gate.wait))
        await asyncio.sleep(0.01)
        with pytest.raises(DeadlineError):
            await workers.run(ran.append, 1)
        gate.set()
        with pytest.raises(DeadlineError):
            await first
        await asyncio.sleep(0.05)
        workers.close()

    asyncio.run(scenario())
    assert ran == []


def _time_out() -> None:
    raise TimeoutError


def test_late_call_ends_where_it_asks_whether_it_is_late(gate: threading.Event) -> None:
    steps: list[int] = []

    def work() -> None:
        for step in range(3):
            stop_if_late()
            steps.append(step)
            gate.wait()

    async def scenario() -> None:
        workers = Workers("t", threads=1, queue=1, deadline=0.05)
        with pytest.raises(DeadlineError):
            await workers.run(work)
        gate.set()
        await _until_free(workers)
        assert steps == [0]
        await workers.run(work)  # the control: who is in time is not stopped, in the same thread
        assert steps == [0, 0, 1, 2]
        workers.close()

    asyncio.run(scenario())


def test_call_that_nobody_waits_for_any_more_leaves_the_queue_or_is_late(gate: threading.Event) -> None:
    ran: list[str] = []

    def work() -> None:
        ran.append("begun")
        gate.wait()
        stop_if_late()
        ran.append("went on")

    async def scenario() -> None:
        workers = Workers("t", threads=1, queue=1, deadline=3600)
        running = asyncio.ensure_future(workers.run(work))
        while not ran:
            await asyncio.sleep(0.01)
        for _ in range(3):  # more than there is room for: each must leave its place
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(workers.run(ran.append, "ran"), 0.01)
            await _until_free(workers, busy=1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        gate.set()
        await _until_free(workers)
        assert await workers.run(lambda: "control") == "control"
        workers.close()

    asyncio.run(scenario())
    assert ran == ["begun"]


def test_calls_of_one_request_share_its_deadline(gate: threading.Event) -> None:
    async def scenario() -> None:
        workers = Workers("t", threads=1, queue=0, deadline=3600)
        assert await workers.run(lambda: "control") == "control"
        begun.set(time.monotonic() - 3599.9)
        with pytest.raises(DeadlineError):
            await workers.run(gate.wait)
        gate.set()
        await _until_free(workers)
        late: list[str] = []
        workers = Workers("t", threads=1, queue=0, deadline=3600, refused=late.append)
        begun.set(time.monotonic() - 3600)
        with pytest.raises(DeadlineError):
            await workers.run(late.append, "begun although nobody waits any more")
        assert late == ["late"]
        begun.set(time.monotonic())
        assert await workers.run(lambda: "another request") == "another request"
        workers.close()

    asyncio.run(scenario())


def test_work_outside_of_a_pool_is_never_late() -> None:
    stop_if_late()


async def _until_free(workers: Workers, *, busy: int = 0) -> None:
    for _ in range(200):
        if workers.busy <= busy:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{workers.busy} calls run or wait, expected {busy}")
