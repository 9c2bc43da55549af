"""/coldstart: lists sampled from chosen halves of chosen factors."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import Request
from starlette.responses import Response

from service.asking import condition_of
from service.coldstart import ColdStart, sample_coldstart
from service.engine import LoadedBundle
from service.openapi import errors
from service.operation import reply, resource
from service.picks import Pick
from service.schemas.coldstart import ColdStartReply, ColdStartRequest, PickFound, ShareFound
from service.schemas.recommend import ListedItem
from service.showing import fields_of
from service.state import state_of

router = resource("coldstart")
ERRORS = errors("no-bundle", "overloaded", "deadline", "non-finite-score")


@router.post("/coldstart", response_model=ColdStartReply, responses=ERRORS)
async def coldstart(request: Request, asked: ColdStartRequest) -> Response:
    """A list for someone without a history; the same request and seed give the same bytes."""
    state = state_of(request)
    loaded = state.slot.require()
    request.scope["prismrec.bundle_id"] = loaded.bundle_id
    found = await state.compute.run(_sampled, loaded, asked)
    state.metrics.observe_list("coldstart")
    return reply(found)


def _sampled(loaded: LoadedBundle, asked: ColdStartRequest) -> ColdStartReply:
    show = fields_of(loaded.catalogue, asked.fields)
    picks = [
        Pick(factor=pick.factor, half=pick.half, attribute=pick.attribute, value=pick.value, strength=pick.strength)
        for pick in asked.picks
    ]
    found: ColdStart = sample_coldstart(
        loaded,
        picks,
        n=asked.n,
        samples=asked.samples,
        seed=asked.seed,
        condition=condition_of(loaded, asked.condition),
    )
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
        samples=found.samples,
        seed=found.seed,
        requested=found.requested,
        returned=len(found.items),
        short_reason=found.short_reason,
        condition_satisfied=found.condition_satisfied,
        bundle_id=loaded.bundle_id,
    )
