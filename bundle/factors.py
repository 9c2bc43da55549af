"""The decoded latent map (file `factors.json`): what each z_i encodes, in which half, on what evidence.

Source of the two methods: "Decoding Latent Factors" (relative: magnitude of change; absolute: spectrum sampling);
the definitions, with the Jensen-Shannon companion and the nulls, are in docs/science.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Literal

import msgspec

from bundle.carriers import Carrier, Steered, Steers
from bundle.errors import ContentError

Half = Literal["negative", "positive"]
Status = Literal["decoded", "ambiguous", "undecoded"]
N_QUANTILES = 101


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One cell (factor, attribute, half) of the map. Entropies are normalised to [0, 1]; intervals are 95 % bootstrap.

    Relative method (z_i of sampled users set to the end of the half): mc = mean change of the information gain,
    mc_relative = mc over the mean information gain before, js = Jensen-Shannon divergence in bits (it ranks
    attributes), p_value from the permutation null (item -> attribute rows shuffled), q_value after
    Benjamini-Hochberg; shifted_value = the value whose share grows most, growth = that share after over before, both
    as means over the users (None = not kept, in maps of before).
    Absolute method (z = 0 but for z_i, sampled from the half): ig with its interval and p/q values,
    value = the value of highest lift against z = 0.
    """

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
    growth: float | None = None


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one half of one factor is said to encode. attribute and value are None unless status is decoded/ambiguous.

    rivals names the attributes whose effect lies within the winner's interval (status ambiguous).
    stability: share of retrainings in which the matched half, signs aligned, reads the same; None = not measured, or
    undecoded: then nothing is claimed that could be stable. unstable: it is ambiguous because that share is too small.
    """

    status: Status
    attribute: str | None
    value: str | None
    effect: float
    effect_low: float
    effect_high: float
    q_value: float
    rivals: tuple[str, ...] = ()
    stability: float | None = None
    unstable: bool = False


class Guide(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a latent was tied to in training: the share of a value, or (value None) the mean of a numeric attribute.

    The positive half is meant to be more of it. That is the intention; what came of it is the reading.
    """

    attribute: str
    value: str | None


class Factor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One latent dimension z_i over the training users.

    quantiles   [101] the 0..100 % quantiles of mu_i over training users (the aggregated posterior)
    mean, sd    of mu_i over training users
    kl          mean KL of q(z_i|x) from the prior in nats; 0 for a model without a posterior; active: kl > 0.01
    half        the half with the stronger effect; status/attribute/value repeat that half's reading
    examples_*  external ids of the items whose weight in lists is multiplied most at that end of the spectrum
    stability   that of the reading it repeats: share of retrainings whose matched dimension decodes to the same value
    match       mean |correlation| of mu_i with the matched dimension of the retrainings, 0 for one without a match;
                None = not measured, or inactive
    guide       what the factor was tied to in training; None = it was free
    steers      the value whose share of held-out users' lists it moves most; None = not measured, or inactive
    """

    factor: int
    active: bool
    kl: float
    mean: float
    sd: float
    quantiles: tuple[float, ...]
    status: Status
    half: Half
    attribute: str | None
    value: str | None
    negative: Reading
    positive: Reading
    examples_negative: tuple[str, ...]
    examples_positive: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    stability: float | None = None
    match: float | None = None
    guide: Guide | None = None
    steers: Steers | None = None

    def half_of(self, z: float) -> Half:
        """The half of the aggregated posterior in which z lies: below its median or not."""
        return "negative" if z < self.quantiles[N_QUANTILES // 2] else "positive"

    def reading(self, half: Half) -> Reading:
        return self.negative if half == "negative" else self.positive

    def percentile(self, z: float) -> float:
        """Where z lies among the training users, 0..100; ties count half."""
        low, high = bisect_left(self.quantiles, z), bisect_right(self.quantiles, z)
        return 100.0 * (low + high) / (2 * len(self.quantiles))


class Direction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A probe direction d_v in the latent space for one attribute value, served beside the axes.

    vector  [n_latent] unit vector; ridge regression of the users' standardised share of v on mu
    sd      standard deviation of mu @ vector over training users: the unit of steering strength
    r2      of the probe on held-out users; a direction with r2 near 0 carries nothing and is said to
    pattern [n_latent] how the users' mu goes with it: S w / sqrt(w' S w), w the vector and S the covariance of mu over
            training users, so that its length is that of one sd (Haufe et al. 2014); () in maps made before it was kept
    steered what moving along it by sd does to held-out users' lists; None = not measured
    """

    attribute: str
    value: str
    vector: tuple[float, ...]
    mean: float
    sd: float
    r2: float
    pattern: tuple[float, ...] = ()
    steered: Steered | None = None


class TasteAxis(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The single factor that tells most of one taste: its R2 (squared correlation) and that of the runner-up factor.

    The taste is the share of `value` in a history, or (value None) the mean of a numeric attribute over it.
    """

    attribute: str
    value: str | None
    factor: int
    r2: float
    runner_up: float


class Space(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How well the axes line up with the users' tastes, as a whole; definitions and sources in docs/science.md.

    n_users         validation users (their fold-in) on whom all of it was measured: none had a part in training
    tastes          the tastes measured, each with its best factor; means below are over them
    mean_r2         of the best factor for each taste; mean_gap: less that of the runner-up
    sap             the same as mean_gap where every taste is a number
    mig             mutual information gap, adjusted for chance
    dci_*           by a lasso; depend on the number of factors: compare only maps with equally many
    active          factors in use
    """

    n_users: int
    tastes: tuple[TasteAxis, ...]
    mean_r2: float
    mean_gap: float
    mig: float
    sap: float
    dci_disentanglement: float
    dci_completeness: float
    dci_informativeness: float
    active: int


class FactorMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All factors, with the settings that made the map. `notes` says in plain words what could not be decoded.

    space: measures of all factors together; None = not measured, a note says why
    carriers: which of axis and direction carries each value; () = not measured
    """

    settings: dict[str, int | float | str | bool | None]
    attributes: tuple[str, ...]
    factors: tuple[Factor, ...]
    directions: tuple[Direction, ...] = ()
    notes: tuple[str, ...] = ()
    space: Space | None = None
    carriers: tuple[Carrier, ...] = ()

    def check(self, n_latent: int) -> None:
        """Raise ContentError unless there is one whole factor per latent dimension, in order."""
        if len(self.factors) != n_latent:
            raise ContentError(f"factors.json maps {len(self.factors)} factors, the model has {n_latent} latents")
        if any(len(d.vector) != n_latent for d in self.directions):
            raise ContentError(f"a direction of factors.json does not have {n_latent} coordinates")
        if any(d.pattern and len(d.pattern) != n_latent for d in self.directions):
            raise ContentError(f"a direction's pattern in factors.json does not have {n_latent} coordinates")
        for carrier in self.carriers:
            carrier.check(n_latent)
        if self.space is not None:
            _check_space(self.space, n_latent)
        for i, factor in enumerate(self.factors):
            if factor.factor != i:
                raise ContentError(f"factors.json has factor {factor.factor} at position {i}")
            if len(factor.quantiles) != N_QUANTILES or list(factor.quantiles) != sorted(factor.quantiles):
                raise ContentError(f"factor {i} needs {N_QUANTILES} ascending quantiles")
            for reading in (factor.negative, factor.positive):
                if (reading.status == "undecoded") != (reading.attribute is None):
                    raise ContentError(f"factor {i}: an undecoded half has no attribute, and only that one")
            for reading in (factor.negative, factor.positive):
                _check_stability(reading, i)
            told = factor.reading(factor.half)
            repeated = (factor.status, factor.attribute, factor.value, factor.stability)
            if repeated != (told.status, told.attribute, told.value, told.stability):
                raise ContentError(f"factor {i} does not repeat the reading of its {factor.half} half")


def _check_stability(reading: Reading, factor: int) -> None:
    measured = reading.stability
    if measured is not None and (reading.status == "undecoded" or not 0.0 <= measured <= 1.0):
        raise ContentError(f"factor {factor}: a stability is a share, and of a half that is read")
    if reading.unstable and (reading.status != "ambiguous" or measured is None):
        raise ContentError(f"factor {factor}: an unstable half is an ambiguous one whose stability was measured")


def _check_space(space: Space, n_latent: int) -> None:
    if not 0 <= space.active <= n_latent:
        raise ContentError(f"factors.json calls {space.active} of {n_latent} factors active")
    for taste in space.tastes:
        if not 0 <= taste.factor < n_latent or taste.runner_up > taste.r2:
            raise ContentError(
                f"factors.json's best factor for {taste.attribute} {taste.value or ''} is none, or not best"
            )


class LatentMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """PCA of users' mu for plotting (file `latent_map.json`); points carry no user ids.

    explained   [n_components] share of the variance; points [n_points, n_components] unconditioned users
    conditions  names; centroids [n_conditions, n_components] of the same users under each condition, and their spread
    """

    explained: tuple[float, ...]
    points: tuple[tuple[float, ...], ...]
    conditions: tuple[str, ...] = ()
    centroids: tuple[tuple[float, ...], ...] = ()
    spreads: tuple[float, ...] = ()

    def check(self) -> None:
        """Raise ContentError when the columns disagree in number or width."""
        width = len(self.explained)
        if any(len(row) != width for row in (*self.points, *self.centroids)):
            raise ContentError(f"a point of latent_map.json does not have {width} coordinates, one per component")
        if not len(self.conditions) == len(self.centroids) == len(self.spreads):
            raise ContentError(
                f"latent_map.json has {len(self.conditions)} conditions, {len(self.centroids)} centroids and "
                f"{len(self.spreads)} spreads"
            )
