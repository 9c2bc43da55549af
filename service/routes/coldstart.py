"""/coldstart: lists sampled from chosen halves of chosen factors."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import Request
from starlette.responses import Response

from service.bundles.models import Answering
from service.coldstarts.coldstart import Draws, sample_coldstart
from service.coldstarts.picks import Pick
from service.http.asking import condition_of, history_of
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.http.showing import fields_of
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
    known, excluded = loaded.catalogue.idmap.split(history), loaded.catalogue.idmap.split(asked.exclude_items)
    older = known.indices[: -LIMITS.history]
    query = Query(
        history=tuple(known.indices[-LIMITS.history :]),
        n=asked.n,
        condition=condition_of(loaded, asked.condition),
        exclude=frozenset((*excluded.indices, *older)),
    )
    draws = Draws(samples=asked.samples, seed=asked.seed, diversity=asked.diversity)
    found = sample_coldstart(loaded, picks, query=query, draws=draws)
    ids = loaded.catalogue.ids
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
        history_used=len(query.history),
        unknown_items=list(dict.fromkeys((*known.unknown, *excluded.unknown))),
        model=by.model,
        arm=by.arm,
        bundle_id=loaded.bundle_id,
    )
