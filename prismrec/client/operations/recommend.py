# Made by `make client` from openapi/openapi.json; do not edit.
# ruff: noqa: PLR0913
"""Operations of `recommend`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prismrec.client.asking import Asks, AsyncAsks
from prismrec.client.calls import Call, CallOptions, Open, segment
from prismrec.client.models.recommend import BatchReply, BatchRequest, Recommendation, RecommendRequest
from prismrec.client.models.shared import ConditionAsked, ListedItem, Steer


class RecommendCalls(Asks):
    """Operations of `recommend`."""

    def recommend(
        self,
        *,
        user_id: str | int | None = None,
        history: Sequence[str | int] | None = None,
        n: int | None = None,
        offset: int | None = None,
        condition: ConditionAsked | None = None,
        exclude_seen: bool | None = None,
        exclude_items: Sequence[str | int] | None = None,
        candidates: Sequence[str | int] | None = None,
        steer: Steer | None = None,
        preferences: bool | None = None,
        explain: bool | None = None,
        fields: Sequence[str] | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> Recommendation:
        """A list for a stored user, a history, or both, with conditions, steering and reasons.

        The other arguments are the members of RecommendRequest.

        Problems: malformed, unauthorized, cross-site, unknown-user, unknown-model, too-large,
        unsupported-media-type, misdirected, invalid-request, internal, non-finite-score, overloaded, no-bundle,
        storage-unavailable, deadline.
        """
        return self._ask(
            Call(
                "recommend",
                "POST",
                "/recommend",
                Recommendation,
                body=RecommendRequest(
                    user_id=user_id,
                    history=history,
                    n=n,
                    offset=offset,
                    condition=condition,
                    exclude_seen=exclude_seen,
                    exclude_items=exclude_items,
                    candidates=candidates,
                    steer=steer,
                    preferences=preferences,
                    explain=explain,
                    fields=fields,
                    model=model,
                ),
                opens=(Open(("items",), ListedItem),),
            ),
            options,
        )

    def recommend_user(
        self,
        user_id: str | int,
        *,
        n: int | None = None,
        offset: int | None = None,
        genres: Sequence[str] | None = None,
        match: Literal["any", "all"] | None = None,
        mode: Literal["soft", "strict", "both"] | None = None,
        explain: bool | None = None,
        preferences: bool | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> Recommendation:
        """A list for a stored user, asked for by parameters; repeat `genres` for several of them.

        user_id: Id of a user.

        n: How many items are asked for. Default: 10.

        offset: How many items at the top to pass over. Default: 0.

        genres: Values that /conditions lists.

        match: Whether an item must have any or all of `genres`. Default: any.

        mode: soft: the model's input; strict: a mask; both. Default: soft.

        explain: Whether each item comes with its reasons. Default: False.

        preferences: Whether the stored preferences of the user steer. Default: True.

        model: Name of the served model that is to answer; null = that of the user's arm where users are split
        between models, else the default one.

        Problems: malformed, unauthorized, unknown-user, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, non-finite-score, overloaded, no-bundle, storage-unavailable,
        deadline.
        """
        return self._ask(
            Call(
                "recommend_user",
                "GET",
                f"/recommend/{segment(user_id)}",
                Recommendation,
                query={
                    "n": n,
                    "offset": offset,
                    "genres": genres,
                    "match": match,
                    "mode": mode,
                    "explain": explain,
                    "preferences": preferences,
                    "model": model,
                },
                opens=(Open(("items",), ListedItem),),
            ),
            options,
        )

    def recommend_batch(
        self, requests: Sequence[RecommendRequest], *, options: CallOptions | None = None
    ) -> BatchReply:
        """Many requests for a list in one; each gets the result or the problem that it would get alone, with 200.

        Those of one model are answered from the same bundle.

        The other arguments are the members of BatchRequest.

        Problems: malformed, unauthorized, cross-site, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle, deadline.
        """
        return self._ask(
            Call(
                "recommend_batch",
                "POST",
                "/recommend/batch",
                BatchReply,
                body=BatchRequest(requests=requests),
                opens=(
                    Open(
                        (
                            "results",
                            "result",
                            "items",
                        ),
                        ListedItem,
                    ),
                ),
            ),
            options,
        )


class AsyncRecommendCalls(AsyncAsks):
    """Operations of `recommend`."""

    async def recommend(
        self,
        *,
        user_id: str | int | None = None,
        history: Sequence[str | int] | None = None,
        n: int | None = None,
        offset: int | None = None,
        condition: ConditionAsked | None = None,
        exclude_seen: bool | None = None,
        exclude_items: Sequence[str | int] | None = None,
        candidates: Sequence[str | int] | None = None,
        steer: Steer | None = None,
        preferences: bool | None = None,
        explain: bool | None = None,
        fields: Sequence[str] | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> Recommendation:
        """A list for a stored user, a history, or both, with conditions, steering and reasons.

        The other arguments are the members of RecommendRequest.

        Problems: malformed, unauthorized, cross-site, unknown-user, unknown-model, too-large,
        unsupported-media-type, misdirected, invalid-request, internal, non-finite-score, overloaded, no-bundle,
        storage-unavailable, deadline.
        """
        return await self._ask(
            Call(
                "recommend",
                "POST",
                "/recommend",
                Recommendation,
                body=RecommendRequest(
                    user_id=user_id,
                    history=history,
                    n=n,
                    offset=offset,
                    condition=condition,
                    exclude_seen=exclude_seen,
                    exclude_items=exclude_items,
                    candidates=candidates,
                    steer=steer,
                    preferences=preferences,
                    explain=explain,
                    fields=fields,
                    model=model,
                ),
                opens=(Open(("items",), ListedItem),),
            ),
            options,
        )

    async def recommend_user(
        self,
        user_id: str | int,
        *,
        n: int | None = None,
        offset: int | None = None,
        genres: Sequence[str] | None = None,
        match: Literal["any", "all"] | None = None,
        mode: Literal["soft", "strict", "both"] | None = None,
        explain: bool | None = None,
        preferences: bool | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> Recommendation:
        """A list for a stored user, asked for by parameters; repeat `genres` for several of them.

        user_id: Id of a user.

        n: How many items are asked for. Default: 10.

        offset: How many items at the top to pass over. Default: 0.

        genres: Values that /conditions lists.

        match: Whether an item must have any or all of `genres`. Default: any.

        mode: soft: the model's input; strict: a mask; both. Default: soft.

        explain: Whether each item comes with its reasons. Default: False.

        preferences: Whether the stored preferences of the user steer. Default: True.

        model: Name of the served model that is to answer; null = that of the user's arm where users are split
        between models, else the default one.

        Problems: malformed, unauthorized, unknown-user, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, non-finite-score, overloaded, no-bundle, storage-unavailable,
        deadline.
        """
        return await self._ask(
            Call(
                "recommend_user",
                "GET",
                f"/recommend/{segment(user_id)}",
                Recommendation,
                query={
                    "n": n,
                    "offset": offset,
                    "genres": genres,
                    "match": match,
                    "mode": mode,
                    "explain": explain,
                    "preferences": preferences,
                    "model": model,
                },
                opens=(Open(("items",), ListedItem),),
            ),
            options,
        )

    async def recommend_batch(
        self, requests: Sequence[RecommendRequest], *, options: CallOptions | None = None
    ) -> BatchReply:
        """Many requests for a list in one; each gets the result or the problem that it would get alone, with 200.

        Those of one model are answered from the same bundle.

        The other arguments are the members of BatchRequest.

        Problems: malformed, unauthorized, cross-site, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle, deadline.
        """
        return await self._ask(
            Call(
                "recommend_batch",
                "POST",
                "/recommend/batch",
                BatchReply,
                body=BatchRequest(requests=requests),
                opens=(
                    Open(
                        (
                            "results",
                            "result",
                            "items",
                        ),
                        ListedItem,
                    ),
                ),
            ),
            options,
        )
