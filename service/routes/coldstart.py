"""/coldstart: lists sampled from chosen halves of chosen factors."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import Request
from starlette.responses import Response

from service.bundles.models import Answering
from service.coldstarts.coldstart import ColdStart, Draws, sample_coldstart
from service.coldstarts.picks import Pick
from service.engine import LoadedBundle
from service.http.asking import Asked, condition_of, history_of
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.http.showing import Fields, fields_of
from service.limits import LIMITS
from service.query import Query
from service.schemas.coldstart import ColdStartReply, ColdStartRequest, JointFound, PickFound, ShareFound
from service.schemas.recommend import ListedItem
from service.state import answering, state_of

router = resource("coldstart")
ERRORS = errors("unknown-model", "no-bundle", "overloaded", "storage-unavailable", "deadline", "non-finite-score")


@router.post("/coldstart", response_model=ColdStartReply, responses=ERRORS)
async def coldstart(request: Request, asked: ColdStartRequest) -> Response:
    """A list for someone without a history; the same request and seed give the same bytes."""
    state = state_of(request)
    by = answering(request, asked.model, asked.user_id)
    # somebody whom the store does not know is who a cold start is for: they have no history yet, which is no error
    history = await history_of(state, asked.user_id, asked.history or ())
    found = await state.compute.run(_sampled, by, asked, history)
    unknown = len(found.unknown_items)
    state.metrics.observe_list("coldstart", model=by.model, arm=by.arm, unknown_items=unknown)
    return reply(found)


def _sampled(by: Answering, asked: ColdStartRequest, history: tuple[str, ...]) -> ColdStartReply:
    loaded = by.loaded
    show = fields_of(loaded.catalogue, asked.fields)
    picks = [
        Pick(factor=pick.factor, half=pick.half, attribute=pick.attribute, value=pick.value, strength=pick.strength)
        for pick in asked.picks
    ]
    put = _query(loaded, asked, history)
    draws = Draws(samples=asked.samples, seed=asked.seed, diversity=asked.diversity)
    return _shown(by, put, sample_coldstart(loaded, picks, query=put.query, draws=draws), show)


def _query(loaded: LoadedBundle, asked: ColdStartRequest, history: tuple[str, ...]) -> Asked:
    """Of a history that is too long the latest items are scored, and the older ones are not listed either."""
    known, excluded = loaded.catalogue.idmap.split(history), loaded.catalogue.idmap.split(asked.exclude_items)
    query = Query(
        history=tuple(known.indices[-LIMITS.history :]),
        n=asked.n,
        condition=condition_of(loaded, asked.condition),
        exclude=frozenset((*excluded.indices, *known.indices[: -LIMITS.history])),
    )
    return Asked(query, list(dict.fromkeys((*known.unknown, *excluded.unknown))))


def _shown(by: Answering, put: Asked, found: ColdStart, show: Fields) -> ColdStartReply:
    ids = by.loaded.catalogue.ids
    return ColdStartReply(
        items=[
            ListedItem(
                item_id=ids[item.item_ix],
                rank=item.rank,
                score=item.score,
                probability=item.probability,
                **show(item.item_ix),
            )
            for item in found.items
        ],
        picks=[PickFound(**asdict(pick)) for pick in found.picks],
        shares=[ShareFound(**asdict(share)) for share in found.shares],
        joint=None if found.joint is None else JointFound(**asdict(found.joint)),
        merged_by=found.merged_by,
        diversity=found.draws.diversity,
        samples=found.draws.samples,
        seed=found.draws.seed,
        requested=found.requested,
        returned=len(found.items),
        short_reason=found.short_reason,
        condition_satisfied=found.condition_satisfied,
        history_used=len(put.query.history),
        unknown_items=put.unknown_items,
        model=by.model,
        arm=by.arm,
        bundle_id=by.loaded.bundle_id,
    )
