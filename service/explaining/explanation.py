"""What an explanation says: the words of the language in which explain, profile and sentences speak to each other."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bundle.factors import Half, Reading, Status
from service.explaining.counterfactual import Counterfactual
from service.explaining.fidelity import Fidelity


class FactorContribution(msgspec.Struct, frozen=True):
    """One z_i's share of a score. attribute and value are None where the half in which z lies is undecoded.

    contribution  through the decoder and, of who steers, what a linear term gains by the i-th part of the shift
    lean  the part of it that the place in the half accounts for: what it would lose at the users' median, on a straight
          line; between 0 and the contribution. The rest is what most users get of the factor
    percentile  where z lies among the training users, 0..100
    quality  the reading of that half, for the evidence behind it
    item_has  whether the item has `value`; None where there is no value, or the catalogue does not know the item's
    shifted  the part of z that is the shift, in sd of the factor; 0 without steering
    A struct, as an explanation has hundreds: a frozen dataclass takes three times as long to make.
    """

    factor: int
    half: Half
    z: float
    percentile: float
    contribution: float
    lean: float
    attribute: str | None
    value: str | None
    status: Status
    quality: Reading
    item_has: bool | None = None
    shifted: float = 0.0


class HistoryContribution(msgspec.Struct, frozen=True):
    """One history item's share of a score.

    contribution  all of it, through the latents and directly
    linear        the part of it that does not pass through the latents; 0 for a model without a linear term
    """

    item_ix: int
    contribution: float
    linear: float = 0.0


@dataclass(frozen=True, slots=True)
class ItemExplanation:
    """score = base_value + sum(factors.contribution) + other_factors + linear + residual.

    score            of the live model; base_value is the score at z = 0 of no history (under the query's condition)
    condition_gain   of base_value, what the condition adds to it; 0 where it acts through the factors alone
    linear           what the history adds past the latents: the sum of history[].linear
    rank             among the items that could be listed, or None; then not_listed says why: seen, excluded, condition
    factors          by absolute contribution; other_factors carries the sum of the `n_other_factors` cut off
    residual         score minus all the rest: float error for the closed form, quadrature error otherwise
    explained_share  share of the absolute contributions (of all factors, and directly of the history items) carried
                     by factors of status "decoded", 0..1
    history          by absolute contribution: score = history_base + sum(contribution) + history_residual
    """

    item_ix: int
    score: float
    probability: float
    rank: int | None
    seen: bool
    not_listed: str | None
    base_value: float
    condition_gain: float
    factors: tuple[FactorContribution, ...]
    other_factors: float
    n_other_factors: int
    linear: float
    residual: float
    explained_share: float
    history: tuple[HistoryContribution, ...]
    history_base: float
    history_residual: float
    sentence: str
    counterfactual: Counterfactual | None = None
    fidelity: Fidelity | None = None


@dataclass(frozen=True, slots=True)
class ItemReasons:
    """The short form that goes with each item of a list: the largest contributions of both views.

    score = base_value + sum(factors.contribution) + other_factors + linear, in float precision of the closed form.
    linear is of the whole history, also of items not listed here; base_value holds condition_gain.
    """

    item_ix: int
    base_value: float
    condition_gain: float
    factors: tuple[FactorContribution, ...]
    other_factors: float
    linear: float
    history: tuple[HistoryContribution, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class ProfileItem:
    """pull: how far the item moves z_i, in sd of the factor: z_i with the history minus z_i without the item.

    has  whether the item has the value that the half is read as; None where that is not known
    """

    item_ix: int
    pull: float
    has: bool | None = None


@dataclass(frozen=True, slots=True)
class ProfileFactor:
    """One factor of a profile. shifted: the part of z that is the shift, in sd of the factor.

    in_history  whether any of the history items tried has `value`; None where there is no value, or none is known
    """

    factor: int
    half: Half
    z: float
    percentile: float
    attribute: str | None
    value: str | None
    status: Status
    quality: Reading
    items: tuple[ProfileItem, ...]
    shifted: float = 0.0
    in_history: bool | None = None


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
