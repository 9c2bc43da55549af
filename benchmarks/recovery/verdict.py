"""Whether a map finds the planted factors: what it says, from factors.json alone, and whether that is true.

A *claim* is what one method makes of one active dimension: an attribute, a half, the value at that end.
    relative  of its significant cells (q <= level) in either half the one with the largest change (`js`), and the
              value whose share grows most
    absolute  of its significant cells (ig_q <= level) the one with the largest information gain (`ig`), and the value
              of highest lift
Whether the map gives the dimension that name depends on how large an effect is worth one; that is not asked here.
A dimension makes one claim at most by each method, so no dimension speaks for two factors. Of several dimensions that
claim an attribute the one with the largest effect counts: it is the one that a reader of the map would take.

The planted tastes only judge. A claim is *true* if the taste that goes best with mu of that dimension (largest
|correlation| over the training users) is that of the attribute it names; its *half is right* if the value named lies at
the end of the scale that the sign of that correlation puts there. The middle bin of a number lies at neither end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bundle.factors import Factor, FactorMap, Half
from training.data.synth import FACTORS

Method = Literal["relative", "absolute"]
Outcome = Literal["mapped", "wrong half", "not true", "not named"]
METHODS: Final[tuple[Method, Method]] = ("relative", "absolute")
LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Claim:
    """strength: the divergence in bits (relative) or the information gain (absolute); larger speaks louder."""

    dimension: int
    attribute: str
    half: Half
    value: str | None
    strength: float


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """What was put in, as the trained model has it.

    correlation  [n_latent][3] of mu_i with the tastes in the order of FACTORS, 0 for a dimension that does not vary
    scales       attribute -> its values from the negative end of the taste to the positive
    """

    correlation: tuple[tuple[float, ...], ...]
    scales: dict[str, tuple[str, ...]]

    @property
    def table(self) -> NDArray[np.float64]:
        return np.array(self.correlation, dtype=np.float64).reshape(-1, len(FACTORS))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one factor by one method. correlation: of the claim's dimension with the factor's taste, 0 without a claim."""

    outcome: Outcome
    claim: Claim | None
    correlation: float

    @property
    def true(self) -> bool:
        return self.outcome in {"mapped", "wrong half"}


def claims_of(found: FactorMap, method: Method, *, level: float = LEVEL) -> tuple[Claim, ...]:
    """One claim at most for each active dimension."""
    claims = (_claim(factor, method, level) for factor in found.factors)
    return tuple(claim for claim in claims if claim is not None)


def judged(found: FactorMap, planted: Planted, method: Method, *, level: float = LEVEL) -> dict[str, Verdict]:
    """The verdict for each planted factor."""
    loudest: dict[str, Claim] = {}
    for claim in claims_of(found, method, level=level):
        before = loudest.get(claim.attribute)
        if before is None or claim.strength > before.strength:
            loudest[claim.attribute] = claim
    return {name: _judge(loudest.get(name), place, planted) for place, name in enumerate(FACTORS)}


def recovered(verdicts: dict[str, Verdict], method: Method) -> bool:
    """All factors: true claims by the relative method; by the absolute one with the right half as well."""
    if method == "relative":
        return all(verdict.true for verdict in verdicts.values())
    return all(verdict.outcome == "mapped" for verdict in verdicts.values())


def end_of(value: str | None, scale: tuple[str, ...]) -> int:
    """-1 or 1: the end of the scale at which the value lies; 0 in its middle, or when it is not of the scale."""
    if value not in scale:
        return 0
    return int(np.sign(2 * scale.index(value) - (len(scale) - 1)))


def _claim(factor: Factor, method: Method, level: float) -> Claim | None:
    cells = [
        (e.js, e.attribute, e.half, e.shifted_value) if method == "relative" else (e.ig, e.attribute, e.half, e.value)
        for e in factor.evidence
        if (e.q_value if method == "relative" else e.ig_q_value) <= level
    ]
    named = [cell for cell in cells if cell[3] is not None]
    if not factor.active or not named:
        return None
    strength, attribute, half, value = max(named, key=lambda cell: cell[0])
    return Claim(factor.factor, attribute, half, value, strength)


def _judge(claim: Claim | None, place: int, planted: Planted) -> Verdict:
    if claim is None:
        return Verdict("not named", None, 0.0)
    row = planted.table[claim.dimension]
    correlation = float(row[place])
    if int(np.abs(row).argmax()) != place or correlation == 0.0:
        return Verdict("not true", claim, correlation)
    end = end_of(claim.value, planted.scales[claim.attribute]) * (1 if claim.half == "positive" else -1)
    return Verdict("mapped" if end == np.sign(correlation) else "wrong half", claim, correlation)
