from __future__ import annotations

import pytest

from bundle.ids import ITEM_ID_WORDS, USER_ID_WORDS
from service.limits import LIMITS
from tests.service.app_client import START, AppClient, assert_problem, give_history

BODY = {"interactions": [{"item_id": "m1", "timestamp": START}, {"item_id": "new"}, {"item_id": "m1"}]}


def test_interactions_are_stored_and_serve_at_once(own_client: AppClient) -> None:
    reply = own_client.post("/users/7/interactions", BODY, headers={"Idempotency-Key": "a"})
    assert reply.json() == {"stored": 2, "duplicates": 1, "unknown_items": ["new"]}
    user = own_client.get("/users/7").json()
    assert [(e["item_id"], e["known"]) for e in user["history"]] == [("m1", True), ("new", False)]
    assert own_client.get("/recommend/7").json()["unknown_items"] == ["new"]


def test_repeated_key_answers_the_same_and_another_body_is_a_conflict(own_client: AppClient) -> None:
    first = own_client.post("/users/7/interactions", BODY, headers={"Idempotency-Key": "a"})
    again = own_client.post("/users/7/interactions", BODY, headers={"Idempotency-Key": "a"})
    assert first.content == again.content
    other = {"interactions": [{"item_id": "m2"}]}
    for path in ("/users/7/interactions", "/users/8/interactions"):
        assert_problem(own_client.post(path, other, headers={"Idempotency-Key": "a"}), 409, "conflict")
    assert own_client.get("/users/7").json()["n_items"] == 2


@pytest.mark.parametrize("key", [None, "", "k" * 129, "a b"])
def test_write_without_a_usable_key_is_refused(own_client: AppClient, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    assert_problem(own_client.post("/users/7/interactions", BODY, headers=headers), 422, "invalid-request")
    assert own_client.get("/users/7").status_code == 404


@pytest.mark.parametrize(
    "entry",
    [
        {"item_id": "m1", "timestamp": -1},
        {"item_id": "m1", "timestamp": 1_700_000_000_000},
        {"item_id": "m1", "timestamp": 1.5},
        {"item_id": True},
        {"item_id": ""},
        {"item_id": "a\nb"},
        {"timestamp": 1},
        {"item_id": "m1", "rating": 5},
    ],
)
def test_one_bad_interaction_stores_nothing(own_client: AppClient, entry: dict[str, object]) -> None:
    body = {"interactions": [{"item_id": "m1"}, entry]}
    found = assert_problem(
        own_client.post("/users/7/interactions", body, headers={"Idempotency-Key": "a"}), 422, "invalid-request"
    )
    assert found["errors"][0]["pointer"].startswith("/interactions/1")
    assert own_client.get("/users/7").status_code == 404


@pytest.mark.parametrize("user_id", ["a%3Fb%23c", "...", "Jos%C3%A9", "a%20b"])
@pytest.mark.parametrize("path", ["/users/{}", "/recommend/{}", "/explain/{}"])
def test_user_id_that_is_not_taken_is_refused_in_words(client: AppClient, path: str, user_id: str) -> None:
    found = assert_problem(client.get(path.format(user_id)), 422, "invalid-request")
    assert f"an id that the service takes: {USER_ID_WORDS}, at most 64 bytes" in found["detail"]
    assert "^" not in found["detail"], "no pattern"


@pytest.mark.parametrize("body", [{"user_id": "dept/42"}, {"history": ["m1", "a\nb"]}])
def test_id_in_a_body_that_is_not_taken_is_refused_in_words(client: AppClient, body: dict[str, object]) -> None:
    found = assert_problem(client.post("/recommend", body), 422, "invalid-request")
    words = USER_ID_WORDS if "user_id" in body else ITEM_ID_WORDS
    assert f"takes: {words}, at most" in found["detail"]


def test_slash_in_a_user_id_is_no_path_and_the_hint_says_why(client: AppClient) -> None:
    found = assert_problem(client.get("/users/dept%2F42"), 404, "not-found")
    assert "no slash, not even as %2F" in found["hint"] and USER_ID_WORDS in found["hint"]
    assert "slash" not in assert_problem(client.get("/nothing"), 404, "not-found")["hint"]


def test_interactions_at_the_limit_are_stored_and_one_past_it_refused(own_client: AppClient) -> None:
    items = [f"i{number}" for number in range(LIMITS.interactions + 1)]
    give_history(own_client, "7", *items[:-1])
    assert own_client.get("/users/7").json()["n_items"] == LIMITS.interactions
    body = {"interactions": [{"item_id": item} for item in items]}
    assert_problem(
        own_client.post("/users/8/interactions", body, headers={"Idempotency-Key": "b"}), 422, "invalid-request"
    )


def test_erased_user_is_unknown_everywhere(own_client: AppClient) -> None:
    give_history(own_client, "secret-user", "m0")
    assert own_client.request("DELETE", "/users/secret-user").json() == {"erased": True}
    for method, path in (
        ("GET", "/users/secret-user"),
        ("GET", "/recommend/secret-user"),
        ("DELETE", "/users/secret-user"),
    ):
        assert_problem(own_client.request(method, path), 404, "unknown-user")
    assert own_client.get("/users").json()["items"] == []
    assert "secret-user" not in own_client.log.getvalue().decode()


def test_export_holds_everything_that_is_kept_and_erasure_leaves_nothing_of_it(own_client: AppClient) -> None:
    assert own_client.post("/users/7/interactions", BODY, headers={"Idempotency-Key": "a"}).status_code == 200
    give_history(own_client, "7", "m2", key="b")
    give_history(own_client, "8", "m2", key="c")
    steer = {"factors": {"2": 0.5}, "attributes": {}, "lock": []}
    put = own_client.request("PUT", "/users/7/preferences", json={"steer": steer}).json()
    found = own_client.get("/users/7/export").json()
    assert {(entry["item_id"], entry["timestamp"]) for entry in found.pop("history")} == {
        ("m1", START),
        ("m2", START),
        ("new", START),
    }
    assert found == {
        "user_id": "7",
        "exported": START,
        "preferences": {"steer": steer, "bundle_id": put["bundle_id"], "updated": START},
        "writes": [
            {"key": "a", "at": START, "stored": 2, "duplicates": 1, "unknown_items": ["new"]},
            {"key": "b", "at": START, "stored": 1, "duplicates": 0, "unknown_items": []},
        ],
    }
    other = own_client.get("/users/8/export").json()
    assert (other["preferences"], len(other["history"]), len(other["writes"])) == (None, 1, 1)

    assert own_client.request("DELETE", "/users/7").json() == {"erased": True}
    assert_problem(own_client.get("/users/7/export"), 404, "unknown-user")
    store = own_client.state.store
    assert (store.known("7"), store.interactions("7"), store.writes("7")) == (None, None, ())
    assert own_client.get("/users/8/export").json() == other
    again = own_client.post("/users/7/interactions", BODY, headers={"Idempotency-Key": "a"})
    assert_problem(again, 409, "conflict")  # a late retry must not bring back what was erased
    assert store.known("7") is None
    anew = own_client.post("/users/7/interactions", BODY, headers={"Idempotency-Key": "anew"})
    assert anew.json()["stored"] == 2, "a user may come back"


def test_export_of_preferences_alone_needs_no_history_and_no_words_of_this_version(own_client: AppClient) -> None:
    own_client.state.store.put_preferences("7", '{"of": "another version"}', "b")
    found = own_client.get("/users/7/export").json()
    assert (found["history"], found["writes"]) == ([], [])
    assert found["preferences"] == {"steer": {"of": "another version"}, "bundle_id": "b", "updated": START}
    own_client.state.store.put_preferences("7", "no JSON", "b")
    assert_problem(own_client.get("/users/7/export"), 503, "storage-unavailable")


def test_users_are_listed_in_pages_by_cursor(own_client: AppClient) -> None:
    for user in "abc":
        give_history(own_client, user, "m0", key=user)
    first = own_client.get("/users?limit=2").json()
    rest = own_client.get("/users", params={"limit": "2", "cursor": first["next_cursor"]}).json()
    assert [user["user_id"] for user in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None
