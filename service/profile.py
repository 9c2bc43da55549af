"""A user in the decoded factors: where they lie in each spectrum, and which history items put them there."""

from __future__ import annotations

from dataclasses import dataclass

from bundle.factors import Half, Status
from service.explain import Quality


@dataclass(frozen=True, slots=True)
class ProfileItem:
    """pull: how far the item moves z_i, in sd of the factor: z_i with the history minus z_i without the item."""

    item_ix: int
    pull: float


@dataclass(frozen=True, slots=True)
class ProfileFactor:
    factor: int
    half: Half
    z: float
    percentile: float
    attribute: str | None
    value: str | None
    status: Status
    quality: Quality
    items: tuple[ProfileItem, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """factors: decoded and ambiguous ones, the most unusual position first; undecoded: the numbers of the others.

    method  how `items` were found; considered: the history items tried (the newest, where the history is long)
    """

    factors: tuple[ProfileFactor, ...]
    undecoded: tuple[int, ...]
    method: str
    considered: int
    sentence: str
