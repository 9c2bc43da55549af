"""Replies of /factors and /latent/map."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bundle.factors import Half, Status
from service.schemas.base import NextCursor, Wire


class Example(Wire):
    item_id: str
    title: str | None


class ReadingFound(Wire):
    """What one half of a factor is said to encode, with its evidence; nothing when it is undecoded."""

    status: Status
    attribute: str | None
    value: str | None
    effect: float
    effect_low: float
    effect_high: float
    q_value: float
    rivals: list[str]


class FactorFound(Wire):
    """One latent dimension: its spectrum over the training users and what each half encodes."""

    factor: int
    active: bool
    kl: float
    mean: float
    sd: float
    low: Annotated[float, Field(description="2 % quantile of the factor over the training users.")]
    median: float
    high: Annotated[float, Field(description="98 % quantile.")]
    status: Status
    half: Half
    attribute: str | None
    value: str | None
    negative: ReadingFound
    positive: ReadingFound
    examples_negative: list[Example]
    examples_positive: list[Example]
    stability: float | None


class EvidenceFound(Wire):
    """One cell (attribute, half) of the evidence; see the documentation of the decoding for each figure."""

    attribute: str
    half: Half
    mc: float
    mc_low: float
    mc_high: float
    mc_relative: float
    js: float
    js_low: float
    js_high: float
    p_value: float
    q_value: float
    shifted_value: str | None
    ig: float
    ig_low: float
    ig_high: float
    ig_p_value: float
    ig_q_value: float
    value: str | None
    lift: float


class FactorDetail(FactorFound):
    """A factor with all its evidence and its 101 quantiles."""

    quantiles: list[float]
    evidence: list[EvidenceFound]
    bundle_id: str


class DirectionFound(Wire):
    """A direction of the latent space that goes with one attribute value; r2 near 0 means that it carries nothing."""

    attribute: str
    value: str
    sd: float
    r2: float


class FactorList(Wire):
    """The decoded map: the factors, the probe directions, and in words what could not be decoded."""

    items: list[FactorFound]
    next_cursor: NextCursor
    directions: list[DirectionFound]
    notes: list[str]
    bundle_id: str


class LatentMapReply(Wire):
    """PCA of the training users' latents; points carry no ids. spreads and centroids follow conditions."""

    explained: list[float]
    points: list[list[float]]
    conditions: list[str]
    centroids: list[list[float]]
    spreads: list[float]
    bundle_id: str
