"""/recommend: lists for a user, a history, or many of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from service.asking import Asked, known_of, query_of
from service.engine import LoadedBundle
from service.errors import ServiceError
from service.explain import explain_list
from service.explanation import ItemReasons
from service.limits import LIMITS
from service.observing import tell_score
from service.openapi import errors
from service.operation import reply, resource
from service.problems import invalid_request, problem
from service.query import Match, Mode, Ranking
from service.schemas.base import N, Name, TrueOrFalse, UserId, WholeNumber
from service.schemas.problem import Problem
from service.schemas.recommend import (
    BatchReply,
    BatchRequest,
    BatchResult,
    ConditionAsked,
    FactorReason,
    HistoryReason,
    ListedItem,
    Reasons,
    Recommendation,
    RecommendRequest,
    Refused,
)
from service.showing import fields_of, steering_found, title_of
from service.state import State, state_of
from service.store.protocol import Known

router = resource("recommend")
ERRORS = errors("unknown-user", "no-bundle", "overloaded", "storage-unavailable", "deadline", "non-finite-score")


@router.post("/recommend", response_model=Recommendation, responses=ERRORS)
async def recommend(request: Request, asked: RecommendRequest) -> Response:
    """A list for a stored user, a history, or both, with conditions, steering and reasons."""
    return reply(await _recommend(request, asked))


@router.get("/recommend/{user_id}", response_model=Recommendation, responses=ERRORS)
async def recommend_user(  # noqa: PLR0913, PLR0917 - each is a query parameter
    request: Request,
    user_id: Annotated[UserId, Path()],
    n: Annotated[N, WholeNumber] = 10,
    offset: Annotated[int, Field(ge=0, le=LIMITS.offset), WholeNumber] = 0,
    genres: Annotated[list[Name] | None, Query(max_length=LIMITS.condition_values)] = None,
    match: Match = "any",
    mode: Mode = "soft",
    explain: Annotated[bool, TrueOrFalse] = False,
    preferences: Annotated[bool, TrueOrFalse] = True,
) -> Response:
    """The same for a stored user, with parameters; repeat `genres` for several of them."""
    condition = None if genres is None else ConditionAsked(genres=genres, match=match, mode=mode)
    asked = RecommendRequest(
        user_id=user_id, n=n, offset=offset, condition=condition, explain=explain, preferences=preferences
    )
    return reply(await _recommend(request, asked))


@router.post("/recommend/batch", response_model=BatchReply, responses=ERRORS)
async def recommend_batch(request: Request, asked: BatchRequest) -> Response:
    """Many requests for a list in one; each gets its result or its problem, all from the same bundle."""
    state = state_of(request)
    loaded = state.slot.require()
    request.scope["prismrec.bundle_id"] = loaded.bundle_id
    known: list[Known | ServiceError] = []
    for entry in asked.requests:
        known.append(await _known_or_error(state, entry))
    request_id = request.scope["prismrec.request_id"]
    results = await state.compute.run(_batch, loaded, asked.requests, known, request_id)
    for entry, result in zip(asked.requests, results, strict=True):
        if result.result is not None:
            state.metrics.observe_list(result.result.source, unknown_items=len(result.result.unknown_items))
            tell_score(state.metrics, entry, result.result)
    return reply(BatchReply(results=results, bundle_id=loaded.bundle_id))


async def _recommend(request: Request, asked: RecommendRequest) -> Recommendation:
    state = state_of(request)
    loaded = state.slot.require()
    request.scope["prismrec.bundle_id"] = loaded.bundle_id
    known = await known_of(state, asked.user_id, asked.history)
    if asked.explain:
        found = await state.compute.run(_listed, loaded, asked, known)
    else:
        found = _listed(loaded, asked, known)
    state.metrics.observe_list(found.source, unknown_items=len(found.unknown_items))
    tell_score(state.metrics, asked, found)
    return found


def _listed(loaded: LoadedBundle, asked: RecommendRequest, known: Known) -> Recommendation:
    put = query_of(loaded, asked, known.history, stored=known.preferences)
    fields_of(loaded.catalogue, asked.fields)
    # One by one, not as a batch of two: then a score is to the last bit what /explain takes apart.
    ranking = loaded.recommend(put.query)
    before = None if put.unsteered is None else loaded.recommend(put.unsteered)
    return _shown(loaded, asked, put, (before, ranking))


async def _known_or_error(state: State, entry: RecommendRequest | Refused) -> Known | ServiceError:
    if isinstance(entry, Refused):
        return invalid_request(entry.errors)
    try:
        return await known_of(state, entry.user_id, entry.history)
    except ServiceError as error:
        return error


def _batch(
    loaded: LoadedBundle,
    entries: list[RecommendRequest],
    known: list[Known | ServiceError],
    request_id: str,
) -> list[BatchResult]:
    """One result an entry; those that can be asked are ranked in one run of the graphs, with and without steering."""
    answers: dict[int, Recommendation | ServiceError] = {}
    put: dict[int, Asked] = {}
    for i, (entry, one) in enumerate(zip(entries, known, strict=True)):
        try:
            if isinstance(one, ServiceError):
                answers[i] = one
            else:
                fields_of(loaded.catalogue, entry.fields)
                put[i] = query_of(loaded, entry, one.history, stored=one.preferences)
        except ServiceError as error:
            answers[i] = error
    unsteered = {i: asked.unsteered for i, asked in put.items() if asked.unsteered is not None}
    rankings = loaded.recommend_batch([*(asked.query for asked in put.values()), *unsteered.values()])
    before = dict(zip(unsteered, rankings[len(put) :], strict=True))
    for (i, asked), ranking in zip(put.items(), rankings[: len(put)], strict=True):
        was = before.get(i)
        if isinstance(ranking, ServiceError):
            answers[i] = ranking
        else:
            answers[i] = was if isinstance(was, ServiceError) else _shown(loaded, entries[i], asked, (was, ranking))
    return [_result(answers[i], request_id) for i in range(len(entries))]


def _result(answer: Recommendation | ServiceError, request_id: str) -> BatchResult:
    if isinstance(answer, ServiceError):
        return BatchResult(status="problem", problem=Problem(**problem(answer, request_id)))
    return BatchResult(status="ok", result=answer)


def _shown(
    loaded: LoadedBundle, asked: RecommendRequest, put: Asked, lists: tuple[Ranking | None, Ranking]
) -> Recommendation:
    """The reply. lists: without steering (None: there is none), and the list asked for."""
    before, ranking = lists
    show = fields_of(loaded.catalogue, asked.fields)
    reasons: tuple[ItemReasons | None, ...] = (None,) * ranking.returned
    if asked.explain:
        reasons = explain_list(loaded, put.query, ranking)
    ids = loaded.catalogue.ids
    return Recommendation(
        items=[
            ListedItem(
                item_id=ids[item.item_ix],
                rank=item.rank,
                score=item.score,
                probability=item.probability,
                reasons=None if reason is None else _reasons(loaded, reason),
                **show(item.item_ix),
            )
            for item, reason in zip(ranking.items, reasons, strict=True)
        ],
        requested=ranking.requested,
        returned=ranking.returned,
        offset=put.query.offset,
        source=ranking.source,
        short_reason=ranking.short_reason,
        condition_satisfied=ranking.condition_satisfied,
        history_used=len(put.query.history),
        unknown_items=put.unknown_items,
        steering=steering_found(loaded, put.steering, before, ranking),
        bundle_id=loaded.bundle_id,
    )


def _reasons(loaded: LoadedBundle, reason: ItemReasons) -> Reasons:
    catalogue = loaded.catalogue
    return Reasons(
        base_value=reason.base_value,
        condition_gain=reason.condition_gain,
        factors=[
            FactorReason(
                factor=f.factor,
                half=f.half,
                percentile=f.percentile,
                contribution=f.contribution,
                attribute=f.attribute,
                value=f.value,
                status=f.status,
                item_has=f.item_has,
                shifted=f.shifted,
            )
            for f in reason.factors
        ],
        other_factors=reason.other_factors,
        linear=reason.linear,
        history=[
            HistoryReason(
                item_id=catalogue.ids[h.item_ix],
                title=title_of(catalogue, h.item_ix),
                contribution=h.contribution,
                linear=h.linear,
            )
            for h in reason.history
        ],
        sentence=reason.sentence,
    )
