"""What was found about control of one model: the records that are kept and put on the page. Nothing of single users."""

from __future__ import annotations

from typing import Literal

import msgspec

from bundle.manifest import Metric
from training.evaluate.result import Part

DOSES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
LOCK_DOSE = 2.0
SteerBy = Literal["axis", "direction"]
STEER_BY: tuple[SteerBy, ...] = ("axis", "direction")


class Response(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A taste steered one way: what held-out users' top 10 have of it at each of DOSES, in sd.

    attribute, value  value None: the mean of a number over the list, in sd over the items; else the share that has it
    by, factor, sign  an axis (which, and its sign towards the taste), or the value's direction (None, 1)
    shares, ndcg      [7] means over the users; ndcg@100 over that of the dose 0
    spearman          of dose and mean share; 0 when nothing moved
    user_spearman     median over the users whose share changed at all, of whom there are n_moved
    gain              share at +3 less that at 0, over the users; ratio: of the two means (None: nothing at 0)
    """

    attribute: str
    value: str | None
    by: SteerBy
    factor: int | None
    sign: float
    shares: tuple[float, ...]
    ndcg: tuple[float, ...]
    spearman: float
    user_spearman: float
    n_moved: int
    gain: Metric
    ratio: float | None


class Drift(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A taste moved by LOCK_DOSE with another attribute locked, and not.

    free, locked          total variation between the locked attribute's mean shares in the top 10, before and after
    gain_free, gain_locked  of the steered taste's share
    refused               the lock leaves no way to move (the service refuses it); locked and gain_locked are 0 then
    """

    attribute: str
    value: str | None
    by: SteerBy
    lock: str
    free: float
    locked: float
    gain_free: float
    gain_locked: float
    refused: bool = False


class Sampled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cold starts for one value by one way, over the seeds.

    precision    share of the 10 that have the value, mean over the seeds; reach: what it could be at most
    distinct     different items in the lists of all seeds together
    via          what was sampled: "factor", "direction", "pattern"; None: nothing of the model is (popularity, filter)
    strength     of the samples; None as via
    """

    way: str
    attribute: str
    value: str
    n_items: int
    precision: float
    reach: float
    distinct: int
    via: str | None = None
    strength: float | None = None


class Paired(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cold starts for two values at once by one way, means over the seeds.

    joint  share of the 10 that have both; least: the smaller of the two values' shares
    n_both items of the catalogue that have both
    """

    way: str
    attributes: tuple[str, str]
    values: tuple[str, str]
    n_both: int
    joint: float
    least: float


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything of one run. code: digest of the sources; weights: of the run's best.pt, in hex."""

    kind: str
    seed: int
    guided: bool
    part: Part
    n_users: int
    n_seeds: int
    samples: int
    responses: tuple[Response, ...]
    drifts: tuple[Drift, ...]
    cold: tuple[Sampled, ...]
    pairs: tuple[Paired, ...]
    code: str
    weights: str
    seconds: float
