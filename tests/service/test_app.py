"""The edge of the application: every error one shape, nothing echoed, limits, ids, logs, metrics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from service.errors import StorageUnavailableError
from service.http.problems import problem
from service.limits import LIMITS
from tests.service.app_client import AppClient, assert_problem

SECRET = "Zx9SecretInput"
GOOD = {"history": ["m0"], "n": 1}


def good_request_is_answered(client: AppClient) -> None:
    """The closing asserts of every refusal: alive, and the next good request gets a good reply."""
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.post("/recommend", GOOD).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"history": ["m0"], "n": NaN}', 422, "invalid-request"),
        (b'{"history": ["m0"], "steer": {"factors": {"0": 1e400}}}', 422, "invalid-request"),
        (b'{"history": ["m0"], "steer": {"factors": {"0": -Infinity}}}', 422, "invalid-request"),
        (b'{"history": ["\\ud800"]}', 422, "invalid-request"),
        (b'{"history": ["m0"], "n": 1, "n": 2}', 422, "invalid-request"),
        (b'{"history": ["m0"], "n": "10"}', 422, "invalid-request"),
        (b'{"history": ["m0"], "n": true}', 422, "invalid-request"),
        (b'{"history": ["m0"], "n": 10.0}', 422, "invalid-request"),
        (b'{"history": [true]}', 422, "invalid-request"),
        (b'{"history": [1.5]}', 422, "invalid-request"),
        (b'{"history": [null]}', 422, "invalid-request"),
        (b'{"history": "m0"}', 422, "invalid-request"),
        (b"{}", 422, "invalid-request"),
        (b"[]", 422, "invalid-request"),
        (b"null", 422, "invalid-request"),
        (b"", 422, "invalid-request"),
        (b"{", 400, "malformed"),
        (b"\xff", 400, "malformed"),
        (b"[" * 60_000, 400, "malformed"),
        (b'{"n": ' + b"9" * 5000 + b"}", 400, "malformed"),
    ],
)
def test_bad_body_is_a_problem_and_the_service_goes_on(client: AppClient, body: bytes, status: int, code: str) -> None:
    assert_problem(client.raw("/recommend", body), status, code)
    good_request_is_answered(client)


def test_invalid_field_is_pointed_at(client: AppClient) -> None:
    body = {"history": ["m0", "m1", ""], "n": 0, "condition": {"genres": ["Comedy"], "mode": "hard"}}
    found = assert_problem(client.post("/recommend", body), 422, "invalid-request")
    assert [error["pointer"] for error in found["errors"]] == ["/history/2", "/n", "/condition/mode"]


@pytest.mark.parametrize(
    "body",
    [
        {"history": [SECRET * 20]},
        {"history": ["m0"], "n": SECRET},
        {"history": ["m0"], SECRET: 1},
        {"history": ["m0"], "steer": {"factors": {SECRET: 1.0}}},
        {"history": ["m0"], "steer": {"attributes": {SECRET: 1.0}}},
        {"history": ["m0"], "condition": {"genres": [SECRET]}},
        {"history": ["m0"], "condition": {"genres": ["Comedy"], "mode": SECRET}},
        {"history": ["m0"], "fields": [SECRET]},
        {"user_id": SECRET},
        {"user_id": SECRET + "/.."},
    ],
)
def test_problem_never_repeats_what_was_sent(client: AppClient, body: dict[str, object]) -> None:
    reply = client.post("/recommend", body)
    assert reply.status_code >= 400
    assert SECRET not in reply.text
    assert SECRET not in client.log.getvalue().decode()


def test_unknown_field_with_a_plain_name_is_pointed_at(client: AppClient) -> None:
    found = assert_problem(client.post("/recommend", {"history": ["m0"], "colour": 1}), 422, "invalid-request")
    told = "there is no such field; there are: user_id, history, n, offset, condition, "
    assert found["errors"][0]["pointer"] == "/colour"
    assert found["errors"][0]["detail"].startswith(told)


@pytest.mark.parametrize(
    ("path", "body", "pointer", "there_are"),
    [
        ("/recommend", {"history": ["m0"], "steer": {"speed": 1}}, "/steer/speed", "factors, attributes, lock"),
        ("/recommend", {"history": [], "condition": {"genre": 1}}, "/condition/genre", "genres, match, mode"),
        ("/coldstart", {"picks": [{"sex": 1}]}, "/picks/0/sex", "factor, half, attribute, value, strength"),
        ("/recommend/batch", {"request": []}, "/request", "requests"),
    ],
)
def test_unknown_field_is_told_which_fields_there_are_at_its_place(
    client: AppClient, path: str, body: dict[str, object], pointer: str, there_are: str
) -> None:
    found = assert_problem(client.post(path, body), 422, "invalid-request")
    told = {error["pointer"]: error["detail"] for error in found["errors"]}
    assert told[pointer] == f"there is no such field; there are: {there_are}"


def test_unknown_field_in_a_batch_is_told_the_fields_of_its_entry(client: AppClient) -> None:
    results = client.post("/recommend/batch", {"requests": [{"history": [], "steer": {"speed": 1}}]}).json()["results"]
    (told,) = results[0]["problem"]["errors"]
    assert told == {
        "pointer": "/steer/speed",
        "detail": "there is no such field; there are: factors, attributes, lock",
    }


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ("colour=1", "/colour", "there are: explain, genres, match, "),
        (f"{SECRET}=1", "", "there are: explain, genres, match, "),
        ("genres=Opera", "/genres/0", "Comedy"),
        ("genres=Comedy&genres=Opera&n=3", "/genres/1", "Comedy"),
    ],
)
def test_parameter_at_fault_is_pointed_at_by_its_own_name(
    client: AppClient, query: str, pointer: str, words: str
) -> None:
    found = assert_problem(client.get(f"/recommend/42?{query}"), 422, "invalid-request")
    assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert words in found["errors"][0]["detail"]
    assert SECRET not in str(found)


@pytest.mark.parametrize("body", [b'{"history": ["m0"], "n": Infinity}', b'{"history": [], "history": []}'])
def test_body_that_is_refused_while_it_is_read_has_its_fault_in_errors(client: AppClient, body: bytes) -> None:
    found = assert_problem(client.raw("/recommend", body), 422, "invalid-request")
    assert found["errors"] == [{"pointer": "", "detail": found["detail"]}]


@pytest.mark.parametrize(
    "query",
    ["n=1_000", "n=%2B7", "n=%207", "n=7.0", "n=07", "n=", "n=1&n=2", "m=1", "n=0", "n=501", "explain=1", "genres="],
)
def test_bad_query_is_refused(client: AppClient, query: str) -> None:
    assert_problem(client.get(f"/recommend/42?{query}"), 422, "invalid-request")


def test_unknown_path_is_a_problem(client: AppClient) -> None:
    for path in ("/nope", "/items/", "/recommend/", "/web/../settings.py", "/web/index.html", "/.env"):
        for method in ("GET", "POST", "OPTIONS"):
            assert_problem(client.request(method, path), 404, "not-found")


def test_path_has_one_spelling(client: AppClient) -> None:
    for path in ("/metrics", "/items", "/health/live", "/items/m0/similar", "/docs", "/openapi.json", "/web/list.js"):
        assert client.get(path).status_code == 200
        for other in (f"{path}/", f"{path}%0A", f"{path}%00", f"/{path}/", path.upper()):
            assert client.request("GET", f"http://localhost{other}").status_code in {404, 422}, other
    assert client.get("/").status_code == 200
    for other in ("/%0A", "/%0D%0A", "/%00"):
        assert client.get(other).status_code == 404, other


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/users/42", "DELETE, GET, HEAD"),
        ("GET", "/recommend", "POST"),
        ("DELETE", "/", "GET, HEAD"),
        ("PUT", "/recommend/batch", "POST"),
        ("QUERY", "/items", "GET, HEAD"),
        ("OPTIONS", "/items", "GET, HEAD"),
        ("TRACE", "/users/42/preferences", "DELETE, GET, HEAD, PUT"),
    ],
)
def test_wrong_method_names_all_right_ones(client: AppClient, method: str, path: str, allow: str) -> None:
    reply = client.request(method, path)
    assert_problem(reply, 405, "method-not-allowed")
    assert reply.headers["allow"] == allow


@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e%2f%2e%2e%2fetc",
        "-x",
        "_x",
        "a%00b",
        "a" * 65,
        "a%0ab",
        "%ff",
        "é",
        "a b",
        "..%5c..",
        "%2e%2e",
    ],
)
def test_odd_user_id_is_refused(client: AppClient, name: str) -> None:
    for path in (f"/users/{name}", f"/recommend/{name}", f"/explain/{name}"):
        assert client.get(path).status_code in {404, 422}


@pytest.mark.parametrize("name", ["con", "a.", "a..b", "x@y.z", "a:b", "0", "A" * 64])
def test_legal_odd_user_id_is_only_unknown(client: AppClient, name: str) -> None:
    assert_problem(client.get(f"/users/{name}"), 404, "unknown-user")


def test_number_as_an_id_is_kept_as_its_text(client: AppClient) -> None:
    reply = client.post("/recommend", {"user_id": 42, "n": 1})
    assert reply.status_code == 200
    assert reply.json()["history_used"] == 4


def test_body_at_the_limit_is_read_and_one_past_it_is_not(client: AppClient) -> None:
    room = json.dumps(GOOD).encode()
    assert client.raw("/recommend", room + b" " * (LIMITS.body_bytes - len(room))).status_code == 200
    too_large = room + b" " * (LIMITS.body_bytes - len(room) + 1)
    assert_problem(client.raw("/recommend", too_large), 413, "too-large")
    assert_problem(client.raw("/recommend", _chunks(too_large)), 413, "too-large")
    assert client.raw("/recommend", _chunks(room)).status_code == 200
    assert (
        client.raw("/recommend/batch", json.dumps({"requests": [GOOD]}).encode() + b" " * LIMITS.body_bytes).status_code
        == 200
    )
    assert_problem(client.raw("/recommend/batch", b" " * (LIMITS.batch_body_bytes + 1)), 413, "too-large")
    good_request_is_answered(client)


def test_body_shorter_than_its_length_says_is_cut_off_there(client: AppClient) -> None:
    reply = client.raw("/recommend", b'{"history": ["m0"]}', content_length=str(LIMITS.body_bytes + 1))
    assert_problem(reply, 413, "too-large")
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"content_encoding": "gzip"}, b"{}"),
        ({"content_encoding": "identity, gzip"}, b"{}"),
        ({"content_type": "text/plain"}, b"{}"),
        ({"content_type": "application/x-www-form-urlencoded"}, b"a=b"),
        ({"content_type": ""}, b"{}"),
    ],
)
def test_body_that_is_not_plain_json_is_unsupported(client: AppClient, headers: dict[str, str], content: bytes) -> None:
    assert_problem(client.raw("/recommend", content, **headers), 415, "unsupported-media-type")


def test_head_is_answered_as_get_without_content(client: AppClient) -> None:
    reply = client.request("HEAD", "/items")
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["content-length"]) > 0
    for path, status, allow in (("/nope", 404, None), ("/users/nobody", 404, None), ("/recommend", 405, "POST")):
        refused = client.request("HEAD", path)
        assert (refused.status_code, refused.content, refused.headers.get("allow")) == (status, b"", allow)


def test_unforeseen_error_is_a_problem_and_its_message_goes_nowhere(
    own_client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(own_client.state.store, "known", broken)
    reply = own_client.post("/recommend", {"user_id": "1"})
    assert_problem(reply, 500, "internal")
    assert SECRET not in reply.text
    log = own_client.log.getvalue().decode()
    assert "RuntimeError" in log and "test_app.py" in log
    assert SECRET not in log
    good_request_is_answered(own_client)


def test_request_leaves_one_line_with_template_and_without_ids(own_client: AppClient) -> None:
    own_client.get("/users/some-user-7")
    lines = [json.loads(line) for line in own_client.log.getvalue().splitlines()]
    assert len(lines) == 1
    assert lines[0]["route"] == "/users/{user_id}"
    assert (lines[0]["status"], lines[0]["problem"], lines[0]["method"]) == (404, "unknown-user", "GET")
    assert "some-user-7" not in own_client.log.getvalue().decode()


def test_metrics_carry_templates_and_stay_bounded_under_a_scanner(own_client: AppClient) -> None:
    own_client.get("/users/some-user-7")
    own_client.post("/recommend", GOOD)
    own_client.get("/")
    for number in range(50):
        own_client.get(f"/scan-{number}")
        own_client.request(f"M{number}", "/items")
    text = own_client.get("/metrics").text
    assert 'prismrec_requests_total{method="GET",route="/users/{user_id}",status="404"} 1.0' in text
    assert 'prismrec_requests_total{method="GET",route="unmatched",status="404"} 50.0' in text
    assert 'method="other",route="/items",status="405"} 50.0' in text
    assert 'prismrec_lists_total{arm="",model="demo",source="model"} 1.0' in text
    assert 'prismrec_problems_total{code="unknown-user"} 1.0' in text
    assert "some-user-7" not in text and "scan-" not in text


def test_problem_of_the_store_tells_callers_nothing_of_settings_and_its_operator_all() -> None:
    error = StorageUnavailableError("the store's database does not answer", hint="check PRISMREC_STORE_URL with psql")
    assert "Retry-After" in problem(error, "1")["hint"]
    assert "psql" in error.hint


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]
