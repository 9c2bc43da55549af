"""What a request leaves in the log: who answered, and never an id of anybody or anything, a key or a path."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from prismrec.client import calls
from service.bundles.slot import Slot
from service.http.request_ids import FORMS
from service.telemetry.answered import Answered, fields_of, only_bundle
from service.telemetry.logs import LINES, MINUTE, Bridge, Sink, make_log
from tests.builders import make_bundle
from tests.faults.serving import LONG, environment, serving, wait_until
from tests.service.app_client import AppClient, give_history, open_client
from tests.service.every_operation import ASKED, KEY, PLANTED, WRONG_KEY, ask_everything

OPENAPI = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text("utf-8"))
HISTORY = ["m0", "m3", "m6"]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[AppClient]:
    """Two models with their bundles, a third without, and a split over all."""
    for name, seed in (("demo", 0), ("other", 5)):
        make_bundle(tmp_path / "models", name=name, seed=seed)
    settings: dict[str, Any] = {"serve": "demo,other,gone", "split": "demo:0.4,other:0.4,gone:0.2"}
    with open_client(tmp_path, slot=Slot(), **settings) as client:
        for name in ("demo", "other"):
            client.state.models.place(name).watcher.check()
        yield client


def line_of(client: AppClient) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.log.getvalue().splitlines()[-1])
    return found


def user_in(client: AppClient, arm: str) -> str:
    split = client.state.models.split
    assert split is not None
    return next(str(user) for user in range(1000) if split.arm_of(str(user)) == arm)


@pytest.mark.parametrize(("arm", "model"), [("demo", "demo"), ("other", "other"), ("gone", "demo")])
def test_request_of_a_user_is_logged_with_arm_model_bundle_and_operation(two: AppClient, arm: str, model: str) -> None:
    user = user_in(two, arm)
    give_history(two, user, *HISTORY)
    for path, operation in ((f"/recommend/{user}", "recommend_user"), (f"/users/{user}", "get_user")):
        reply, line = two.get(path), line_of(two)
        assert (line["model"], line["arm"], line["operation"]) == (model, arm, operation)
        assert line["bundle_id"] == two.state.models.place(model).slot.require().bundle_id
        assert line["request_id"] == reply.headers["x-request-id"]
        assert line["status"] == 200 and line["ms"] > 0


def test_request_of_nobody_is_logged_with_its_model_and_no_arm(two: AppClient) -> None:
    two.post("/recommend", {"history": HISTORY, "model": "other"})
    line = line_of(two)
    assert line["model"] == "other" and "arm" not in line


def test_request_that_no_bundle_answers_is_logged_without_a_model(two: AppClient) -> None:
    two.get("/health/live")
    assert not {"model", "arm", "bundle_id", "answered"} & set(line_of(two))
    two.post("/recommend", {"history": HISTORY, "model": "gone"})  # 503: nothing has answered
    assert not {"model", "arm", "bundle_id", "answered"} & set(line_of(two))


def test_batch_of_several_models_is_logged_with_all_of_them(two: AppClient) -> None:
    user = user_in(two, "gone")
    entries = [{"history": HISTORY}, {"history": HISTORY, "model": "other"}, {"user_id": user, "history": HISTORY}]
    two.post("/recommend/batch", {"requests": [*entries, entries[0]]})
    ids = {name: two.state.models.place(name).slot.require().bundle_id for name in ("demo", "other")}
    assert line_of(two)["answered"] == [
        {"model": "demo", "bundle_id": ids["demo"]},
        {"model": "other", "bundle_id": ids["other"]},
        {"model": "demo", "bundle_id": ids["demo"], "arm": "gone"},
    ]
    two.post("/recommend/batch", {"requests": [entries[1], entries[1]]})
    assert line_of(two)["model"] == "other" and "answered" not in line_of(two)


def test_answers_of_nobody_of_one_and_of_several() -> None:
    one, other = Answered("a", "x", "a"), Answered("b", "x")
    assert fields_of(()) == {}
    assert fields_of([one]) == {"model": "a", "bundle_id": "x", "arm": "a"}
    assert only_bundle([one, other]) == "x"
    assert only_bundle([one, Answered("b", "y")]) is None


@pytest.mark.parametrize(
    "given",
    ["0" * 64, "0123456789abcdef", "4BF92F3577B34DA6A3CE929D0E0E4736", str(uuid4()), "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
)
def test_well_formed_request_id_goes_through(two: AppClient, given: str) -> None:
    reply = two.get("/problems", headers={"X-Request-ID": given})
    assert reply.headers["x-request-id"] == line_of(two)["request_id"] == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        "-first",
        "a b",
        "a\tb",
        "é",
        "a/b",
        "a;b",
        '"',
        "a{b}",
        "0" * 65,
        "a,b",
        "<script>",
        "${jndi:x}",
        "a%0a",
        "secretuser77",
        "0" * 15,
        "ann@example.org",
        "user-0123456789abcdef",
        "0123456789abcdeg",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "6b0b6a1e-2f2f-4c5c-9d3e",
        "+49 30 1234567",
    ],
)
def test_request_id_of_another_form_is_replaced(two: AppClient, given: str) -> None:
    reply = two.get("/users/nobody", headers={"X-Request-ID": given.encode("latin-1")})
    made = reply.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", made)
    assert line_of(two)["request_id"] == made and reply.json()["instance"].endswith(made)


def test_request_id_that_comes_twice_is_replaced(two: AppClient) -> None:
    twice = [("X-Request-ID", "0123456789abcdef"), ("X-Request-ID", "0123456789abcdef")]
    made = two.get("/problems", headers=twice).headers["x-request-id"]
    assert line_of(two)["request_id"] == made != twice[0][1]


def test_id_of_an_erased_user_sent_as_request_id_is_not_in_the_log(two: AppClient) -> None:
    give_history(two, "secretuser77", "m0")
    two.request("DELETE", "/users/secretuser77", headers={"X-Request-ID": "secretuser77"})
    assert "secretuser77" not in two.log.getvalue().decode()


def test_forms_of_request_ids_are_the_same_everywhere() -> None:
    """The service, the client (which does not import it) and the proxy."""
    forms = b"|".join(FORMS).decode()
    assert calls._REQUEST_ID.pattern == forms
    proxy = (Path(__file__).parents[2] / "deploy" / "proxy" / "haproxy.cfg").read_text()
    assert f"req.hdr(X-Request-ID) -m reg '^({forms})$'" in proxy


def test_every_operation_of_the_document_is_among_those_that_are_asked() -> None:
    declared = {operation["operationId"] for path in OPENAPI["paths"].values() for operation in path.values()}
    assert {ask.operation for ask in ASKED} - {None} == declared


def _log_of(folder: Path, *command: str) -> tuple[str, list[dict[str, Any]]]:
    """What a process with keys logs of all of it, at its most talkative: the text, and its requests."""
    make_bundle(folder / "models")
    keys = {"ADMIN_KEYS": KEY, "WRITE_KEYS": f"{KEY}-w", "READ_KEYS": f"{KEY}-r"}
    with serving(folder, command=command, key=KEY, LOG_LEVEL="debug", **keys) as service:
        asked = [(ask, reply) for ask, reply in ask_everything(service.http)]
        assert {reply.status_code for ask, reply in asked if ask.operation == "recommend"} >= {200, 400, 401, 422}
        last = asked[-1][1]
        wait_until(lambda: service.logged(last) is not None, "the last line")
        return service.log_path.read_text(), service.log("request")


@pytest.mark.e2e
def test_log_of_every_operation_tells_of_no_user_item_key_or_path(tmp_path: Path) -> None:
    text, lines = _log_of(tmp_path, "service")
    assert PLANTED.findall(text) == []
    told = {(line.get("operation"), line["status"] < 400) for line in lines}
    assert {operation for operation, good in told if good} >= {ask.operation for ask in ASKED} - {None}
    assert {line["key"] for line in lines if "key" in line} == {"admin-1"}


@pytest.mark.e2e
def test_log_that_tells_the_path_is_found_out(tmp_path: Path) -> None:
    text, _ = _log_of(tmp_path, "tests.service.every_operation")
    assert {"zq-user", "m3"} <= set(PLANTED.findall(text))
    assert WRONG_KEY not in text


def test_library_that_repeats_itself_is_withheld_and_counted() -> None:
    stream, now = io.BytesIO(), [0.0]
    bridge = Bridge(make_log(stream=stream, clock=lambda: 0.0), clock=lambda: now[0])

    def told(name: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, stream.getvalue().splitlines()) if line["source"] == name]

    def say(name: str, level: int = logging.WARNING) -> None:
        bridge.handle(logging.LogRecord(name, level, "", 0, "lost", None, None))

    for _ in range(LINES + 7):
        say("loud")
    say("quiet")
    say("loud", logging.ERROR)
    assert (len(told("loud")), len(told("quiet"))) == (LINES + 1, 1)
    now[0] = MINUTE
    say("loud")
    say("loud")
    assert [line.get("withheld") for line in told("loud")[-2:]] == [7, None]


class _Failing(io.BytesIO):
    """A stream that fails while `error` is set."""

    error: Exception | None = None

    def flush(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError("no space"), ValueError("closed"), BlockingIOError()])
def test_line_that_its_stream_does_not_take_is_counted_and_the_next_is_written(error: Exception) -> None:
    stream, lost = _Failing(), list[int]()
    sink = Sink(stream)
    sink.lost = lambda: lost.append(1)
    log = make_log(stream=sink, clock=lambda: 0.0)
    bridge = Bridge(log)
    stream.error = error
    log.info("one")
    bridge.handle(logging.LogRecord("library", logging.WARNING, "", 0, "lost", None, None))
    stream.error = None
    assert len(lost) == 2
    log.error("three")
    assert json.loads(stream.getvalue().splitlines()[-1])["event"] == "three"
    stream.close()
    log.warning("four")
    assert len(lost) == 3


@pytest.mark.e2e
def test_process_whose_log_nobody_reads_any_more_answers_on_and_counts(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    given = environment(tmp_path)
    process = subprocess.Popen([sys.executable, "-m", "service"], env=given, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        while b'"listening"' not in process.stderr.readline():
            assert process.poll() is None
        with httpx.Client(base_url=f"http://127.0.0.1:{given['PRISMREC_PORT']}", timeout=LONG) as http:
            wait_until(lambda: _is_live(http), "live")
            process.stderr.close()
            assert [http.get("/health/live").status_code for _ in range(50)] == [200] * 50
            told = http.get("/metrics").text
        assert sample_of(told, "prismrec_log_lines_lost_total") >= 50
        assert sample_of(told, "prismrec_requests_in_flight") == 1
    finally:
        process.kill()
        process.wait()


def _is_live(http: httpx.Client) -> bool:
    try:
        return http.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


def sample_of(told: str, name: str) -> float:
    return next(float(line.split()[-1]) for line in told.splitlines() if line.startswith(f"{name} "))
