"""The models against the document's own examples, and against what a later service may send."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest

from prismrec.client import UnreadableReplyError
from tests.prismrec.client.conftest import Script, error_of
from tests.prismrec.client.test_contract import DOCUMENT, OPERATIONS
from tests.prismrec.client.test_live import ARGUMENTS

REPLIES: dict[str, Any] = {
    name: example
    for name, operation in OPERATIONS.items()
    if (example := operation["responses"]["200"]["content"].get("application/json", {}).get("example")) is not None
}
BODIES: dict[str, Any] = {
    name: example
    for name, operation in OPERATIONS.items()
    if (example := operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example"))
}


def flat(value: Any) -> Any:
    """With `fields` beside the other members, as the wire has them."""
    if isinstance(value, list):
        return [flat(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    rest = value.get("fields", {})
    return {name: flat(entry) for name, entry in value.items() if name != "fields"} | rest


def lost(shown: Any, kept: Any, where: str = "$") -> list[str]:
    """The places of what `shown` has and `kept` has not, or otherwise."""
    if isinstance(shown, dict) and isinstance(kept, dict):
        return [place for n, v in shown.items() for place in lost(v, kept.get(n, ...), f"{where}.{n}")]
    if isinstance(shown, list) and isinstance(kept, list) and len(shown) == len(kept):
        return [place for i, v in enumerate(shown) for place in lost(v, kept[i], f"{where}[{i}]")]
    return [] if shown == kept else [where]


def with_more(value: Any) -> Any:
    """The same with an unknown member in every object."""
    if isinstance(value, list):
        return [with_more(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    mapped = {"factors", "attributes"} if "lock" in value else set()  # of a steer: not members, but keys of a mapping
    more = {name: entry if name in mapped else with_more(entry) for name, entry in value.items()}
    return more | {"later": {"deep": [1, None]}}


def asked(scripted: Any, name: str, reply: Any) -> Any:
    args, kwargs = ARGUMENTS[name]
    return scripted(Script([httpx.Response(200, json=reply)]))(name, *args, **kwargs)


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_example_is_read_and_nothing_is_lost(scripted: Any, name: str) -> None:
    found = asked(scripted, name, REPLIES[name])
    assert lost(REPLIES[name], flat(msgspec.to_builtins(found))) == []


def test_lost_finds_what_is_missing_and_what_differs() -> None:
    assert lost({"a": 1, "b": [{"c": 2}, {"d": 3}]}, {"a": 1, "b": [{"c": 9}, {}]}) == ["$.b[0].c", "$.b[1].d"]
    assert lost([1], [1, 2]) == ["$"]


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_member_of_a_later_service_breaks_nothing(scripted: Any, name: str) -> None:
    found = asked(scripted, name, with_more(REPLIES[name]))
    assert lost(REPLIES[name], flat(msgspec.to_builtins(found))) == []


def test_value_added_to_an_enumeration_breaks_nothing(scripted: Any) -> None:
    later = REPLIES["recommend"] | {"source": "wizardry"}
    assert asked(scripted, "recommend", later).source == "wizardry"


@pytest.mark.parametrize("change", [{"returned": "two"}, {"items": None}, {"items": [{"item_id": "1"}]}])
def test_member_of_another_kind_is_an_error_that_says_where(scripted: Any, change: dict[str, Any]) -> None:
    script = Script([httpx.Response(200, json=REPLIES["recommend"] | change)])
    error = error_of(scripted(script), "recommend", history=["m0"])
    assert isinstance(error, UnreadableReplyError)
    assert f"$.{next(iter(change))}" in str(error)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_documents_body_example_leaves_as_it_stands(scripted: Any, name: str) -> None:
    """The example, given as arguments, is sent, less what is null or at its default anyway."""
    ref = OPERATIONS[name]["requestBody"]["content"]["application/json"]["schema"]
    part = next(entry for entry in ref.get("anyOf", [ref]) if "$ref" in entry)
    body = msgspec.convert(BODIES[name], type=_model(part["$ref"].rpartition("/")[2]))
    given = {field: getattr(body, field) for field in body.__struct_fields__}
    script = Script([httpx.Response(200, json=REPLIES[name])])
    path = [ARGUMENTS[name][0][0]] if "user_id" in str(OPERATIONS[name].get("parameters", "")) else []
    scripted(script)(name, *path, **given)
    sent = json.loads(script.requests[0].content)
    assert lost(sent, BODIES[name]) == []
    assert lost(_without_nulls(BODIES[name]), sent) == []


def _model(name: str) -> Any:
    from prismrec.client import models

    return getattr(models, name)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(entry) for name, entry in value.items() if entry is not None}


def test_nothing_is_sent_that_was_not_given(scripted: Any) -> None:
    script = Script([httpx.Response(200, json=REPLIES["recommend"])])
    scripted(script)("recommend", history=["m0"], exclude_seen=False)
    assert json.loads(script.requests[0].content) == {"history": ["m0"], "exclude_seen": False}
    script = Script([httpx.Response(200, json=REPLIES["recommend_user"])])
    scripted(script)("recommend_user", 42, genres=["Comedy", "Drama"], explain=True)
    assert str(script.requests[0].url) == "http://localhost/recommend/42?genres=Comedy&genres=Drama&explain=true"


def test_every_schema_of_the_document_has_a_model() -> None:
    from prismrec.client import models

    assert set(DOCUMENT["components"]["schemas"]) == set(models.__all__)
