"""What explanations are made of: shares of a score, counterfactuals, curves, and pulls of a profile."""

from __future__ import annotations

from bundle.factors import Half, Status
from service.schemas.base import Wire


class FactorQuality(Wire):
    """The evidence behind one half of a factor: its effect with the 95 % interval, and the q-value."""

    effect: float
    """Size of the effect: divergence above that of chance, in bits."""
    effect_low: float
    """Lower end of its 95 % interval."""
    effect_high: float
    """Upper end of its 95 % interval."""
    q_value: float
    """False discovery rate at which this would count as an effect."""


class FactorShare(Wire):
    """One z_i's share of the score. An undecoded one has neither attribute nor value."""

    factor: int
    """Number of the latent dimension, from 0."""
    half: Half
    """negative: below the median of the training users; positive: the rest."""
    z: float
    """Where the user lies in the factor."""
    percentile: float
    """Where that is among the training users, 0 to 100."""
    contribution: float
    """What it adds to the score."""
    lean: float
    """The part of it that the place in this half accounts for; the rest is what the median user gets of the factor."""
    attribute: str | None
    """The attribute of the catalogue; null where nothing is decoded."""
    value: str | None
    """The attribute's value; null where nothing is decoded."""
    status: Status
    """How sure the reading is; undecoded has neither attribute nor value."""
    item_has: bool | None
    """Whether the item itself has that value; null where nothing is decoded, or the item's value is not known."""
    shifted: float
    """How far steering moved the user in it, in standard deviations; 0 without steering."""
    quality: FactorQuality
    """The evidence behind the name of this half."""


class HistoryShare(Wire):
    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    contribution: float
    """What it adds to the score."""
    linear: float
    """The part of it that does not pass through the latents; 0 for a pure latent model."""


class CounterfactualFound(Wire):
    """Without the items in `remove` the item would leave the list; `valid` is the result of trying it."""

    remove: list[str]
    """Ids of history items; empty = no such set was found."""
    new_rank: int | None
    """The item's rank without them; null = no set was found."""
    replacement: str | None
    """Id of the item that takes its place in the list."""
    items_in: list[str]
    """Ids in the top n without them that are not in it now, the best first."""
    items_out: list[str]
    """Ids in the top n now that are not in it without them."""
    kept: float | None
    """Share of the top n that stays, 0 to 1; null = no set was found."""
    offered: list[str]
    """Ids of removed items that the list made without them holds; empty = the item leaves it while they are kept off,
    which is tried first."""
    valid: bool
    """Whether the model, asked again without them, left the item out."""
    runs: int
    """Histories that the model was asked to score."""
    reason: str | None
    """Why no set was found."""


class CurveFigures(Wire):
    """Deletion and insertion figures of one order: of the history's items, or of the factors."""

    del_at_k: float
    """Mean share of the probability left without the first 1 to k of them; lower is better."""
    ins_at_k: float
    """Mean share of the probability reached with only the first 1 to k of them; higher is better."""
    pos_at_k: float
    """Share of the steps at which it stays listed without the first; lower is better."""
    neg_at_k: float
    """The same without the last; higher is better."""


class FactorCurves(Wire):
    """The same for factors: each set to 0 where it is taken away. The history stays as it is."""

    method: str
    """What was measured, in words."""
    k: int
    """How many steps: factors taken away one by one."""
    explanation: CurveFigures
    """In the order of the factors' contributions, the most supporting first."""
    random: CurveFigures
    """In random orders of all factors."""


class FidelityFound(Wire):
    """The explanation's order against random orders."""

    method: str
    """What was measured, in words."""
    k: int
    """How many steps: items taken away one by one."""
    n: int
    """Length of the list."""
    seed: int
    """Seed of the random orders."""
    random_orders: int
    """How many random orders were averaged."""
    explanation: CurveFigures
    """In the explanation's order."""
    random: CurveFigures
    """In random orders: what any order would reach."""
    factors: FactorCurves | None
    """The same for the order of the factors."""


class Pull(Wire):
    """How far a history item moves the factor, in standard deviations."""

    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    pull: float
    """Positive: further into the half where the user lies."""
