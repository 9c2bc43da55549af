"""A store that ends and is back: one line of the log and a gauge for each, from requests and readiness alone."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.errors import DeadlineError, OverloadedError
from service.store_watch import LOOK_SECONDS, NO_WRITES, QUIET_SECONDS, StoreWatch, why_unusable
from service.telemetry.logs import make_log
from tests.service.app_client import AppClient, give_history

ENDED, BACK = "the store does not answer", "the store answers again"


def events(log: io.BytesIO) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log.getvalue().splitlines()) if "store" in line["event"]]


class Watched:
    """A watch over a store that is looked at by the clock of the test; `looks` are what it says, one a look."""

    def __init__(self, looks: Iterator[str | Exception | None]) -> None:
        self.now, self.up, self.log = 0.0, -1.0, io.BytesIO()
        self.at_pause: Callable[[], None] = lambda: None

        async def look() -> str | None:
            found = next(looks)
            if isinstance(found, Exception):
                raise found
            return found

        async def pause(seconds: float) -> None:
            self.now += seconds
            self.at_pause()

        def tell(up: float) -> None:
            self.up = up

        log = make_log(stream=self.log, clock=lambda: 0.0)
        self.watch = StoreWatch(look, log=log, tell=tell, clock=lambda: self.now, pause=pause)

    def run(self, begin: Callable[[], None]) -> list[tuple[str, Any]]:
        """What is told until the watch looks no more."""

        async def until_well() -> None:
            begin()
            assert self.watch._looking is not None
            await self.watch._looking

        asyncio.run(until_well())
        return [(line["event"], line.get("cause", line.get("seconds"))) for line in events(self.log)]


def test_store_that_ends_and_is_back_is_told_of_once_each() -> None:
    watched = Watched(iter(["gone"] * 3 + [None] * 9))
    assert watched.up == 1

    def fail() -> None:
        for _ in range(100):
            watched.watch.failed("gone")
        assert watched.up == 0

    told = watched.run(fail)
    assert told == [(ENDED, "gone"), (BACK, 2 * LOOK_SECONDS + QUIET_SECONDS)]
    assert watched.up == 1


def test_store_that_fails_now_and_then_is_told_of_once() -> None:
    """Locks that are waited for too long fail one call in many; pings pass all the while."""
    watched = Watched(iter([None] * 1000))

    def fail_again() -> None:
        if watched.now < 100 and watched.now % 3 == 0:
            watched.watch.failed("another")

    watched.at_pause = fail_again
    told = watched.run(lambda: watched.watch.failed("a lock"))
    assert told == [(ENDED, "a lock"), (BACK, 99 + QUIET_SECONDS)]


@pytest.mark.parametrize(
    ("first", "told"),
    [(None, []), (OverloadedError("full"), []), ("gone", ["gone"]), (DeadlineError("no answer"), ["no answer"])],
)
def test_doubt_is_told_of_only_where_a_look_confirms_it(first: Any, told: list[str]) -> None:
    watched = Watched(iter([first, *[None] * 9]))
    said = watched.run(watched.watch.doubt)
    assert [cause for event, cause in said if event == ENDED] == told
    assert len(said) == 2 * len(told) and watched.up == 1


def test_cause_is_the_stores_own_or_that_it_takes_no_writes(own_client: AppClient, monkeypatch: Any) -> None:
    store = own_client.state.store
    assert why_unusable(store) is None
    with monkeypatch.context() as refusing:
        refusing.setattr(type(store), "ping", lambda _: False)
        assert why_unusable(store) == NO_WRITES
    store.close()
    assert "the store does not answer" in str(why_unusable(store))


def test_outage_is_one_line_however_many_requests_meet_it(own_client: AppClient) -> None:
    give_history(own_client, "1", "m0")
    assert "prismrec_store_up 1.0" in own_client.get("/metrics").text
    own_client.state.store.close()
    for _ in range(5):
        assert own_client.get("/recommend/1").status_code == 503
        assert own_client.request("DELETE", "/users/1").status_code == 503
    assert [line["event"] for line in events(own_client.log)] == [ENDED]
    assert "the store does not answer" in events(own_client.log)[0]["cause"]
    assert "prismrec_store_up 0.0" in own_client.get("/metrics").text


def test_outage_that_only_readiness_meets_is_told_of(own_client: AppClient) -> None:
    own_client.state.store.close()
    assert own_client.get("/health/ready").json()["degraded"] == ["store"]
    until = time.monotonic() + 60
    while not events(own_client.log):
        assert time.monotonic() < until
        own_client.get("/health/live")
    assert [line["event"] for line in events(own_client.log)] == [ENDED]


def test_store_that_nobody_could_ask_is_no_outage(own_client: AppClient, monkeypatch: Any) -> None:
    async def refuse(*_: Any) -> None:
        raise OverloadedError("full")

    monkeypatch.setattr(own_client.state.storage, "run", refuse)
    assert own_client.request("DELETE", "/users/1").status_code == 503
    assert own_client.get("/health/ready").json()["degraded"] == ["store"]
    own_client.get("/health/live")
    assert events(own_client.log) == []
