"""Replies of /factors and /latent/map."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bundle.factors import Half, Status
from service.schemas.base import NextCursor, Wire
from service.schemas.carriers import CarrierFound, SpaceFound, SteersFound


class Example(Wire):
    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""


class ReadingFound(Wire):
    """What one half of a factor is said to encode, with its evidence; nothing when it is undecoded."""

    status: Status
    """How sure the reading is; undecoded has neither attribute nor value."""
    attribute: str | None
    """The attribute of the catalogue; null where nothing is decoded."""
    value: str | None
    """The attribute's value; null where nothing is decoded."""
    effect: float
    """Size of the effect: divergence above that of chance, in bits."""
    effect_low: float
    """Lower end of its 95 % interval."""
    effect_high: float
    """Upper end of its 95 % interval."""
    q_value: float
    """False discovery rate at which this would count as an effect."""
    rivals: list[str]
    """Attributes that fit as well; why it is ambiguous."""
    stability: float | None
    """Share of retrainings in which the matched half reads the same; null = not measured, or undecoded."""
    unstable: bool
    """Whether it is ambiguous because that share is too small."""


class GuideFound(Wire):
    """What a factor was tied to in training; what came of it is its reading."""

    attribute: str
    """The attribute."""
    value: str | None
    """Its value; null: the attribute is a number, and the positive half is meant to be more of it."""


class FactorFound(Wire):
    """One latent dimension: its spectrum over the training users and what each half encodes."""

    factor: int
    """Number of the latent dimension, from 0."""
    active: bool
    """Whether it carries anything: kl above 0.01."""
    kl: float
    """Mean divergence from the prior, in nats."""
    mean: float
    """Mean over the training users."""
    sd: float
    """Standard deviation over the training users: the unit of steering."""
    low: Annotated[float, Field(description="2 % quantile of the factor over the training users.")]
    median: float
    """Where the two halves meet."""
    high: Annotated[float, Field(description="98 % quantile.")]
    status: Status
    """That of the half with the stronger effect."""
    half: Half
    """The half with the stronger effect."""
    attribute: str | None
    """The attribute of the catalogue; null where nothing is decoded."""
    value: str | None
    """The attribute's value; null where nothing is decoded."""
    negative: ReadingFound
    """What the lower half encodes."""
    positive: ReadingFound
    """What the upper half encodes."""
    examples_negative: list[Example]
    """Items whose weight in lists is multiplied most at the lower end."""
    examples_positive: list[Example]
    """Items whose weight in lists is multiplied most at the upper end."""
    stability: float | None
    """Share of retrainings that decode it alike; null = not measured."""
    match: float | None
    """Mean correlation, without its sign, with the matching factor of the retrainings; null = not measured."""
    guide: GuideFound | None
    """What it was tied to in training; null: it was free."""
    steers: SteersFound | None
    """The value that moving it changes most in lists; null = not measured."""


class EvidenceFound(Wire):
    """One cell (attribute, half) of the evidence; see the documentation of the decoding for each figure."""

    attribute: str
    """The attribute tested."""
    half: Half
    """negative: below the median of the training users; positive: the rest."""
    mc: float
    """Mean change of the information gain."""
    mc_low: float
    """Lower end of its 95 % interval."""
    mc_high: float
    """Upper end of its 95 % interval."""
    mc_relative: float
    """The change over the information gain before."""
    js: float
    """Jensen-Shannon divergence in bits; it ranks the attributes."""
    js_low: float
    """Lower end of its 95 % interval."""
    js_high: float
    """Upper end of its 95 % interval."""
    p_value: float
    """Of the divergence, from shuffled attributes."""
    q_value: float
    """The same after Benjamini-Hochberg."""
    shifted_value: str | None
    """The value whose share grows most."""
    ig: float
    """Information gain of lists sampled from this half alone."""
    ig_low: float
    """Lower end of its 95 % interval."""
    ig_high: float
    """Upper end of its 95 % interval."""
    ig_p_value: float
    """Of the information gain."""
    ig_q_value: float
    """The same after Benjamini-Hochberg."""
    value: str | None
    """The value of the highest lift in these lists."""
    lift: float
    """Its share over that at z = 0."""
    growth: float | None
    """The share of shifted_value after the move over that before; null = not kept."""


class FactorDetail(FactorFound):
    """A factor with all its evidence and its 101 quantiles."""

    quantiles: list[float]
    """The 0 to 100 % quantiles over the training users."""
    evidence: list[EvidenceFound]
    """Every attribute and half that was tested."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class DirectionFound(Wire):
    """A direction of the latent space that goes with one attribute value; r2 near 0 means that it carries nothing."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    sd: float
    """Standard deviation of the users along it: the unit of steering."""
    r2: float
    """How well it predicts the value's share for held-out users."""


class FactorList(Wire):
    """The decoded map: the factors, the probe directions, and in words what could not be decoded."""

    items: list[FactorFound]
    """The factors by number."""
    next_cursor: NextCursor
    directions: list[DirectionFound]
    """The same on every page."""
    carriers: list[CarrierFound]
    """For each value what carries it, a factor or a direction; the same on every page, empty = not measured."""
    space: SpaceFound | None
    """Measures of all factors together; null = not measured."""
    notes: list[str]
    """What could not be decoded and why."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class LatentMapReply(Wire):
    """PCA of the training users' latents; points carry no ids. spreads and centroids follow conditions."""

    explained: list[float]
    """Share of the variance on each component."""
    points: list[list[float]]
    """Users without a condition: coordinates on the components."""
    conditions: list[str]
    """Names of the conditions."""
    centroids: list[list[float]]
    """Mean of the same users under each condition."""
    spreads: list[float]
    """Their root mean square distance from it, over all components."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
