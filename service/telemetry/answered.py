"""Which bundle answered a request, as the log, the metrics and the traces tell it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SCOPE = "prismrec.answered"
"""Where a request's scope keeps it: a tuple, of several only where the entries of a batch went to several."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The model that answered and its bundle. arm: whose turn the split said it was; None = nobody asked it."""

    model: str
    bundle_id: str
    arm: str | None = None


def only_bundle(answered: Iterable[Answered]) -> str | None:
    """The bundle that all of it comes from; None where several bundles answered."""
    ids = {one.bundle_id for one in answered}
    return ids.pop() if len(ids) == 1 else None


def fields_of(answered: Iterable[Answered]) -> dict[str, Any]:
    """`model`, `arm` and `bundle_id` where one answered; a list of them under `answered` where several did."""
    told = [
        {"model": one.model, "bundle_id": one.bundle_id} | ({} if one.arm is None else {"arm": one.arm})
        for one in answered
    ]
    return told[0] if len(told) == 1 else {"answered": told} if told else {}
