"""When a call is made again, how often and when not. No test waits: clock and sleep are the script's."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from prismrec.client import (
    NEVER,
    CallOptions,
    DroppedError,
    NotConnectedError,
    RetryPolicy,
    TimedOutError,
    UnreadableReplyError,
)
from prismrec.client.models import InteractionAsked
from prismrec.client.problems import NoBundleError, OverloadedError
from tests.prismrec.client.conftest import Script, error_of, live, problem_reply

STORED = {"stored": 1, "duplicates": 0, "unknown_items": []}


def busy(seconds: str = "2", status: int = 503) -> httpx.Response:
    return problem_reply("overloaded", status, Retry_After=seconds)


@pytest.mark.parametrize("status", [429, 503])
def test_refusal_with_retry_after_is_asked_again_after_that_time(scripted: Any, status: int) -> None:
    script = Script([busy("2", status), busy("1", status), live()])
    assert scripted(script)("health_live").status == "live"
    assert script.waits == [2.0, 1.0]


def test_attempts_are_bounded(scripted: Any) -> None:
    script = Script([busy("0")])
    error = error_of(scripted(script, retry=RetryPolicy(attempts=4)), "health_live")
    assert isinstance(error, OverloadedError)
    assert error.retry_after == 0.0
    assert len(script.requests) == 4


def test_wait_beyond_the_total_time_is_not_waited(scripted: Any) -> None:
    script = Script([busy("4")], took=0.5)
    error = error_of(scripted(script, retry=RetryPolicy(attempts=9, total_seconds=10)), "health_live")
    assert isinstance(error, OverloadedError)
    assert script.waits == [4.0, 4.0]
    assert script.now - 100 == 9.5


def test_refusal_with_a_long_retry_after_is_an_error_at_once(scripted: Any) -> None:
    script = Script([busy("3600"), live()])
    assert isinstance(error_of(scripted(script), "health_live"), OverloadedError)
    assert script.waits == []


@pytest.mark.parametrize("header", [{}, {"Retry_After": "soon"}, {"Retry_After": "-1"}, {"Retry_After": "1.5"}])
def test_refusal_without_a_usable_retry_after_is_an_error_at_once(scripted: Any, header: dict[str, str]) -> None:
    script = Script([problem_reply("no-bundle", 503, **header), live()])
    error = error_of(scripted(script), "health_live")
    assert isinstance(error, NoBundleError)
    assert error.retry_after is None
    assert len(script.requests) == 1


def test_retry_after_as_a_date_counts_from_the_replys_own(scripted: Any) -> None:
    dated = {"Retry_After": "Sun, 06 Nov 1994 08:49:40 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}
    script = Script([problem_reply("overloaded", 503, **dated), live()])
    assert scripted(script)("health_live").status == "live"
    assert script.waits == [3.0]
    script = Script([problem_reply("overloaded", 503, Retry_After=dated["Retry_After"]), live()])
    assert isinstance(error_of(scripted(script), "health_live"), OverloadedError)


@pytest.mark.parametrize(("code", "status"), [("internal", 500), ("deadline", 504), ("storage-full", 507)])
def test_other_failures_are_not_asked_again_even_with_retry_after(scripted: Any, code: str, status: int) -> None:
    script = Script([problem_reply(code, status, Retry_After="1"), live()])
    assert error_of(scripted(script), "health_live").code == code
    assert len(script.requests) == 1


def test_proxy_that_is_busy_is_asked_again(scripted: Any) -> None:
    page = httpx.Response(503, text="<html>busy</html>", headers={"Retry-After": "1"})
    script = Script([page, live()])
    assert scripted(script)("health_live").status == "live"
    error = error_of(scripted(Script([page]), retry=NEVER), "health_live")
    assert isinstance(error, UnreadableReplyError)
    assert (error.status, error.retry_after) == (503, 1.0)


def test_probe_is_not_asked_again(scripted: Any) -> None:
    told = {"status": "loading", "bundle_id": None, "last_reload": None, "degraded": [], "models": []}
    script = Script([httpx.Response(503, json=told, headers={"Retry-After": "1"})])
    assert scripted(script)("health_ready").status == "loading"
    assert len(script.requests) == 1


def test_write_keeps_its_key_and_request_id_over_attempts_and_has_new_ones_next_time(scripted: Any) -> None:
    script = Script([busy("1"), busy("1"), httpx.Response(200, json=STORED)])
    ask = scripted(script)
    for _ in range(2):
        assert ask("append_interactions", "7", [InteractionAsked(item_id="m0")]).stored == 1
    keys = [request.headers["Idempotency-Key"] for request in script.requests]
    ids = [request.headers["X-Request-ID"] for request in script.requests]
    assert len(script.requests) == 4
    for made in (keys, ids):
        assert len(set(made[:3])) == 1
        assert made[3] != made[0]
        assert len(made[0]) == 32
    assert len({request.content for request in script.requests}) == 1


def test_key_of_the_caller_is_the_one_that_is_sent(scripted: Any) -> None:
    script = Script([httpx.Response(200, json=STORED)])
    scripted(script)("append_interactions", "7", [InteractionAsked(item_id="m0")], idempotency_key="mine")
    assert script.requests[0].headers["Idempotency-Key"] == "mine"


def test_spread_makes_a_wait_longer_and_never_shorter(scripted: Any) -> None:
    for spread, waited in ((lambda s: s * 1.5, 3.0), (lambda s: 0.0, 2.0)):
        script = Script([busy("2"), live()])
        scripted(script, retry=RetryPolicy(spread=spread))("health_live")
        assert script.waits == [waited]


def test_retry_of_one_call_stands_before_the_clients(scripted: Any) -> None:
    script = Script([busy("1"), live()])
    error = error_of(scripted(script), "health_live", options=CallOptions(retry=NEVER))
    assert isinstance(error, OverloadedError)


REFUSED = httpx.ConnectError("connection refused")
LOST = [
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.RemoteProtocolError("cut"),
]


def test_refused_connection_is_an_error_at_once_unless_asked_otherwise(scripted: Any) -> None:
    script = Script([REFUSED, live()])
    assert isinstance(error_of(scripted(script), "health_live"), NotConnectedError)
    assert script.waits == []
    patient = RetryPolicy(refused_wait=0.5, attempts=3)
    script = Script([REFUSED, REFUSED, live()])
    assert scripted(script, retry=patient)("health_live").status == "live"
    assert script.waits == [0.5, 0.5]
    script = Script([REFUSED])
    assert isinstance(error_of(scripted(script, retry=patient), "health_live"), NotConnectedError)
    assert len(script.requests) == 3


def test_refused_connection_is_tried_again_for_every_operation_as_nothing_was_sent(scripted: Any) -> None:
    patient = RetryPolicy(refused_wait=0.5)
    reloaded = {"changed": True, "held": False, "bundle_id": "b", "model": "demo", "version": "2"}
    script = Script([REFUSED, httpx.Response(200, json=STORED), REFUSED, httpx.Response(200, json=reloaded)])
    ask = scripted(script, retry=patient)
    assert ask("append_interactions", "7", [InteractionAsked(item_id="m0")]).stored == 1
    assert ask("reload_bundle").version == "2"
    assert len(script.requests) == 4


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_request_that_may_have_arrived_is_never_sent_again(scripted: Any, error: httpx.RequestError) -> None:
    script = Script([error, live()])
    found = error_of(scripted(script, retry=RetryPolicy(refused_wait=0.1)), "health_live")
    assert isinstance(found, TimedOutError | DroppedError)
    assert found.sent
    assert len(script.requests) == 1


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"total_seconds": -1.0}, {"refused_wait": float("nan")}])
def test_policy_refuses_what_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)
