"""What a call raises, and what the exception says."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import httpx
import pytest

from prismrec.client import (
    AsyncClient,
    CallOptions,
    Client,
    ClientError,
    ConnectTimedOutError,
    DroppedError,
    NotConnectedError,
    ProblemError,
    TimedOutError,
    TransportError,
    UnavailableError,
    UnreadableReplyError,
)
from prismrec.client.operations import API_VERSION
from prismrec.client.problems import BY_CODE, InvalidRequestError
from service.errors import STATUS
from service.limits import LIMITS
from tests.prismrec.client.conftest import Pair, Script, error_of, live, problem_reply

MINE = "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize("code", sorted(STATUS))
def test_code_becomes_its_exception(scripted: Any, code: str) -> None:
    script = Script([problem_reply(code, STATUS[code], Retry_After="99")])
    error = error_of(scripted(script), "health_live", options=CallOptions(request_id=MINE))
    assert type(error) is BY_CODE[code]
    assert (error.code, error.status, error.detail) == (code, STATUS[code], "what happened")
    assert (error.hint, error.request_id, error.retry_after) == ("what to do", MINE, 99.0)
    assert [(field.pointer, field.detail) for field in error.errors] == [("/n", "must be at least 1")]
    assert str(error) == f"{code} ({STATUS[code]}): what happened; hint: what to do"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(418, ProblemError), (404, BY_CODE["not-found"]), (429, UnavailableError), (503, UnavailableError)],
)
def test_code_of_a_later_service_is_a_problem_all_the_same(scripted: Any, status: int, kind: type[Any]) -> None:
    error = error_of(scripted(Script([problem_reply("brand-new", status)])), "health_live")
    assert type(error) is kind
    assert error.code == "brand-new"


def test_real_problem_names_the_field_and_the_request(pair: Pair) -> None:
    for client in (pair.waits, pair.awaited):
        with pytest.raises(InvalidRequestError) as raised:
            pair.call(client, "recommend", history=["m0"], n=0, options=CallOptions(request_id=MINE))
        assert [field.pointer for field in raised.value.errors] == ["/n"]
        assert raised.value.request_id == MINE
        assert raised.value.problem.instance.endswith(MINE)


UNREADABLE = {
    "a page": httpx.Response(200, text="<html>hello</html>"),
    "a proxy's error": httpx.Response(502, text="bad gateway"),
    "a redirect": httpx.Response(307, headers={"Location": "http://elsewhere/"}),
    "cut JSON": httpx.Response(200, content=b'{"status": "li', headers={"content-type": "application/json"}),
    "other JSON": httpx.Response(200, json=[1]),
    "an error of another API": httpx.Response(404, json={"message": "no"}),
    "a problem of another API": httpx.Response(
        400, json={"title": "x"}, headers={"content-type": "application/problem+json"}
    ),
    "no UTF-8": httpx.Response(200, content=b'{"status": "\xff"}', headers={"content-type": "application/json"}),
    "nothing": httpx.Response(204),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_reply_of_something_else_is_unreadable_and_says_what_came(scripted: Any, name: str) -> None:
    error = error_of(scripted(Script([UNREADABLE[name]])), "health_live")
    assert type(error) is UnreadableReplyError
    assert error.status == UNREADABLE[name].status_code
    assert str(error.status) in str(error) and "health_live" in str(error)
    assert error.request_id is not None


FAILURES = [
    (httpx.ConnectError("refused"), NotConnectedError, False),
    (httpx.ConnectTimeout("slow"), ConnectTimedOutError, False),
    (httpx.PoolTimeout("none free"), ConnectTimedOutError, False),
    (httpx.ReadTimeout(""), TimedOutError, True),
    (httpx.WriteTimeout("slow"), TimedOutError, True),
    (httpx.ReadError("reset"), DroppedError, True),
    (httpx.RemoteProtocolError("cut"), DroppedError, True),
]


@pytest.mark.parametrize(("raised", "kind", "sent"), FAILURES, ids=lambda value: type(value).__name__)
def test_failure_of_the_way_has_its_class(scripted: Any, raised: Exception, kind: type[Any], sent: bool) -> None:
    error = error_of(scripted(Script([raised])), "health_live")
    assert type(error) is kind
    assert isinstance(error, TransportError) and not isinstance(error, ProblemError)
    assert error.sent is sent
    assert error.__cause__ is raised
    assert (str(raised) or "ReadTimeout") in str(error)


def test_request_says_which_client_it_is_of(scripted: Any) -> None:
    script = Script([live()])
    scripted(script)("health_live")
    assert script.requests[0].headers["User-Agent"] == f"prismrec-client/{API_VERSION}"
    scripted(script)("health_live", options=CallOptions(headers={"User-Agent": "shop/2"}))
    assert script.requests[1].headers.get_list("User-Agent") == ["shop/2"]


def test_every_exception_survives_pickling(scripted: Any) -> None:
    answers = [problem_reply("no-bundle", 503, Retry_After="99"), httpx.Response(502), httpx.ReadTimeout("x")]
    for answer in answers:
        error = error_of(scripted(Script([answer])), "health_live")
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error) and str(copy) == str(error)
        assert vars(copy) == vars(error)


@pytest.mark.parametrize("key", ["sk-very-secret", lambda: "sk-very-secret"])
def test_key_is_sent_and_in_no_text(scripted: Any, key: Any) -> None:
    script = Script([httpx.Response(502)])
    error = error_of(scripted(script, key=key), "health_live")
    assert script.requests[0].headers["X-API-Key"] == "sk-very-secret"
    assert "secret" not in f"{error!r} {vars(error)} {Client('http://x', key=key)!r}"


@pytest.mark.parametrize("key", ["secret\n", "sécret", "", "se cret"])
def test_key_that_no_header_can_have_is_refused_without_being_shown(scripted: Any, key: str) -> None:
    script = Script([live()])
    with pytest.raises(ValueError, match="the key must be visible ASCII") as raised:
        scripted(script, key=key)("health_live")
    assert "cret" not in f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"
    assert script.requests == []


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://x", "http://", "http://x:port", "http://x?y=1", "http://x#y"]
)
def test_base_url_that_is_none_is_refused(url: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="base_url"):
            kind(url)


def test_timeouts_are_longer_than_the_services_deadlines(scripted: Any) -> None:
    script = Script([live()])
    scripted(script)("health_live")
    given = script.requests[0].extensions["timeout"]
    assert 0 < given["connect"] <= LIMITS.deadline_seconds < given["read"] <= 3 * LIMITS.deadline_seconds
    script = Script([httpx.Response(502)])
    error_of(scripted(script), "reload_bundle")
    assert script.requests[0].extensions["timeout"]["read"] > LIMITS.load_seconds
    script = Script([live()])
    scripted(script)("health_live", options=CallOptions(timeout=0.5, headers={"traceparent": "00-1"}))
    assert set(script.requests[0].extensions["timeout"].values()) == {0.5}
    assert script.requests[0].headers["traceparent"] == "00-1"


def test_client_closes_its_own_connections_and_no_others() -> None:
    lent = httpx.Client()
    with Client("http://x", http=lent) as client:
        assert isinstance(client, Client)
    assert not lent.is_closed
    lent.close()
    with Client("http://x") as own:
        assert not own._http.is_closed
    assert own._http.is_closed

    async def run() -> None:
        async with AsyncClient("http://x") as client:
            assert not client._http.is_closed
        assert client._http.is_closed

    asyncio.run(run())


def test_errors_have_one_base() -> None:
    assert all(issubclass(kind, ClientError) for kind in (ProblemError, TransportError, UnreadableReplyError))
