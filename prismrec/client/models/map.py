# Made by `make client` from openapi/openapi.json; do not edit.
"""Models of `map`."""

from __future__ import annotations

from prismrec.client.structs import Reply


class CarriedFound(Reply, frozen=True, kw_only=True):
    """How well one way carries a value; factor and half are null for a direction."""

    factor: int | None
    """Number of the latent dimension; null for a direction."""
    half: str | None
    """The half with more of the value; null for a direction. One of: negative, positive."""
    r2: float
    """Share of the variance of held-out users' taste that it explains."""
    r2_low: float
    """Lower end of its 95 % interval."""
    r2_high: float
    """Upper end of its 95 % interval."""
    steered: SteeredFound
    """What lists did when users were pushed along it."""


class CarrierFound(Reply, frozen=True, kw_only=True):
    """Which of its best factor and its direction carries a value."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    better: str
    """Which tells more of the value, the axis when close; neither: it is not carried. To steer, compare the gains. One
    of: axis, direction, neither.
    """
    axis: CarriedFound | None
    """The best single factor; null = none was tried."""
    direction: CarriedFound | None
    """The direction over all factors; null = there is none."""


class DirectionFound(Reply, frozen=True, kw_only=True):
    """A direction of the latent space that goes with one attribute value; r2 near 0 means that it carries nothing."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    sd: float
    """Standard deviation of the users along it: the unit of steering."""
    r2: float
    """How well it predicts the value's share for held-out users."""


class EvidenceFound(Reply, frozen=True, kw_only=True):
    """One cell (attribute, half) of the evidence; see the documentation of the decoding for each figure."""

    attribute: str
    """The attribute tested."""
    half: str
    """negative: below the median of the training users; positive: the rest. One of: negative, positive."""
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


class Example(Reply, frozen=True, kw_only=True):
    """Example."""

    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""


class FactorDetail(Reply, frozen=True, kw_only=True):
    """A factor with all its evidence and its 101 quantiles."""

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
    low: float
    """2 % quantile of the factor over the training users."""
    median: float
    """Where the two halves meet."""
    high: float
    """98 % quantile."""
    status: str
    """That of the half with the stronger effect. One of: decoded, ambiguous, undecoded."""
    half: str
    """The half with the stronger effect. One of: negative, positive."""
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
    quantiles: list[float]
    """The 0 to 100 % quantiles over the training users."""
    evidence: list[EvidenceFound]
    """Every attribute and half that was tested."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class FactorFound(Reply, frozen=True, kw_only=True):
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
    low: float
    """2 % quantile of the factor over the training users."""
    median: float
    """Where the two halves meet."""
    high: float
    """98 % quantile."""
    status: str
    """That of the half with the stronger effect. One of: decoded, ambiguous, undecoded."""
    half: str
    """The half with the stronger effect. One of: negative, positive."""
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


class FactorList(Reply, frozen=True, kw_only=True):
    """The decoded map: the factors, the probe directions, and in words what could not be decoded."""

    items: list[FactorFound]
    """The factors by number."""
    next_cursor: str | None
    """Give it back as `cursor` for the next page; null = the end."""
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


class GuideFound(Reply, frozen=True, kw_only=True):
    """What a factor was tied to in training; what came of it is its reading."""

    attribute: str
    """The attribute."""
    value: str | None
    """Its value; null: the attribute is a number, and the positive half is meant to be more of it."""


class LatentMapReply(Reply, frozen=True, kw_only=True):
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


class ReadingFound(Reply, frozen=True, kw_only=True):
    """What one half of a factor is said to encode, with its evidence; nothing when it is undecoded."""

    status: str
    """How sure the reading is; undecoded has neither attribute nor value. One of: decoded, ambiguous, undecoded."""
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


class SpaceFound(Reply, frozen=True, kw_only=True):
    """How well the factors line up with the users' tastes, over all of them; measured on users held out of training."""

    n_users: int
    """Users measured."""
    mean_r2: float
    """Of the best factor of each taste, squared correlation."""
    mean_gap: float
    """The same less that of the runner-up factor."""
    mig: float
    """Mutual information gap, adjusted for chance."""
    dci_disentanglement: float
    """By a lasso; compare equal numbers of factors only."""
    dci_completeness: float
    """By a lasso."""
    dci_informativeness: float
    """By a lasso."""
    active: int
    """Factors in use."""


class SteeredFound(Reply, frozen=True, kw_only=True):
    """What a move by one standard deviation did to the top-10 lists of users who took no part in training."""

    gain: float
    """Change of the value's share of a list, per standard deviation."""
    gain_low: float
    """Lower end of its 95 % interval."""
    gain_high: float
    """Upper end of its 95 % interval."""
    ndcg_kept: float | None
    """ndcg@100 after the move over that without; null = not measured."""


class SteersFound(Reply, frozen=True, kw_only=True):
    """The value whose share of the lists a factor moves most; gain below 0: the negative half has it."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    steered: SteeredFound
    """What lists did when users were pushed along it."""
