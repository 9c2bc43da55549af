"""Lists for someone without a history: z sampled from a chosen half of chosen factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bundle.factors import Half, Status
from service.query import RankedItem


@dataclass(frozen=True, slots=True)
class Pick:
    """Either factor and half, or attribute and value; strength 1 samples the half as it is."""

    factor: int | None = None
    half: Half | None = None
    attribute: str | None = None
    value: str | None = None
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class ResolvedPick:
    """What a pick became. via "factor": the half that was sampled; via "direction": factor and half are None.

    attribute, value  what was asked for, or what the picked half decodes to (None: undecoded)
    note              what the caller should know: undecoded, ambiguous, a weak direction; else None
    """

    via: Literal["factor", "direction"]
    factor: int | None
    half: Half | None
    attribute: str | None
    value: str | None
    strength: float
    status: Status
    note: str | None


@dataclass(frozen=True, slots=True)
class AttributeShare:
    """in_list: share of the list's items that have the value; in_catalogue: the same of all items."""

    attribute: str
    value: str
    in_list: float
    in_catalogue: float


@dataclass(frozen=True, slots=True)
class ColdStart:
    """probability: mean over the samples of the softmax over the catalogue; score: its natural logarithm."""

    items: tuple[RankedItem, ...]
    picks: tuple[ResolvedPick, ...]
    shares: tuple[AttributeShare, ...]
    samples: int
    seed: int
    requested: int
    condition_satisfied: float | None
    short_reason: str | None = None
