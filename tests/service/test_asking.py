"""From a request's words to the query: long histories and ids that stand twice or mean nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from service.bundles.loader import load_bundle
from service.engine import LoadedBundle
from service.explaining.explain import explain_item
from service.http import asking
from service.http.asking import query_of
from service.limits import LIMITS
from service.schemas.recommend import RecommendRequest
from tests.builders import make_bundle
from tests.service.app_client import AppClient

WANTED = RecommendRequest(history=[], n=50)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    folder: Path = tmp_path_factory.mktemp("asking")
    return load_bundle(make_bundle(folder))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LIMITS", dataclasses.replace(LIMITS, history=3))


@pytest.mark.usefixtures("short")
def test_items_past_the_limit_are_not_scored_but_stay_seen(loaded: LoadedBundle) -> None:
    put = query_of(loaded, WANTED, ("m0", "m1", "m2", "m3", "m4"))
    assert put.query.history == (2, 3, 4)
    listed = {item.item_ix for item in loaded.recommend(put.query).items}
    assert not listed & {0, 1, 2, 3, 4}
    again = query_of(loaded, RecommendRequest(history=[], n=50, exclude_seen=False), ("m0", "m1", "m2", "m3", "m4"))
    assert {0, 1} <= {item.item_ix for item in loaded.recommend(again.query).items}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(("item", "seen"), [(0, True), (4, True), (5, False)])
def test_item_past_the_limit_is_explained_as_seen(loaded: LoadedBundle, item: int, seen: bool) -> None:
    for exclude_seen in (True, False):
        asked = RecommendRequest(history=[], n=50, exclude_seen=exclude_seen)
        told = explain_item(loaded, query_of(loaded, asked, ("m0", "m1", "m2", "m3", "m4")).query, item)
        assert told.seen is seen
        assert told.not_listed == ("seen" if seen and exclude_seen else None)


@pytest.mark.usefixtures("short")
def test_unknown_items_do_not_use_up_the_limit(loaded: LoadedBundle) -> None:
    put = query_of(loaded, WANTED, ("m0", "m1", *(f"nowhere{i}" for i in range(10))))
    assert put.query.history == (0, 1)
    assert len(put.unknown_items) == 10


def test_stored_items_given_again_are_one_history(client: AppClient) -> None:
    alone = client.post("/recommend", {"user_id": "42", "n": 5}).json()
    twice = client.post("/recommend", {"user_id": "42", "history": ["m3", "m9", "m3"], "n": 5}).json()
    assert twice["history_used"] == alone["history_used"]
    assert twice["items"] == alone["items"]
