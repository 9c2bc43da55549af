"""Stored preferences over HTTP: kept, followed by every route, left out where they mean nothing, erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.limits import LIMITS
from tests.builders import make_bundle
from tests.service.app_client import START, AppClient, assert_problem, give_history, open_client

STEER: dict[str, Any] = {"factors": {"2": 0.5}, "attributes": {"genre:Horror": 2.0}, "lock": ["year"]}
HISTORY = ("m0", "m3", "m6")


def put(client: AppClient, user_id: str, steer: Any = STEER) -> httpx.Response:
    return client.request("PUT", f"/users/{user_id}/preferences", json={"steer": steer})


def ids(reply: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in reply["items"]]


@pytest.fixture
def other_client(tmp_path: Path, own_client: AppClient) -> Iterator[AppClient]:
    """Another bundle over the store of `own_client`: two latents, and no directions but Comedy's and Horror's."""
    folder = make_bundle(tmp_path / "others", n_latent=2)
    with open_client(tmp_path, slot=Slot(load_bundle(folder)), store_url=own_client.state.settings.store_url) as found:
        yield found


def test_preferences_are_kept_as_put_and_the_last_put_wins(own_client: AppClient) -> None:
    first = put(own_client, "7")
    bundle_id = own_client.get("/recommend/7").json()["bundle_id"]
    expected = {"user_id": "7", "steer": STEER, "bundle_id": bundle_id, "updated": START}
    assert first.json() == expected
    assert own_client.get("/users/7/preferences").json() == expected
    assert put(own_client, "7").content == first.content
    second = {"factors": {}, "attributes": {"genre:Comedy": -1.0}, "lock": []}
    assert put(own_client, "7", {"attributes": {"genre:Comedy": -1.0}}).json()["steer"] == second
    assert own_client.get("/users/7/preferences").json()["steer"] == second


def test_user_without_preferences_is_told_from_one_who_is_unknown(own_client: AppClient) -> None:
    give_history(own_client, "7", *HISTORY)
    for user, code in (("7", "unknown-preferences"), ("nobody", "unknown-user")):
        for method in ("GET", "DELETE"):
            assert_problem(own_client.request(method, f"/users/{user}/preferences"), 404, code)
    assert own_client.get("/problems/unknown-preferences").json()["status"] == 404
    assert own_client.get("/users/7").json()["preferences"] is False


def test_user_with_preferences_alone_gets_a_steered_list_everywhere(own_client: AppClient) -> None:
    put(own_client, "7")
    posted = own_client.post("/recommend", {"user_id": "7", "n": 5}).json()
    assert (posted["source"], posted["history_used"], posted["steering"]["source"]) == ("model", 0, "preferences")
    assert posted["steering"]["compared_with"] == "popularity"
    assert own_client.get("/recommend/7?n=5").json() == posted
    batch = own_client.post("/recommend/batch", {"requests": [{"user_id": "7", "n": 5}]}).json()["results"]
    assert ids(batch[0]["result"]) == ids(posted)
    assert batch[0]["result"]["steering"] == posted["steering"]
    asked = own_client.post("/recommend", {"history": [], "steer": STEER, "n": 5}).json()
    assert asked["items"] == posted["items"]
    assert own_client.get("/users/7").json() == {"user_id": "7", "n_items": 0, "history": [], "preferences": True}
    assert own_client.get("/users").json()["items"] == [{"user_id": "7", "n_items": 0}]


def test_request_that_declines_them_or_steers_itself_is_not_steered_by_preferences(own_client: AppClient) -> None:
    give_history(own_client, "7", *HISTORY)
    plain = own_client.post("/recommend", {"user_id": "7"}).json()
    assert plain["steering"] is None
    put(own_client, "7")
    followed = own_client.post("/recommend", {"user_id": "7"}).json()
    assert ids(followed) != ids(plain), "the control: they do steer"
    for declined in ({"preferences": False}, {"steer": {}}, {"steer": {"attributes": {"genre:Horror": 0.0}}}):
        assert own_client.post("/recommend", {"user_id": "7", **declined}).json() == plain
    assert own_client.get("/recommend/7?preferences=false").json() == plain
    steered = own_client.post("/recommend", {"user_id": "7", "steer": {"attributes": {"genre:Drama": 2.0}}}).json()
    assert steered["steering"]["source"] == "request"
    assert [share["value"] for share in steered["steering"]["shares"]] == ["Drama"]


@pytest.mark.parametrize("history", [(), HISTORY], ids=["preferences-alone", "history"])
def test_explain_takes_apart_the_very_list_that_recommend_gave(own_client: AppClient, history: tuple[str, ...]) -> None:
    if history:
        give_history(own_client, "7", *history)
    put(own_client, "7")
    for item in own_client.post("/recommend", {"user_id": "7", "n": 4}).json()["items"]:
        told = own_client.post("/explain", {"user_id": "7", "item_id": item["item_id"]}).json()
        assert (told["score"], told["rank"], told["steered_by"]) == (item["score"], item["rank"], "preferences")
        twin = own_client.get(f"/explain/7?item_id={item['item_id']}").json()
        assert (twin["score"], twin["steered_by"]) == (item["score"], "preferences")
    if history:  # the control, and the profile
        item_id = item["item_id"]
        plain = own_client.get(f"/explain/7?item_id={item_id}&preferences=false").json()
        assert (plain["steered_by"], plain["score"] == told["score"]) == (None, False)
        profiles = [own_client.post("/explain", {"user_id": "7", "preferences": p}).json() for p in (True, False)]
        assert [profile["steered_by"] for profile in profiles] == ["preferences", None]
        assert profiles[0]["factors"] != profiles[1]["factors"]


def test_batch_steers_each_entry_by_its_own_preferences(own_client: AppClient) -> None:
    for user in ("1", "2"):
        give_history(own_client, user, *HISTORY, key=user)
    put(own_client, "1")
    entries = [{"user_id": "1"}, {"user_id": "2"}, {"user_id": "nobody"}, {"user_id": "1", "preferences": False}]
    results = own_client.post("/recommend/batch", {"requests": entries}).json()["results"]
    assert [result["status"] for result in results] == ["ok", "ok", "problem", "ok"]
    steered, other, _, declined = (result["result"] for result in results)
    assert steered["steering"]["items_in"] == [one for one in ids(steered) if one not in ids(declined)] != []
    assert steered["steering"]["items_out"] == [one for one in ids(declined) if one not in ids(steered)]
    assert other["steering"] is declined["steering"] is None
    assert ids(other) == ids(declined)


@pytest.mark.parametrize(
    ("steer", "pointer"),
    [
        ({"factors": {"0": 3.5}}, "/steer/factors/0"),
        ({"factors": {"99": 1.0}}, "/steer/factors"),
        ({"attributes": {"genre:Comedy": -3.5}}, "/steer/attributes/genre:Comedy"),
        ({"attributes": {"genre:secret": 1.0}}, "/steer/attributes"),
        ({"attributes": {"genre:Comedy": 1.0}, "lock": ["genre"]}, "/steer/lock/0"),
        ({"factors": {"1": 1.0}, "lock": ["year"]}, "/steer/lock"),
        ({"lock": ["secret"]}, "/steer/lock/0"),
        ({"lock": ["year"] * (LIMITS.steer_terms + 1)}, "/steer/lock"),
        ({"secret": 1}, "/steer/secret"),
        (None, "/steer"),
    ],
)
def test_bad_preferences_are_refused_as_in_a_request_and_not_kept(
    own_client: AppClient, steer: Any, pointer: str
) -> None:
    found = assert_problem(put(own_client, "7", steer), 422, "invalid-request")
    assert [fault["pointer"] for fault in found["errors"]] == [pointer]
    assert "secret" not in str(found).replace("/steer/secret", "")
    assert_problem(own_client.get("/users/7"), 404, "unknown-user")
    if steer is not None:
        asked = own_client.post("/recommend", {"history": ["m0"], "steer": steer})
        assert assert_problem(asked, 422, "invalid-request")["errors"] == found["errors"]


def test_another_bundle_follows_what_it_knows_and_says_what_it_leaves_out(
    own_client: AppClient, other_client: AppClient
) -> None:
    wishes = {"factors": {"0": 1.0}, "attributes": {"genre:Horror": 2.0, "year:2010s": 1.0}, "lock": []}
    give_history(own_client, "7", *HISTORY)
    put(own_client, "7", wishes)
    assert own_client.get("/recommend/7").json()["steering"]["ignored"] == []
    found = other_client.get("/recommend/7").json()
    assert found["bundle_id"] != other_client.get("/users/7/preferences").json()["bundle_id"]
    assert found["steering"]["ignored"] == [
        "factors 0: they were set for another bundle, where these numbers are other factors",
        "year:2010s: this bundle cannot steer it",
    ]
    same = other_client.post("/recommend", {"user_id": "7", "steer": {"attributes": {"genre:Horror": 2.0}}}).json()
    assert found["items"] == same["items"]
    put(other_client, "7", {"attributes": {"genre:Horror": 2.0}})
    assert other_client.get("/recommend/7").json()["steering"]["ignored"] == []


def test_preferences_of_which_nothing_can_be_followed_are_said_to_be_left_out(
    own_client: AppClient, other_client: AppClient
) -> None:
    give_history(own_client, "7", *HISTORY)
    put(own_client, "7", {"factors": {"0": 1.0}})
    plain = other_client.get("/recommend/7?preferences=false").json()
    found = other_client.get("/recommend/7").json()
    assert found["items"] == plain["items"]
    assert "nothing of the stored preferences" in found["steering"]["note"]
    assert len(found["steering"]["ignored"]) == 1
    assert found["steering"]["items_in"] == found["steering"]["items_out"] == []
    assert other_client.get("/explain/7").json()["steered_by"] is None


def test_deleted_preferences_steer_no_more_and_the_history_stays(own_client: AppClient) -> None:
    give_history(own_client, "7", *HISTORY)
    before = own_client.get("/recommend/7").json()
    put(own_client, "7")
    assert own_client.request("DELETE", "/users/7/preferences").json() == {"erased": True}
    assert own_client.get("/recommend/7").json() == before
    assert_problem(own_client.request("DELETE", "/users/7/preferences"), 404, "unknown-preferences")


def test_erased_user_has_no_preferences_and_none_come_back(own_client: AppClient, tmp_path: Path) -> None:
    put(own_client, "secret-user", {"attributes": {"genre:Horror": 1.0625}})
    assert any(b"secret-user" in path.read_bytes() for path in tmp_path.glob("store.sqlite*")), "the control"
    assert own_client.request("DELETE", "/users/secret-user").json() == {"erased": True}
    for path in ("/users/secret-user", "/users/secret-user/preferences", "/recommend/secret-user"):
        assert_problem(own_client.get(path), 404, "unknown-user")
    assert_problem(own_client.request("DELETE", "/users/secret-user"), 404, "unknown-user")
    assert own_client.get("/users").json()["items"] == []
    for path in tmp_path.glob("store.sqlite*"):
        content = path.read_bytes()
        assert b"secret-user" not in content and b"1.0625" not in content
    assert "secret-user" not in own_client.log.getvalue().decode()
    give_history(own_client, "secret-user", *HISTORY)
    assert own_client.get("/recommend/secret-user").json()["steering"] is None


def test_store_that_does_not_answer_keeps_nothing_and_says_so(own_client: AppClient) -> None:
    own_client.state.store.close()
    for reply in (put(own_client, "7"), own_client.get("/users/7/preferences"), own_client.get("/recommend/7")):
        assert_problem(reply, 503, "storage-unavailable")
    assert own_client.post("/recommend", {"history": ["m0"], "steer": STEER}).status_code == 200
