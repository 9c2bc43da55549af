"""Every bound of service.limits that a caller can meet: answered at the limit, refused one past it, the field named.

The table of limits and the tests cannot drift apart: a limit that is in neither table below fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.limits import LIMITS, Limits
from tests.builders import make_bundle
from tests.service.app_client import AppClient, assert_problem, open_client

LISTED: dict[str, Any] = {"history": ["m0"]}
PICK = {"factor": 0, "half": "positive"}
KEY = {"Idempotency-Key": "a"}
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Bound:
    """ask(client, size) is answered at the limit; one past it (or `step`) is refused with `code` at `pointer`."""

    ask: Callable[[AppClient, Any], httpx.Response]
    pointer: str = ""
    code: str = "invalid-request"
    status: int = 422
    step: float = 1


def body(path: str, make: Callable[[Any], dict[str, Any]], method: str = "POST") -> Callable[..., httpx.Response]:
    return lambda client, size: client.request(method, path, json=make(size), headers=KEY)


def of_length(path: str, content: bytes) -> Callable[..., httpx.Response]:
    """The same JSON, blanks behind it up to so many bytes."""
    return lambda client, size: client.raw(path, content.ljust(size))


def listed(**more: Callable[[Any], Any]) -> Callable[..., httpx.Response]:
    return body("/recommend", lambda size: LISTED | {name: make(size) for name, make in more.items()})


BOUNDS: dict[str, Bound] = {
    "body_bytes": Bound(of_length("/recommend", b'{"history": ["m0"]}'), code="too-large", status=413),
    "batch_body_bytes": Bound(
        of_length("/recommend/batch", b'{"requests": [{"history": ["m0"]}]}'), code="too-large", status=413
    ),
    "id_bytes": Bound(listed(exclude_items=lambda size: ["a" * size]), "/exclude_items/0"),
    "history": Bound(listed(history=lambda size: ["m0"] * size), "/history"),
    "candidates": Bound(listed(candidates=lambda size: [1] * size), "/candidates"),
    "exclude": Bound(listed(exclude_items=lambda size: ["m1"] * size), "/exclude_items"),
    "interactions": Bound(
        body("/users/7/interactions", lambda size: {"interactions": [{"item_id": str(i)} for i in range(size)]}),
        "/interactions",
    ),
    "n": Bound(listed(n=lambda size: size), "/n"),
    "offset": Bound(listed(offset=lambda size: size), "/offset"),
    "batch": Bound(body("/recommend/batch", lambda size: {"requests": [LISTED | {"n": 1}] * size}), "/requests"),
    "page": Bound(lambda client, size: client.get(f"/items?limit={size}"), "/limit"),
    "condition_values": Bound(
        listed(condition=lambda size: {"genres": ["Comedy"] * size, "mode": "strict"}), "/condition/genres"
    ),
    "top_factors": Bound(
        body("/explain", lambda size: LISTED | {"item_id": "m3", "top_factors": size}), "/top_factors"
    ),
    "steer_terms": Bound(listed(steer=lambda size: {"lock": ["year"] * size}), "/steer/lock"),
    "steer_strength": Bound(listed(steer=lambda size: {"factors": {"0": size}}), "/steer/factors/0", step=0.01),
    "picks": Bound(
        body("/coldstart", lambda size: {"picks": [{"factor": i, "half": "positive"} for i in range(size)]}), "/picks"
    ),
    "samples": Bound(body("/coldstart", lambda size: {"picks": [PICK], "samples": size}), "/samples"),
    "pick_strength": Bound(
        body("/coldstart", lambda size: {"picks": [PICK | {"strength": size}]}), "/picks/0/strength", step=0.01
    ),
    "fidelity_k": Bound(body("/explain", lambda size: LISTED | {"item_id": "m3", "fidelity_k": size}), "/fidelity_k"),
}

_WORKERS = "tests/service/test_workers.py::test_full_queue_is_overloaded_and_empties"
_HEADS = "tests/faults/test_slow_clients.py::test_r2_as_many_headers_as_are_allowed_are_read"
_SLOW = "tests/faults/test_slow_clients.py::test_r2_slow_loris_is_cut_by_a_deadline_and_counted"
_SCAN = "tests/service/core/test_onnx_scan.py::test_scan_of_a_forbidden_graph_is_refused"
ELSEWHERE = {
    "connections": "tests/faults/test_slow_clients.py::test_r2_idle_connections_make_room_for_others",
    "head_bytes": "tests/faults/test_slow_clients.py::test_r2_header_flood_is_refused_and_weighs_nothing",
    "headers": _HEADS,
    "head_seconds": _SLOW,
    "body_seconds": _SLOW,
    "reply_seconds": "tests/faults/test_slow_clients.py::test_r2_client_that_does_not_take_its_reply_is_cut",
    "wait_seconds": "tests/faults/test_overload.py::"
    "test_r15_four_times_capacity_keeps_the_deadline_of_what_is_accepted_and_recovers",
    "deadline_seconds": "tests/service/test_explain_route.py::"
    "test_explain_past_its_deadline_is_504_and_a_full_pool_503",
    "load_seconds": "tests/faults/test_bad_bundles.py::"
    "test_b6_load_that_does_not_end_is_given_up_on_and_others_take_its_place",
    "concurrency": _WORKERS,
    "queue": _WORKERS,
    "onnx_nodes": _SCAN,
    "onnx_depth": _SCAN,
}
"""Limits of time, of load and of files that a request cannot state: which test holds each."""

INSIDE = {
    "trials",
    "removals",
    "counterfactual_candidates",
    "leave_one_out_cells",
    "encode_cells",
    "decode_cells",
    "linear_cells",
    "retry_after_seconds",
}
"""How work is cut into pieces, and how much of it is tried: no request meets them, nothing is refused."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    folder = tmp_path_factory.mktemp("limits")
    bundle = make_bundle(folder / "models", n_latent=LIMITS.picks + 1)
    with open_client(folder, slot=Slot(load_bundle(bundle))) as client:
        yield client


@pytest.mark.parametrize("name", BOUNDS)
def test_limit_is_answered_and_one_past_it_refused(asked: AppClient, name: str) -> None:
    bound, limit = BOUNDS[name], getattr(LIMITS, name)
    at = bound.ask(asked, limit)
    assert at.status_code == 200, at.text
    found = assert_problem(bound.ask(asked, limit + bound.step), bound.status, bound.code)
    assert [error["pointer"] for error in found.get("errors", ())] == ([bound.pointer] if bound.pointer else [])


def test_every_limit_is_tested_or_said_to_be_met_by_nobody() -> None:
    assert untested(Limits) == set()


def test_limit_without_a_test_is_found_out() -> None:
    @dataclass(frozen=True)
    class More(Limits):
        something_new: int = 1

    assert untested(More) == {"something_new"}


def test_page_has_every_limit_that_can_be_met_and_its_value() -> None:
    assert told() == {name: getattr(LIMITS, name) for name in (*BOUNDS, *ELSEWHERE)}


def told() -> dict[str, float]:
    """The first two columns of the table in docs/operations.md; a row may have several limits."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = page[page.index("\n## Limits\n") :].split("\n## ")[1]
    found: dict[str, float] = {}
    for row in re.findall(r"^\| (`.+?) \| ([0-9., ]+) \|", section, re.MULTILINE):
        names, values = re.findall(r"`(\w+)`", row[0]), row[1].split(", ")
        found |= {name: float(value) for name, value in zip(names, values, strict=True)}
    return found


def untested(limits: type[Limits]) -> set[str]:
    names = {field.name for field in fields(limits)}
    assert names >= {*BOUNDS, *ELSEWHERE, *INSIDE}, "a limit that is no more"
    return names - {*BOUNDS, *ELSEWHERE, *INSIDE}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_limit_that_is_tested_elsewhere_is(name: str) -> None:
    path, _, function = ELSEWHERE[name].partition("::")
    assert f"def {function}(" in (ROOT / path).read_text("utf-8")
