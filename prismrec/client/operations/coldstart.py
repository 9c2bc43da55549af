# Made by `make client` from openapi/openapi.json; do not edit.
# ruff: noqa: PLR0913
"""Operations of `coldstart`."""

from __future__ import annotations

from collections.abc import Sequence

from prismrec.client.asking import Asks, AsyncAsks
from prismrec.client.calls import Call, CallOptions, Open
from prismrec.client.models.coldstart import ColdStartReply, ColdStartRequest, PickAsked
from prismrec.client.models.shared import ConditionAsked, ListedItem


class ColdstartCalls(Asks):
    """Operations of `coldstart`."""

    def coldstart(
        self,
        picks: Sequence[PickAsked],
        *,
        n: int | None = None,
        samples: int | None = None,
        seed: int | None = None,
        diversity: float | None = None,
        condition: ConditionAsked | None = None,
        history: Sequence[str | int] | None = None,
        user_id: str | int | None = None,
        exclude_items: Sequence[str | int] | None = None,
        fields: Sequence[str] | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ColdStartReply:
        """A list for someone without a history; the same request and seed give the same bytes.

        The other arguments are the members of ColdStartRequest.

        Problems: malformed, unauthorized, cross-site, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, non-finite-score, overloaded, no-bundle, storage-unavailable, deadline.
        """
        return self._ask(
            Call(
                "coldstart",
                "POST",
                "/coldstart",
                ColdStartReply,
                body=ColdStartRequest(
                    picks=picks,
                    n=n,
                    samples=samples,
                    seed=seed,
                    diversity=diversity,
                    condition=condition,
                    history=history,
                    user_id=user_id,
                    exclude_items=exclude_items,
                    fields=fields,
                    model=model,
                ),
                opens=(Open(("items",), ListedItem),),
            ),
            options,
        )


class AsyncColdstartCalls(AsyncAsks):
    """Operations of `coldstart`."""

    async def coldstart(
        self,
        picks: Sequence[PickAsked],
        *,
        n: int | None = None,
        samples: int | None = None,
        seed: int | None = None,
        diversity: float | None = None,
        condition: ConditionAsked | None = None,
        history: Sequence[str | int] | None = None,
        user_id: str | int | None = None,
        exclude_items: Sequence[str | int] | None = None,
        fields: Sequence[str] | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ColdStartReply:
        """A list for someone without a history; the same request and seed give the same bytes.

        The other arguments are the members of ColdStartRequest.

        Problems: malformed, unauthorized, cross-site, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, non-finite-score, overloaded, no-bundle, storage-unavailable, deadline.
        """
        return await self._ask(
            Call(
                "coldstart",
                "POST",
                "/coldstart",
                ColdStartReply,
                body=ColdStartRequest(
                    picks=picks,
                    n=n,
                    samples=samples,
                    seed=seed,
                    diversity=diversity,
                    condition=condition,
                    history=history,
                    user_id=user_id,
                    exclude_items=exclude_items,
                    fields=fields,
                    model=model,
                ),
                opens=(Open(("items",), ListedItem),),
            ),
            options,
        )
