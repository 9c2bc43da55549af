from __future__ import annotations

import pytest

from tests.service.app_client import AppClient

COMEDY = {"factor": 0, "half": "positive"}


def test_coldstart_with_the_same_seed_is_the_same_bytes(client: AppClient) -> None:
    body = {"picks": [COMEDY], "n": 10, "samples": 32, "seed": 7}
    first, again = client.post("/coldstart", body), client.post("/coldstart", body)
    assert first.content == again.content
    assert first.content != client.post("/coldstart", body | {"seed": 8}).content


@pytest.mark.parametrize(("half", "genre"), [("positive", "Comedy"), ("negative", "Horror")])
def test_coldstart_samples_the_asked_half(client: AppClient, half: str, genre: str) -> None:
    body = {"picks": [{"factor": 0, "half": half, "strength": 1.5}], "n": 10, "fields": ["genres"]}
    found = client.post("/coldstart", body).json()
    share = next(share for share in found["shares"] if share["value"] == genre)
    listed = sum(genre in item["genres"] for item in found["items"]) / 10
    assert share["in_list"] == pytest.approx(listed)
    assert share["in_list"] > 2 * share["in_catalogue"] > 0


def test_coldstart_by_attribute_finds_the_factor_that_carries_it(client: AppClient) -> None:
    found = client.post("/coldstart", {"picks": [{"attribute": "genre", "value": "Comedy"}], "n": 5}).json()
    assert (found["picks"][0]["factor"], found["picks"][0]["half"]) == (0, "positive")


def test_coldstart_of_an_undecoded_factor_is_answered_and_flagged(client: AppClient) -> None:
    found = client.post("/coldstart", {"picks": [{"factor": 3, "half": "positive"}], "n": 5}).json()
    assert found["returned"] == 5
    assert found["picks"][0]["status"] == "undecoded"
    assert found["picks"][0]["note"]


def test_coldstart_under_a_strict_condition_satisfies_it(client: AppClient) -> None:
    body = {"picks": [COMEDY], "n": 5, "condition": {"genres": ["Drama"], "mode": "strict"}}
    assert client.post("/coldstart", body).json()["condition_satisfied"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"picks": []},
        {"picks": [{"factor": 0}]},
        {"picks": [{"half": "positive"}]},
        {"picks": [{"factor": 0, "half": "upper"}]},
        {"picks": [{"factor": 0, "half": "positive", "attribute": "genre", "value": "Comedy"}]},
        {"picks": [{"factor": 99, "half": "positive"}]},
        {"picks": [{"attribute": "genre", "value": "Opera"}]},
        {"picks": [COMEDY | {"strength": 3.5}]},
        {"picks": [COMEDY], "samples": 0},
        {"picks": [COMEDY], "samples": 257},
        {"picks": [COMEDY], "seed": -1},
        {"picks": [COMEDY], "seed": 2**53},
        {"picks": [COMEDY] * 17},
    ],
)
def test_coldstart_with_an_impossible_request_is_refused(client: AppClient, body: dict[str, object]) -> None:
    reply = client.post("/coldstart", body)
    assert reply.status_code in {404, 422}, reply.text
    assert reply.headers["content-type"] == "application/problem+json"


DRAMA, NEW = {"attribute": "genre", "value": "Drama"}, {"attribute": "year", "value": "2010s"}


def test_coldstart_around_a_history_does_not_list_it_and_says_what_it_used(client: AppClient) -> None:
    body = {"picks": [COMEDY], "n": 20, "diversity": 0}
    alone = client.post("/coldstart", body).json()
    liked = [alone["items"][0]["item_id"], "m2", "nope"]
    found = client.post("/coldstart", body | {"history": liked, "exclude_items": ["m5", "neither"]}).json()
    assert (found["history_used"], found["unknown_items"]) == (2, ["nope", "neither"])
    listed = {item["item_id"] for item in found["items"]}
    assert not listed & {*liked, "m5"} and found["returned"] == 20
    assert (alone["history_used"], alone["unknown_items"]) == (0, [])
    masked = client.post("/coldstart", body | {"exclude_items": [*liked, "m5"]}).json()
    assert masked["items"] != found["items"], "the control: a history does more than to leave its items out"


def test_coldstart_of_a_stored_user_is_that_of_the_history(client: AppClient) -> None:
    body = {"picks": [COMEDY], "n": 5}
    stored = client.post("/coldstart", body | {"user_id": "42"})
    given = client.post("/coldstart", body | {"history": ["m9", "m0", "m6", "m3"]})
    assert stored.content == given.content and stored.json()["history_used"] == 4
    both = client.post("/coldstart", body | {"user_id": "42", "history": ["m1"]}).json()
    assert both["history_used"] == 5


def test_coldstart_of_somebody_unknown_is_answered_without_a_history(client: AppClient) -> None:
    """They are whom a cold start is for; /recommend, which has nothing else to go by, refuses them."""
    unknown = client.post("/coldstart", {"picks": [COMEDY], "user_id": "nobody"})
    assert unknown.status_code == 200 and unknown.json()["history_used"] == 0
    assert unknown.content == client.post("/coldstart", {"picks": [COMEDY]}).content
    assert client.post("/recommend", {"user_id": "nobody"}).status_code == 404


def test_coldstart_of_two_values_states_their_shares_and_the_joint_one(client: AppClient) -> None:
    found = client.post("/coldstart", {"picks": [DRAMA, NEW], "n": 10, "fields": ["genres", "year"]}).json()
    both = sum("Drama" in item["genres"] and (item["year"] or 0) >= 2010 for item in found["items"]) / 10
    assert found["joint"]["in_list"] == pytest.approx(both)
    assert found["joint"]["in_list"] > found["joint"]["in_catalogue"] > 0
    assert [share["value"] for share in found["shares"]] == ["Drama", "2010s"]
    assert client.post("/coldstart", {"picks": [DRAMA]}).json()["joint"] is None


def test_coldstart_in_any_order_of_its_picks_lists_the_same(client: AppClient) -> None:
    picks = [DRAMA, {"factor": 3, "half": "negative", "strength": 0.5}, NEW]
    first, other = (client.post("/coldstart", {"picks": asked}).json() for asked in (picks, picks[::-1]))
    assert first["items"] == other["items"]
    assert first["picks"] == other["picks"][::-1]


def test_coldstart_says_how_it_merged_and_by_what_diversity(client: AppClient) -> None:
    default, plain = (client.post("/coldstart", {"picks": [COMEDY], **said}).json() for said in ({}, {"diversity": 0}))
    assert default["diversity"] > 0 == plain["diversity"]
    assert str(default["diversity"]) in default["merged_by"] and "mean" in plain["merged_by"]
    scores = [item["score"] for item in plain["items"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({"picks": [COMEDY, COMEDY | {"half": "negative"}]}, "/picks/1", "contradict"),
        ({"picks": [COMEDY, COMEDY]}, "/picks/1", "twice"),
        ({"picks": [DRAMA, NEW, DRAMA | {"strength": 2}]}, "/picks/2", "twice"),
        ({"picks": [{"attribute": "genre", "value": "Opera"}]}, "/picks/0/value", "Comedy, Drama, Horror"),
        ({"picks": [{"attribute": "mood", "value": "dark"}]}, "/picks/0/attribute", "genre, year, rating"),
        ({"picks": [DRAMA, {"factor": 4, "half": "positive"}]}, "/picks/1/factor", "0 to 3"),
        ({"picks": [{"attribute": "year", "value": "1980s"}]}, "/picks/0/value", "1970s, 2010s"),
        ({"picks": [COMEDY], "diversity": 1.5}, "/diversity", "1"),
        ({"picks": [COMEDY], "history": ["x"] * 1001}, "/history", "1000"),
    ],
)
def test_coldstart_refusal_names_the_field_and_what_is_allowed(client: AppClient, body, pointer, says) -> None:
    reply = client.post("/coldstart", body)
    (error,) = reply.json()["errors"]
    assert (reply.status_code, error["pointer"]) == (422, pointer)
    assert says in error["detail"]
