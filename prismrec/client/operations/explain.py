# Made by `make client` from openapi/openapi.json; do not edit.
# ruff: noqa: PLR0913
"""Operations of `explain`."""

from __future__ import annotations

from collections.abc import Sequence

from prismrec.client.asking import Asks, AsyncAsks
from prismrec.client.calls import Call, CallOptions, segment
from prismrec.client.models.explain import ExplainRequest, ItemExplained, ProfileFound
from prismrec.client.models.shared import ConditionAsked, Steer


class ExplainCalls(Asks):
    """Operations of `explain`."""

    def explain(
        self,
        *,
        history: Sequence[str | int] | None = None,
        item_id: str | int | None = None,
        user_id: str | int | None = None,
        condition: ConditionAsked | None = None,
        steer: Steer | None = None,
        preferences: bool | None = None,
        top_factors: int | None = None,
        counterfactual: bool | None = None,
        fidelity: bool | None = None,
        fidelity_k: int | None = None,
        n: int | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ItemExplained | ProfileFound:
        """Why an item scores as it does, or, without `item_id`, the profile of a history in decoded factors.

        The other arguments are the members of ExplainRequest.

        Problems: malformed, unauthorized, cross-site, unknown-user, unknown-item, unknown-model, too-large,
        unsupported-media-type, misdirected, invalid-request, internal, non-finite-score, overloaded, no-bundle,
        storage-unavailable, deadline.
        """
        return self._ask(
            Call(
                "explain",
                "POST",
                "/explain",
                ItemExplained | ProfileFound,
                body=ExplainRequest(
                    history=history,
                    item_id=item_id,
                    user_id=user_id,
                    condition=condition,
                    steer=steer,
                    preferences=preferences,
                    top_factors=top_factors,
                    counterfactual=counterfactual,
                    fidelity=fidelity,
                    fidelity_k=fidelity_k,
                    n=n,
                    model=model,
                ),
            ),
            options,
        )

    def explain_user(
        self,
        user_id: str | int,
        *,
        item_id: str | int | None = None,
        top_factors: int | None = None,
        counterfactual: bool | None = None,
        fidelity: bool | None = None,
        fidelity_k: int | None = None,
        n: int | None = None,
        preferences: bool | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ItemExplained | ProfileFound:
        """Why an item scores as it does for a stored user, or, without `item_id`, that user's profile in factors.

        user_id: Id of a user.

        item_id: The item to explain; left out = the user's profile.

        top_factors: How many factors are told apart; left out = all. A profile passes over it.

        counterfactual: Whether to look for items without which it leaves the list. A profile passes over it.
        Default: False.

        fidelity: Whether to measure how faithful the explanation is. A profile passes over it. Default: True.

        fidelity_k: Steps of that measurement; left out = 5. A profile passes over it.

        n: Length of the list that a counterfactual takes the item out of. Default: 10.

        preferences: Whether the stored preferences of the user steer. Default: True.

        model: Name of the served model that is to answer; null = that of the user's arm where users are split
        between models, else the default one.

        Problems: malformed, unauthorized, unknown-user, unknown-item, unknown-model, too-large,
        unsupported-media-type, misdirected, invalid-request, internal, non-finite-score, overloaded, no-bundle,
        storage-unavailable, deadline.
        """
        return self._ask(
            Call(
                "explain_user",
                "GET",
                f"/explain/{segment(user_id)}",
                ItemExplained | ProfileFound,
                query={
                    "item_id": item_id,
                    "top_factors": top_factors,
                    "counterfactual": counterfactual,
                    "fidelity": fidelity,
                    "fidelity_k": fidelity_k,
                    "n": n,
                    "preferences": preferences,
                    "model": model,
                },
            ),
            options,
        )


class AsyncExplainCalls(AsyncAsks):
    """Operations of `explain`."""

    async def explain(
        self,
        *,
        history: Sequence[str | int] | None = None,
        item_id: str | int | None = None,
        user_id: str | int | None = None,
        condition: ConditionAsked | None = None,
        steer: Steer | None = None,
        preferences: bool | None = None,
        top_factors: int | None = None,
        counterfactual: bool | None = None,
        fidelity: bool | None = None,
        fidelity_k: int | None = None,
        n: int | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ItemExplained | ProfileFound:
        """Why an item scores as it does, or, without `item_id`, the profile of a history in decoded factors.

        The other arguments are the members of ExplainRequest.

        Problems: malformed, unauthorized, cross-site, unknown-user, unknown-item, unknown-model, too-large,
        unsupported-media-type, misdirected, invalid-request, internal, non-finite-score, overloaded, no-bundle,
        storage-unavailable, deadline.
        """
        return await self._ask(
            Call(
                "explain",
                "POST",
                "/explain",
                ItemExplained | ProfileFound,
                body=ExplainRequest(
                    history=history,
                    item_id=item_id,
                    user_id=user_id,
                    condition=condition,
                    steer=steer,
                    preferences=preferences,
                    top_factors=top_factors,
                    counterfactual=counterfactual,
                    fidelity=fidelity,
                    fidelity_k=fidelity_k,
                    n=n,
                    model=model,
                ),
            ),
            options,
        )

    async def explain_user(
        self,
        user_id: str | int,
        *,
        item_id: str | int | None = None,
        top_factors: int | None = None,
        counterfactual: bool | None = None,
        fidelity: bool | None = None,
        fidelity_k: int | None = None,
        n: int | None = None,
        preferences: bool | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ItemExplained | ProfileFound:
        """Why an item scores as it does for a stored user, or, without `item_id`, that user's profile in factors.

        user_id: Id of a user.

        item_id: The item to explain; left out = the user's profile.

        top_factors: How many factors are told apart; left out = all. A profile passes over it.

        counterfactual: Whether to look for items without which it leaves the list. A profile passes over it.
        Default: False.

        fidelity: Whether to measure how faithful the explanation is. A profile passes over it. Default: True.

        fidelity_k: Steps of that measurement; left out = 5. A profile passes over it.

        n: Length of the list that a counterfactual takes the item out of. Default: 10.

        preferences: Whether the stored preferences of the user steer. Default: True.

        model: Name of the served model that is to answer; null = that of the user's arm where users are split
        between models, else the default one.

        Problems: malformed, unauthorized, unknown-user, unknown-item, unknown-model, too-large,
        unsupported-media-type, misdirected, invalid-request, internal, non-finite-score, overloaded, no-bundle,
        storage-unavailable, deadline.
        """
        return await self._ask(
            Call(
                "explain_user",
                "GET",
                f"/explain/{segment(user_id)}",
                ItemExplained | ProfileFound,
                query={
                    "item_id": item_id,
                    "top_factors": top_factors,
                    "counterfactual": counterfactual,
                    "fidelity": fidelity,
                    "fidelity_k": fidelity_k,
                    "n": n,
                    "preferences": preferences,
                    "model": model,
                },
            ),
            options,
        )
