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
        {"picks": [COMEDY], "seed": 2**63},
        {"picks": [COMEDY] * 17},
    ],
)
def test_coldstart_with_an_impossible_request_is_refused(client: AppClient, body: dict[str, object]) -> None:
    reply = client.post("/coldstart", body)
    assert reply.status_code in {404, 422}, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
