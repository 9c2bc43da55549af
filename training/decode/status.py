"""From evidence to a reading: decoded, ambiguous or undecoded. Nothing is named without evidence for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Evidence, Reading, Status
from training.decode.options import DecodeOptions

_RANK: dict[Status, int] = {"undecoded": 0, "ambiguous": 1, "decoded": 2}


@dataclass(frozen=True, slots=True)
class Claim:
    """What one attribute can claim of one half of one factor.

    excess  [effect, low, high] of the Jensen-Shannon divergence above its mean under the null, bits: the raw divergence
            grows with the number of values and of changed items even when nothing is encoded, the excess does not
    agrees  whether the value that each method names gains in the other method too
    share   of the users' lists that has the shifted value after the move, mean
    """

    evidence: Evidence
    excess: tuple[float, float, float]
    agrees: bool
    share: float = 0.0

    def counts(self, options: DecodeOptions) -> bool:
        """Significant, and worth a name: by its size in bits, or because it multiplies a value that lists do hold.

        With enough items a change that no user would see is significant too. But bits weigh what is common: a value
        that goes from 2 % of a list to 6 % is worth a name and few bits.
        """
        found, (effect, low, _) = self.evidence, self.excess
        if found.shifted_value is None or found.q_value > options.level:
            return False
        multiplied = found.growth is not None and found.growth >= options.min_growth and low > 0.0
        return effect >= options.min_effect or (multiplied and self.share >= options.min_share)


def read_half(claims: Sequence[Claim], options: DecodeOptions) -> Reading:
    """The reading of one half from its attributes' claims (at least one).

    decoded: the attribute with the largest effect among those that count in the relative method (Claim.counts), named
    alike by both methods. ambiguous: another attribute that counts reaches into its interval, or the methods name
    values that do not both gain. undecoded: nothing counts; effect and q are those of the best attribute. The value is
    the one that grows most over real users; that of highest lift hangs on what the one list at z = 0 happens to hold.
    """
    significant = [c for c in claims if c.counts(options)]
    if not significant:
        best = min(claims, key=lambda c: (c.evidence.q_value, -c.excess[0]))
        return _reading("undecoded", best, ())
    winner = max(significant, key=lambda c: c.excess[0])
    rivals = tuple(c.evidence.attribute for c in significant if c is not winner and c.excess[0] >= winner.excess[1])
    return _reading("ambiguous" if rivals or not winner.agrees else "decoded", winner, rivals)


def stronger(negative: Reading, positive: Reading) -> Reading:
    """The half that speaks for the factor: the surer status, then the larger effect; the positive one on a tie."""
    return max(positive, negative, key=lambda r: (_RANK[r.status], r.effect))


def methods_agree(growth: NDArray[np.floating], lift: NDArray[np.floating], *, ordered: bool) -> bool:
    """Whether each method's value gains in the other method too; growth, lift [n_values] of one attribute.

    The value that grows most (relative) must have a lift above 1 (absolute) and the value of highest lift must grow.
    Bins of a number are ordered: a neighbouring bin names the same end of the scale.
    """
    by_growth, by_lift = int(growth.argmax()), int(lift.argmax())
    if by_growth == by_lift or (ordered and abs(by_growth - by_lift) == 1):
        return True
    return bool(lift[by_growth] > 1.0 and growth[by_lift] > 0.0)


def _reading(status: Status, claim: Claim, rivals: tuple[str, ...]) -> Reading:
    effect, low, high = claim.excess
    return Reading(
        status=status,
        attribute=None if status == "undecoded" else claim.evidence.attribute,
        value=None if status == "undecoded" else claim.evidence.shifted_value,
        effect=effect,
        effect_low=low,
        effect_high=high,
        q_value=claim.evidence.q_value,
        rivals=rivals,
    )
