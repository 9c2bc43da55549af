"""/explain: why an item, or where someone stands in the decoded factors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import Field, TypeAdapter
from starlette.responses import Response

from bundle.catalogue import Catalogue
from service.bundles.models import Answering
from service.explaining.counterfactual import Counterfactual
from service.explaining.explain import Extras, explain_item
from service.explaining.explanation import HistoryContribution, ItemExplanation, Profile
from service.explaining.fidelity import DEFAULT_K
from service.explaining.profile import profile
from service.http.asking import Asked, item_index, known_of, query_of
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.http.showing import title_of
from service.lateness import stop_if_late
from service.limits import LIMITS
from service.schemas.base import A_USER, ItemId, Model, Preferences, TrueOrFalse, UserId, WholeNumber
from service.schemas.explain import (
    ExplainRequest,
    FidelityK,
    ItemExplained,
    ProfileFactorFound,
    ProfileFound,
    TopFactors,
)
from service.schemas.reasons import CounterfactualFound, FactorQuality, FactorShare, FidelityFound, HistoryShare, Pull
from service.schemas.recommend import RecommendRequest
from service.state import answering, state_of
from service.store.protocol import Known
from service.telemetry.metrics import Metrics
from service.telemetry.observing import tell_explanation

router = resource("explain")
ERRORS = errors(
    "unknown-user",
    "unknown-item",
    "unknown-model",
    "no-bundle",
    "overloaded",
    "storage-unavailable",
    "deadline",
    "non-finite-score",
)
Explained = ItemExplained | ProfileFound
ListLength = Annotated[
    int,
    Field(ge=1, le=LIMITS.n, description="Length of the list that a counterfactual takes the item out of."),
    WholeNumber,
]
FACTORS = TypeAdapter(list[FactorShare])
HISTORY = TypeAdapter(list[HistoryShare])


@router.post("/explain", response_model=Explained, responses=ERRORS)
async def explain(request: Request, asked: ExplainRequest) -> Response:
    """Why an item scores as it does, or, without `item_id`, the profile of a history in decoded factors."""
    return await _explain(request, asked)


@router.get("/explain/{user_id}", response_model=Explained, responses=ERRORS)
async def explain_user(  # noqa: PLR0913, PLR0917 - each is a query parameter
    request: Request,
    user_id: Annotated[UserId, Path(description=A_USER)],
    item_id: Annotated[ItemId | None, Query(description="The item to explain; left out = the user's profile.")] = None,
    top_factors: Annotated[
        Annotated[TopFactors, WholeNumber] | None,
        Query(description="How many factors are told apart; left out = all. A profile passes over it."),
    ] = None,
    counterfactual: Annotated[
        bool,
        TrueOrFalse,
        Query(description="Whether to look for items without which it leaves the list. A profile passes over it."),
    ] = False,
    fidelity: Annotated[
        bool,
        TrueOrFalse,
        Query(description="Whether to measure how faithful the explanation is. A profile passes over it."),
    ] = True,
    fidelity_k: Annotated[
        Annotated[FidelityK, WholeNumber] | None,
        Query(description="Steps of that measurement; left out = 5. A profile passes over it."),
    ] = None,
    n: ListLength = 10,
    preferences: Preferences = True,
    model: Model = None,
) -> Response:
    """Why an item scores as it does for a stored user, or, without `item_id`, that user's profile in factors."""
    asked = ExplainRequest(
        user_id=user_id,
        item_id=item_id,
        top_factors=top_factors,
        counterfactual=counterfactual,
        fidelity=fidelity,
        fidelity_k=fidelity_k,
        n=n,
        preferences=preferences,
        model=model,
    )
    return await _explain(request, asked)


async def _explain(request: Request, asked: ExplainRequest) -> Response:
    state = state_of(request)
    by = answering(request, asked.model, asked.user_id)
    item_ix = None if asked.item_id is None else item_index(by.loaded.catalogue.idmap, asked.item_id)
    known = await known_of(state, asked.user_id, asked.history)
    return await state.compute.run(_answered, state.metrics, by, asked, known, item_ix)


def _answered(metrics: Metrics, by: Answering, asked: ExplainRequest, known: Known, item_ix: int | None) -> Response:
    """Told, written and let go in one thread: the event loop has others to serve than a reply of 80 KB, and thousands
    of small objects cost twice where one core makes them and another reads them."""
    told = _told(by, asked, known, item_ix)
    stop_if_late()
    tell_explanation(metrics, told)
    return reply(told)


def _told(by: Answering, asked: ExplainRequest, known: Known, item_ix: int | None) -> Explained:
    loaded = by.loaded
    wanted = RecommendRequest(
        history=[], n=asked.n, condition=asked.condition, steer=asked.steer, preferences=asked.preferences
    )
    put = query_of(loaded, wanted, known.history, stored=known.preferences)
    if item_ix is None:
        return _profile(by, put, profile(loaded, put.query))
    extras = Extras(counterfactual=asked.counterfactual, fidelity_k=_fidelity_k(asked, put))
    return _item(by, put, explain_item(loaded, put.query, item_ix, top_factors=asked.top_factors, extras=extras))


def _fidelity_k(asked: ExplainRequest, put: Asked) -> int | None:
    """How many steps; None when none are asked for, or there is no history of which anything could be removed."""
    return (asked.fidelity_k or DEFAULT_K) if asked.fidelity and put.query.history else None


def _item(by: Answering, put: Asked, told: ItemExplanation) -> ItemExplained:
    catalogue = by.loaded.catalogue
    return ItemExplained(
        item_id=catalogue.ids[told.item_ix],
        title=title_of(catalogue, told.item_ix),
        score=told.score,
        probability=told.probability,
        rank=told.rank,
        seen=told.seen,
        not_listed=told.not_listed,
        base_value=told.base_value,
        condition_gain=told.condition_gain,
        factors=FACTORS.validate_python(told.factors, from_attributes=True),
        other_factors=told.other_factors,
        n_other_factors=told.n_other_factors,
        linear=told.linear,
        residual=told.residual,
        explained_share=told.explained_share,
        history=HISTORY.validate_python([_history(catalogue, share) for share in told.history]),
        history_base=told.history_base,
        history_residual=told.history_residual,
        counterfactual=_counterfactual(catalogue, told.counterfactual),
        fidelity=None if told.fidelity is None else FidelityFound.model_validate(told.fidelity, from_attributes=True),
        sentence=told.sentence,
        **_common(by, put),
    )


def _history(catalogue: Catalogue, share: HistoryContribution) -> dict[str, Any]:
    """Of HistoryShare: an item's history may be long, and all rows are checked at once."""
    return {
        "item_id": catalogue.ids[share.item_ix],
        "title": title_of(catalogue, share.item_ix),
        "contribution": share.contribution,
        "linear": share.linear,
    }


def _counterfactual(catalogue: Catalogue, found: Counterfactual | None) -> CounterfactualFound | None:
    if found is None:
        return None
    return CounterfactualFound(
        remove=[catalogue.ids[ix] for ix in found.remove],
        new_rank=found.new_rank,
        replacement=None if found.replacement is None else catalogue.ids[found.replacement],
        items_in=[catalogue.ids[ix] for ix in found.items_in],
        items_out=[catalogue.ids[ix] for ix in found.items_out],
        kept=found.kept,
        offered=[catalogue.ids[ix] for ix in found.offered],
        valid=found.valid,
        runs=found.runs,
        reason=found.reason,
    )


def _profile(by: Answering, put: Asked, found: Profile) -> ProfileFound:
    catalogue = by.loaded.catalogue
    rows = []
    for factor in found.factors:
        pulls = [
            Pull(item_id=catalogue.ids[item.item_ix], title=title_of(catalogue, item.item_ix), pull=item.pull)
            for item in factor.items
        ]
        rows.append(
            ProfileFactorFound(
                factor=factor.factor,
                half=factor.half,
                z=factor.z,
                percentile=factor.percentile,
                attribute=factor.attribute,
                value=factor.value,
                status=factor.status,
                shifted=factor.shifted,
                quality=FactorQuality.model_validate(factor.quality, from_attributes=True),
                items=pulls,
                in_history=factor.in_history,
            )
        )
    return ProfileFound(
        factors=rows,
        undecoded=list(found.undecoded),
        method=found.method,
        considered=found.considered,
        sentence=found.sentence,
        **_common(by, put),
    )


def _common(by: Answering, put: Asked) -> dict[str, Any]:
    return {
        "steered_by": put.steered_by,
        "history_used": len(put.query.history),
        "unknown_items": put.unknown_items,
        "model": by.model,
        "arm": by.arm,
        "bundle_id": by.loaded.bundle_id,
    }
