"""What carries an attribute's value in the latent space: its best axis or its direction (parts of `factors.json`)."""

from __future__ import annotations

from typing import Literal

import msgspec

from bundle.errors import ContentError

Better = Literal["axis", "direction", "neither"]


class Steered(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a move by one standard deviation does to the top-10 lists of users who took no part in training.

    gain       of the value's share of a list, per sd: (share at +1 sd - share at -1 sd) / 2, mean over the users, with
               its 95 % bootstrap interval over them
    ndcg_kept  ndcg@100 after the move (the mean of +1 and -1 sd) over that without; None = the users have no targets
    """

    gain: float
    gain_low: float
    gain_high: float
    ndcg_kept: float | None


class Steers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The value whose share of the lists a factor moves most, and how; gain < 0: the negative half has it."""

    attribute: str
    value: str
    steered: Steered


class Carried(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How well one way carries a value; of an axis `factor` and `half` say which, of a direction both are None.

    r2: share of the variance of the users' share of the value that the coordinate explains, the line fitted on training
    users and judged on held-out ones, with its 95 % bootstrap interval over them. steered: moved towards the value.
    """

    factor: int | None
    half: Literal["negative", "positive"] | None
    r2: float
    r2_low: float
    r2_high: float
    steered: Steered


class Carrier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value: its best axis, its direction (None where it has none), and which of the two carries it.

    A way counts when its R2 and its gain are both above 0, whole intervals. better is the way that counts, if only one
    does; if both do, the direction where R2 and gain are both surely higher (paired intervals over the same users) and
    R2 by 0.05 at least, else the axis, which a person can name.
    """

    attribute: str
    value: str
    better: Better
    axis: Carried | None
    direction: Carried | None

    def check(self, n_latent: int) -> None:
        """Raise ContentError when it names a way that is not there, or an axis that the model does not have."""
        named = f"{self.attribute}={self.value}"
        if self.better != "neither" and getattr(self, self.better) is None:
            raise ContentError(f"factors.json calls the {self.better} of {named} better: it has none")
        axis, direction = self.axis, self.direction
        if axis is not None and (axis.factor is None or axis.half is None or not 0 <= axis.factor < n_latent):
            raise ContentError(f"factors.json names axis {axis.factor} for {named}: there is none")
        if direction is not None and (direction.factor, direction.half) != (None, None):
            raise ContentError(f"factors.json names a factor for the direction of {named}")
