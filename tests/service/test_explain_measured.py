"""Fidelity and counterfactuals over HTTP: what is asked for is measured, and what is said holds for lists asked for."""

from __future__ import annotations

import pytest

from service.explaining.fidelity import DEFAULT_K
from service.limits import LIMITS
from tests.service.app_client import AppClient, assert_problem

HISTORY = ["m0", "m2", "m5", "m8", "m1", "m16"]


def explained(client: AppClient, **asked: object) -> dict:
    return client.post("/explain", {"history": HISTORY, "item_id": "m12", **asked}).json()


def listed(client: AppClient, history: list[str], **asked: object) -> list[str]:
    reply = client.post("/recommend", {"history": history, "n": 5, **asked}).json()
    return [item["item_id"] for item in reply["items"]]


def test_fidelity_is_of_both_views_with_its_seed_and_steps(client: AppClient) -> None:
    told = explained(client)["fidelity"]
    assert (told["k"], told["seed"], told["random_orders"]) == (DEFAULT_K, 0, 1)
    assert told["factors"]["k"] == 4  # all there are
    for view in (told, told["factors"]):
        assert view["explanation"]["del_at_k"] < view["random"]["del_at_k"]
        assert view["explanation"]["ins_at_k"] > view["random"]["ins_at_k"]


def test_fidelity_k_says_how_many_steps(client: AppClient) -> None:
    assert (
        explained(client, fidelity_k=2)["fidelity"]["k"]
        == explained(client, fidelity_k=2)["fidelity"]["factors"]["k"]
        == 2
    )
    assert explained(client, fidelity_k=LIMITS.fidelity_k)["fidelity"]["k"] == len(HISTORY)
    assert explained(client, fidelity_k=2, fidelity=False)["fidelity"] is None


@pytest.mark.parametrize("k", [0, LIMITS.fidelity_k + 1, "two", 2.5])
def test_fidelity_k_out_of_bounds_is_refused(client: AppClient, k: object) -> None:
    reply = client.post("/explain", {"history": HISTORY, "item_id": "m12", "fidelity_k": k})
    problem = assert_problem(reply, 422, "invalid-request")
    assert [error["pointer"] for error in problem["errors"]] == ["/fidelity_k"]


def test_counterfactual_says_what_lists_asked_for_show(client: AppClient) -> None:
    """Both lists asked for by themselves, without a word of the counterfactual."""
    before = listed(client, HISTORY)
    for item in before:
        found = explained(client, item_id=item, n=5, counterfactual=True, fidelity=False)["counterfactual"]
        assert found["valid"] and found["reason"] is None
        after = listed(client, [ix for ix in HISTORY if ix not in found["remove"]], exclude_items=found["remove"])
        assert item in found["items_out"] and item not in after
        assert (
            found["items_in"] == [ix for ix in after if ix not in before]
            and found["replacement"] == found["items_in"][0]
        )
        assert found["items_out"] == [ix for ix in before if ix not in after]
        assert found["kept"] == pytest.approx(1 - len(found["items_out"]) / 5)
        assert found["new_rank"] > 5
        without_one = [ix for ix in HISTORY if ix not in found["remove"][1:]]
        assert item in listed(client, without_one, exclude_items=found["remove"][1:]), "the control: all are needed"


def test_counterfactual_that_cannot_be_says_why(client: AppClient) -> None:
    found = explained(client, n=50, counterfactual=True)["counterfactual"]
    assert (found["remove"], found["items_in"], found["items_out"], found["kept"]) == ([], [], [], None)
    assert not found["valid"] and "can be listed" in found["reason"]
