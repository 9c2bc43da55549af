"""/recommend: lists for a user, a history, or many of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from service.bundles.models import Answering
from service.engine import LoadedBundle
from service.errors import FieldError, InvalidRequestError, NonFiniteScoreError, ServiceError
from service.explaining.explain import explain_list
from service.explaining.explanation import ItemReasons
from service.http.asking import Asked, known_of, known_of_each, query_of
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.http.problems import invalid_request, problem
from service.http.showing import Lists, fields_of, steering_found, title_of
from service.lateness import stop_if_late
from service.limits import LIMITS
from service.query import Match, Mode, Ranking
from service.schemas.base import A_USER, Model, N, Name, Preferences, TrueOrFalse, UserId, WholeNumber
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
from service.state import State, answering, answering_each, state_of
from service.store.protocol import Known
from service.telemetry.answered import SCOPE, only_bundle
from service.telemetry.observing import tell_score

router = resource("recommend")
ERRORS = errors(
    "unknown-user", "unknown-model", "no-bundle", "overloaded", "storage-unavailable", "deadline", "non-finite-score"
)


@router.post("/recommend", response_model=Recommendation, responses=ERRORS)
async def recommend(request: Request, asked: RecommendRequest) -> Response:
    """A list for a stored user, a history, or both, with conditions, steering and reasons."""
    return reply(await _recommend(request, asked))


@router.get("/recommend/{user_id}", response_model=Recommendation, responses=ERRORS)
async def recommend_user(  # noqa: PLR0913, PLR0917 - each is a query parameter
    request: Request,
    user_id: Annotated[UserId, Path(description=A_USER)],
    n: Annotated[N, WholeNumber] = 10,
    offset: Annotated[
        int, Field(ge=0, le=LIMITS.offset, description="How many items at the top to pass over."), WholeNumber
    ] = 0,
    genres: Annotated[
        list[Name] | None, Query(max_length=LIMITS.condition_values, description="Values that /conditions lists.")
    ] = None,
    match: Annotated[Match, Query(description="Whether an item must have any or all of `genres`.")] = "any",
    mode: Annotated[Mode, Query(description="soft: the model's input; strict: a mask; both.")] = "soft",
    explain: Annotated[bool, TrueOrFalse, Query(description="Whether each item comes with its reasons.")] = False,
    preferences: Preferences = True,
    model: Model = None,
) -> Response:
    """A list for a stored user, asked for by parameters; repeat `genres` for several of them."""
    condition = None if genres is None else ConditionAsked(genres=genres, match=match, mode=mode)
    asked = RecommendRequest(
        user_id=user_id,
        n=n,
        offset=offset,
        condition=condition,
        explain=explain,
        preferences=preferences,
        model=model,
    )
    try:
        return reply(await _recommend(request, asked))
    except InvalidRequestError as error:
        raise _of_parameters(error) from error


def _of_parameters(error: InvalidRequestError) -> InvalidRequestError:
    """The same of parameters, which stand for themselves and not in a condition."""
    whole = "/condition"
    found = [
        FieldError("/genres" if fault.pointer == whole else fault.pointer.removeprefix(whole), fault.detail)
        for fault in error.errors
    ]
    return InvalidRequestError(error.detail, errors=found, hint=error.hint)


@router.post("/recommend/batch", response_model=BatchReply, responses=errors("no-bundle", "overloaded", "deadline"))
async def recommend_batch(request: Request, asked: BatchRequest) -> Response:
    """Many requests for a list in one; each gets the result or the problem that it would get alone, with 200.

    Those of one model are answered from the same bundle.
    """
    state = state_of(request)
    taken = answering_each(request, [None if isinstance(e, Refused) else (e.model, e.user_id) for e in asked.requests])
    known = await _known_of_each(state, asked.requests)
    request_id = request.scope["prismrec.request_id"]
    results = await state.compute.run(_batch, asked.requests, taken, known, request_id)
    for entry, result in zip(asked.requests, results, strict=True):
        if result.result is not None:
            _tell(state, entry, result.result)
    return reply(BatchReply(results=results, bundle_id=only_bundle(request.scope[SCOPE])))


async def _recommend(request: Request, asked: RecommendRequest) -> Recommendation:
    state = state_of(request)
    by = answering(request, asked.model, asked.user_id)
    known = await known_of(state, asked.user_id, asked.history)
    found = await state.compute.run(_listed, by, asked, known) if asked.explain else _listed(by, asked, known)
    _tell(state, asked, found)
    return found


def _tell(state: State, asked: RecommendRequest | Refused, found: Recommendation) -> None:
    unknown = len(found.unknown_items)
    state.metrics.observe_list(found.source, model=found.model, arm=found.arm, unknown_items=unknown)
    tell_score(state.metrics, asked, found)


def _listed(by: Answering, asked: RecommendRequest, known: Known) -> Recommendation:
    loaded = by.loaded
    put = query_of(loaded, asked, known.history, stored=known.preferences)
    fields_of(loaded.catalogue, asked.fields)
    # One by one, not as a batch of two: then a score is to the last bit what /explain takes apart.
    ranking = loaded.recommend(put.query)
    before = None if put.unsteered is None else loaded.recommend(put.unsteered)
    unlocked = None if put.unlocked is None else loaded.recommend_batch([put.unlocked])[0]
    return _shown(by, asked, put, Lists(ranking, before, _or_none(unlocked)))


async def _known_of_each(state: State, entries: Sequence[RecommendRequest | Refused]) -> list[Known | ServiceError]:
    sound = [entry for entry in entries if not isinstance(entry, Refused)]
    found = iter(await known_of_each(state, [(entry.user_id, entry.history) for entry in sound]))
    return [
        invalid_request(entry.errors, model=RecommendRequest) if isinstance(entry, Refused) else next(found)
        for entry in entries
    ]


def _batch(
    entries: list[RecommendRequest],
    taken: list[Answering | ServiceError],
    known: list[Known | ServiceError],
    request_id: str,
) -> list[BatchResult]:
    """One result an entry; those that can be asked of one bundle are ranked in one run of its graphs."""
    answers: dict[int, Recommendation | ServiceError] = {}
    asked: dict[str, dict[int, tuple[Answering, Asked]]] = {}
    for i, (entry, by, one) in enumerate(zip(entries, taken, known, strict=True)):
        if isinstance(one, ServiceError):
            answers[i] = one
            continue
        if isinstance(by, ServiceError):
            answers[i] = by
            continue
        try:
            fields_of(by.loaded.catalogue, entry.fields)
            put = query_of(by.loaded, entry, one.history, stored=one.preferences)
        except ServiceError as error:
            answers[i] = error
        else:
            asked.setdefault(by.loaded.bundle_id, {})[i] = by, put
    for of_one in asked.values():
        answers |= _ranked(entries, of_one)
    return [_result(answers[i], request_id) for i in range(len(entries))]


def _ranked(
    entries: list[RecommendRequest], asked: dict[int, tuple[Answering, Asked]]
) -> dict[int, Recommendation | ServiceError]:
    """The answers to entries of one bundle, by their places: ranked together, with and without steering."""
    answers: dict[int, Recommendation | ServiceError] = {}
    answerers = {i: by for i, (by, _) in asked.items()}
    put = {i: one for i, (_, one) in asked.items()}
    loaded = next(iter(answerers.values())).loaded
    unsteered = {i: one.unsteered for i, one in put.items() if one.unsteered is not None}
    unlocked = {i: one.unlocked for i, one in put.items() if one.unlocked is not None}
    queries = [*(one.query for one in put.values()), *unsteered.values(), *unlocked.values()]
    rankings = iter(loaded.recommend_batch(queries))
    after, before, free = (dict(zip(places, rankings, strict=False)) for places in (put, unsteered, unlocked))
    for i, one in put.items():
        stop_if_late()  # a batch of long lists with reasons would hold its thread for minutes
        ranking, was = after[i], before.get(i)
        if isinstance(ranking, ServiceError):
            answers[i] = ranking
        elif isinstance(was, ServiceError):
            answers[i] = was
        else:
            try:
                answers[i] = _shown(answerers[i], entries[i], one, Lists(ranking, was, _or_none(free.get(i))))
            except NonFiniteScoreError as error:  # of its reasons; the list itself is finite
                answers[i] = error
    return answers


def _or_none(found: Ranking | ServiceError | None) -> Ranking | None:
    """A list that is only measured against is no reason to refuse the one that was asked for."""
    return None if isinstance(found, ServiceError) else found


def _result(answer: Recommendation | ServiceError, request_id: str) -> BatchResult:
    if isinstance(answer, ServiceError):
        return BatchResult(status="problem", problem=Problem(**problem(answer, request_id)))
    return BatchResult(status="ok", result=answer)


def _shown(by: Answering, asked: RecommendRequest, put: Asked, lists: Lists) -> Recommendation:
    """The reply."""
    loaded, ranking = by.loaded, lists.after
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
        steering=steering_found(loaded, put.steering, lists),
        model=by.model,
        arm=by.arm,
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
                lean=f.lean,
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
