"""Every operation against the real application, by both clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prismrec.client import AsyncClient, CallOptions, Client, problem_error
from prismrec.client.models import (
    BatchReply,
    ConditionAsked,
    InteractionAsked,
    ItemExplained,
    PickAsked,
    ProfileFound,
    Ready,
    Recommendation,
    RecommendRequest,
    Steer,
)
from prismrec.client.problems import UnknownItemError, UnknownUserError
from service.bundles.slot import Slot
from tests.prismrec.client.conftest import Pair, pair_of
from tests.prismrec.client.test_contract import OPERATIONS
from tests.service.app_client import give_history, open_client
from tests.service.conftest import HISTORY

LIKED = [InteractionAsked(item_id="m1", timestamp=1_700_000_000), InteractionAsked(item_id="new")]
ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "recommend": ((), {"user_id": "42", "history": ["m12"], "n": 3, "explain": True, "fields": ["title", "genres"]}),
    "recommend_user": (("42",), {"n": 3, "genres": ["Comedy", "Drama"], "match": "any", "mode": "soft"}),
    "recommend_batch": (([RecommendRequest(history=["m0"], n=1), RecommendRequest(user_id="nobody")],), {}),
    "explain": ((), {"history": ["m0", "m1"], "item_id": "m16", "counterfactual": True, "n": 5}),
    "explain_user": (("42",), {"n": 5}),
    "coldstart": (([PickAsked(factor=0, half="positive", strength=1.0)],), {"n": 3, "samples": 8, "seed": 7}),
    "list_factors": ((), {"limit": 2}),
    "get_factor": ((0,), {}),
    "latent_map": ((), {}),
    "list_items": ((), {"title": "Film", "limit": 3}),
    "get_item": (("m0",), {}),
    "similar_items": (("m0",), {"n": 2}),
    "list_conditions": ((), {}),
    "list_users": ((), {"limit": 1}),
    "get_user": ((42,), {}),
    "export_user": ((42,), {}),
    "put_preferences": (("pia", Steer(factors={"2": 1.0}, attributes={"genre:Comedy": 0.5}, lock=["year"])), {}),
    "get_preferences": (("pia",), {}),
    "erase_preferences": (("pia",), {}),
    "append_interactions": (("ann", LIKED), {"idempotency_key": "k"}),
    "erase_user": (("ann",), {}),
    "list_bundles": ((), {}),
    "reload_bundle": ((), {"version": "1"}),
    "health_live": ((), {}),
    "health_ready": ((), {}),
    "list_problems": ((), {}),
    "get_problem": (("unknown-user",), {}),
    "metrics": ((), {}),
}
ONCE = {"erase_user", "erase_preferences"}
"""A second time is a problem."""
UNLIKE = {"metrics", "put_preferences", "export_user", "recommend_batch"}
"""Two answers differ by what happened between: counts, times, the ids of two requests."""


def test_arguments_cover_every_operation() -> None:
    assert set(OPERATIONS) <= set(ARGUMENTS)


@pytest.mark.parametrize("name", [name for name in ARGUMENTS if name in OPERATIONS])
def test_operation_answers_both_clients_alike(pair: Pair, name: str) -> None:
    args, kwargs = ARGUMENTS[name]
    if name in {"get_preferences", "erase_preferences"}:
        pair.ask("put_preferences", *ARGUMENTS["put_preferences"][0])
    if name in ONCE:
        pair.ask("append_interactions", *ARGUMENTS["append_interactions"][0], idempotency_key="once")
        assert pair.call(pair.waits, name, *args).erased
        with pytest.raises(UnknownUserError):
            pair.call(pair.awaited, name, *args)
        return
    first, second = pair.ask(name, *args, **kwargs)
    assert type(first) is type(second)
    assert first == second or name in UNLIKE


def test_list_keeps_the_catalogue_fields(pair: Pair) -> None:
    for found in pair.ask("recommend", history=["m0", "m3"], n=2, fields=["title", "year"]):
        assert isinstance(found, Recommendation)
        assert all(set(item.fields) == {"title", "year"} for item in found.items)
        assert isinstance(found.items[0].fields["year"], int)
    item, _ = pair.ask("get_item", "m0")
    assert item.fields["title"].startswith("Film 0")


def test_explain_gives_the_model_of_its_kind(pair: Pair) -> None:
    for found in pair.ask("explain", history=["m0", "m1"], item_id="m16"):
        assert isinstance(found, ItemExplained)
        assert found.kind == "item"
    for found in pair.ask("explain_user", "42"):
        assert isinstance(found, ProfileFound)


def test_batch_gives_a_list_and_a_problem_that_becomes_its_exception(pair: Pair) -> None:
    found = pair.waits.recommend_batch([RecommendRequest(history=["m0"], n=1), RecommendRequest(user_id="nobody")])
    assert isinstance(found, BatchReply)
    good, bad = found.results
    assert good.result is not None and set(good.result.items[0].fields) == {"title"}
    assert bad.problem is not None
    error = problem_error(bad.problem)
    assert isinstance(error, UnknownUserError)
    assert error.request_id == bad.problem.instance.rpartition(":")[2]


def test_condition_is_followed(pair: Pair) -> None:
    found, _ = pair.ask("recommend", history=["m0"], n=5, condition=ConditionAsked(genres=["Horror"], mode="strict"))
    assert found.condition_satisfied == 1.0


@pytest.mark.parametrize("limit", [1, 7, None])
def test_iterators_give_every_entry_once_in_order(pair: Pair, limit: int | None) -> None:
    async def gathered(client: AsyncClient) -> list[str]:
        return [item.item_id async for item in client.iter_items(limit=limit)]

    waits = [item.item_id for item in pair.waits.iter_items(limit=limit)]
    awaited = pair.app._loop.run_until_complete(gathered(pair.awaited))
    assert waits == awaited
    assert len(waits) == len(set(waits)) == 50
    assert waits == [item.item_id for item in pair.waits.list_items(limit=500).items]


def test_iterator_asks_for_no_page_before_it_is_needed(pair: Pair) -> None:
    raw: list[bytes] = []
    seen = pair.waits._http.event_hooks["response"]
    seen.append(lambda response: raw.append(b""))
    try:
        entries = pair.waits.iter_items(limit=2)
        assert raw == []
        assert [next(entries), next(entries)] and len(raw) == 1
        assert next(entries) and len(raw) == 2
    finally:
        seen.clear()


@pytest.mark.parametrize("item_id", [".", "..", "a b", "100%", "a?b", "a#b", "a+b", "ü", "日本", "a&b=c", "%2F", ";"])
def test_odd_id_arrives_whole(pair: Pair, item_id: str) -> None:
    """An id that the catalogue lacks is `unknown-item`; one that was cut or read as a path is another problem."""
    for client in (pair.waits, pair.awaited):
        with pytest.raises(UnknownItemError):
            pair.call(client, "get_item", item_id)


@pytest.mark.parametrize("user_id", ["a.b", "x@y.z", "a+b", "a=b", "a:b~c"])
def test_odd_user_is_stored_and_erased_under_the_same_id(pair: Pair, user_id: str) -> None:
    pair.waits.append_interactions(user_id, LIKED)
    assert pair.waits.get_user(user_id).user_id == user_id
    assert pair.waits.erase_user(user_id).erased


def test_empty_id_is_refused_before_it_is_sent(pair: Pair) -> None:
    with pytest.raises(ValueError, match="empty"):
        pair.waits.get_item("")


def test_request_id_reaches_the_log(own_pair: Pair) -> None:
    own_pair.waits.list_items(options=CallOptions(request_id="00112233445566778899aabbccddeeff"))
    assert b"00112233445566778899aabbccddeeff" in own_pair.app.log.getvalue()
    for wrong in ("", "a b", "f" * 65, "-a", "ann"):
        with pytest.raises(ValueError, match="request_id"):
            CallOptions(request_id=wrong)


def test_service_that_is_not_ready_says_so_in_a_reply_and_is_not_asked_again(tmp_path: Path) -> None:
    with open_client(tmp_path, slot=Slot()) as app:
        for found in pair_of(app).ask("health_ready"):
            assert isinstance(found, Ready)
            assert found.status != "ready"


def test_path_of_the_base_url_stays(tmp_path: Path) -> None:
    with open_client(tmp_path) as app:
        give_history(app, "42", *HISTORY)
        with pytest.raises(Exception, match="not-found"):
            pair_of(app, "http://localhost/below/").waits.health_live()


def test_keys_are_sent_and_may_change(tmp_path: Path) -> None:
    keys = ["read-key-of-16-bytes", "wrong"]
    with open_client(tmp_path, read_keys=keys[0]) as app:
        transport = pair_of(app).waits._http
        assert Client("http://localhost", key=keys[0], http=transport).list_items(limit=1).items
        given = iter(keys)
        changing = Client("http://localhost", key=lambda: next(given), http=transport)
        assert changing.list_items(limit=1).items
        with pytest.raises(Exception, match="unauthorized"):
            changing.list_items(limit=1)
        with pytest.raises(Exception, match="unauthorized"):
            Client("http://localhost", http=transport).list_items(limit=1)
