"""Requests drawn at random, for tests of what must hold of every reply; and an application for each kind of bundle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from tests.builders import make_bundle
from tests.service.app_client import AppClient, open_client

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"n_conditions": 0},
    "conditional": {},
    "linear": {"linear": True},
    "steering": {"steering": True, "n_latent": 6},
    "nameless": {"attributes": False, "n_conditions": 0},
}
N_ITEMS = 50
Body = dict[str, Any]
quick = settings(max_examples=40, deadline=None)

items = st.integers(0, N_ITEMS - 1).map("m{}".format)
histories = st.lists(items, min_size=1, max_size=12, unique=True)
strengths = st.integers(-30, 30).map(lambda tenths: tenths / 10)


@contextmanager
def clients_of_every_kind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, AppClient]]:
    """One application for each kind of bundle."""
    with ExitStack() as opened:
        found = {}
        for kind, made_of in KINDS.items():
            folder = tmp_path_factory.mktemp(kind)
            slot = Slot(load_bundle(make_bundle(folder / "models", **made_of)))
            found[kind] = opened.enter_context(open_client(folder, slot=slot))
        yield found


@st.composite
def conditions(draw: st.DrawFn, kind: str) -> Body | None:
    """A condition that the bundle of this kind can be asked for, or none."""
    if kind == "nameless" or draw(st.booleans()):
        return None
    genres = draw(st.lists(st.sampled_from(["Comedy", "Drama", "Horror"]), min_size=1, max_size=2, unique=True))
    mode = "strict" if kind == "plain" else draw(st.sampled_from(["soft", "strict", "both"]))
    return {"genres": genres, "match": draw(st.sampled_from(["any", "all"])), "mode": mode}


@st.composite
def steers(draw: st.DrawFn, kind: str) -> Body | None:
    """A push that the bundle of this kind can be asked for, or none."""
    if draw(st.booleans()):
        return None
    steer: Body = {"factors": draw(st.dictionaries(st.sampled_from("012"), strengths, max_size=3))}
    if kind != "nameless":
        steer["attributes"] = draw(st.dictionaries(st.sampled_from(["genre:Comedy", "genre:Drama"]), strengths))
        steer["lock"] = [] if not draw(st.booleans()) else ["year"]
    return steer


@st.composite
def asks(draw: st.DrawFn) -> tuple[str, Body]:
    """A kind of bundle, and what every route takes: a history, perhaps with a condition and steering."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    body = {"history": draw(histories), "condition": draw(conditions(kind)), "steer": draw(steers(kind))}
    return kind, body


def answered(client: AppClient, path: str, body: Body) -> httpx.Response:
    """The reply; a push of which the lock leaves nothing is refused, and no example of anything here."""
    reply = client.post(path, body)
    assume(reply.status_code != 422 or reply.json()["errors"][0]["pointer"] != "/steer/lock")
    assert reply.status_code == 200, reply.text
    return reply
