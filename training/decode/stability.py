"""Stability: does the model, trained again with another seed, say the same of what would be the same factor?

A latent space has no axes of its own: another seed may turn, flip or permute them. So the dimensions of a retraining
are first matched to the run's, one to one, by the Hungarian method on |correlation| of mu over the same users, and
signs are aligned. Then the two maps are compared half by half. Comparing models over seeds is the idea of UDR (Duan et
al. 2020, arXiv 1905.12614); here it is the readings that must agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bundle.factors import Factor, Half, Reading
from training.decode.attribute_table import AttributeTable
from training.decode.magnitude_of_change import HALVES
from training.decode.status import stronger

Actives = NDArray[np.bool_]
_OTHER: Mapping[Half, Half] = {"negative": "positive", "positive": "negative"}


@dataclass(frozen=True, slots=True)
class Matching:
    """For each of the run's dimensions: partner int64 [n_latent], the retraining's dimension or -1, and correlation
    float64 [n_latent] of mu with it (signed; 0 without a partner)."""

    partner: NDArray[np.int64]
    correlation: NDArray[np.float64]

    def half(self, factor: int, half: Half) -> Half:
        """Which half of the partner corresponds to this half."""
        return half if self.correlation[factor] >= 0.0 else _OTHER[half]


@dataclass(frozen=True, slots=True)
class Retrained:
    """One retraining: its factors, and mu float32 [n_users, n_latent] of the users on whom it is matched to the run."""

    seed: int
    factors: Sequence[Factor]
    mu: NDArray[np.float32]

    @property
    def active(self) -> Actives:
        return np.array([factor.active for factor in self.factors], dtype=bool)


@dataclass(frozen=True, slots=True)
class Stability:
    """The run's factors with what was measured on them, and what the map's settings say of it."""

    factors: tuple[Factor, ...]
    settings: dict[str, int | float | str | bool | None]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A retraining and how it matches the run."""

    other: Retrained
    matching: Matching

    def partner(self, factor: int, half: Half) -> Reading | None:
        """What it reads in the matched half; None where the factor has no partner."""
        found = int(self.matching.partner[factor])
        return None if found < 0 else self.other.factors[found].reading(self.matching.half(factor, half))


@dataclass(frozen=True, slots=True)
class Ordered:
    """Which values mean the same. values: the bins of each numeric attribute, in order.

    Neighbouring bins of a number count as one value, here as in the comparison of the two decoding methods: where a bin
    ends is our choice and not the model's.
    """

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, table: AttributeTable) -> Ordered:
        return cls({column.name: column.values for column in table.columns if column.ordered})

    def same(self, one: Reading, other: Reading) -> bool:
        """Whether both halves are named, and alike."""
        if one.attribute is None or other.attribute is None or one.attribute != other.attribute:
            return False
        bins = self.values.get(one.attribute)
        if one.value == other.value or bins is None or one.value is None or other.value is None:
            return one.value == other.value
        return abs(bins.index(one.value) - bins.index(other.value)) == 1


def match(one: NDArray[np.floating], other: NDArray[np.floating], *, active: tuple[Actives, Actives]) -> Matching:
    """Match the dimensions of `other` [n_users, m] to those of `one` [n_users, n_latent], the same users row by row.

    active: bool [n_latent] and [m]; an inactive dimension matches nothing. The sum of |correlation| over the pairs is
    the largest there is. O(n_users * n_latent * m) and O(n_latent^3).
    """
    mine, theirs = (np.flatnonzero(a) for a in active)
    partner = np.full(one.shape[1], -1, dtype=np.int64)
    correlation = np.zeros(one.shape[1])
    found = _correlations(one[:, mine], other[:, theirs])
    rows, columns = linear_sum_assignment(np.abs(found), maximize=True)
    partner[mine[rows]] = theirs[columns]
    correlation[mine[rows]] = found[rows, columns]
    return Matching(partner, correlation)


def measure_stability(
    factors: Sequence[Factor],
    mu: NDArray[np.float32],
    retrained: Sequence[Retrained],
    ordered: Ordered,
    *,
    at_least: float,
) -> Stability:
    """The stability of every named half and the match of every active factor over the retrainings (at least one).

    mu float32 [n_users, n_latent]: of the same users, row by row, as the retrainings'. A half that was decoded but
    reads the same in a smaller share of the retrainings than at_least becomes ambiguous (and `unstable`): its name may
    be this training's and not the data's. A factor then tells the stronger of its halves anew.
    """
    active = np.array([factor.active for factor in factors], dtype=bool)
    pairs = [_Pair(other, match(mu, other.mu, active=(active, other.active))) for other in retrained]
    measured = tuple(_measured(factor, pairs, ordered, at_least) for factor in factors)
    named = [r for f in measured for r in (f.negative, f.positive) if r.stability is not None]
    return Stability(
        measured,
        {
            "stability_seeds": " ".join(str(other.seed) for other in retrained),
            "stability_neighbouring_bins": True,
            "stability_mean": float(np.mean([r.stability for r in named])) if named else None,
            "stability_by_chance": float(np.mean([_by_chance(r, retrained, ordered) for r in named]))
            if named
            else None,
        },
    )


def _correlations(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """[n, m]; 0 where a column does not vary."""
    return _standardised(one).T @ _standardised(other) / max(len(one), 1)


def _standardised(mu: NDArray[np.floating]) -> NDArray[np.float64]:
    centred = mu - mu.mean(axis=0, dtype=np.float64) if len(mu) else mu.astype(np.float64)
    sd = centred.std(axis=0) if len(mu) else np.zeros(mu.shape[1])
    return np.asarray(centred / np.where(sd > 0.0, sd, np.inf))


def _measured(factor: Factor, pairs: Sequence[_Pair], ordered: Ordered, at_least: float) -> Factor:
    if not factor.active:
        return factor
    i = factor.factor
    low, high = (
        _with_stability(factor.reading(half), [pair.partner(i, half) for pair in pairs], ordered, at_least)
        for half in HALVES
    )
    told = stronger(low, high)
    return replace(
        factor,
        negative=low,
        positive=high,
        half="positive" if told is high else "negative",
        status=told.status,
        attribute=told.attribute,
        value=told.value,
        stability=told.stability,
        match=float(np.mean([abs(pair.matching.correlation[i]) for pair in pairs])),
    )


def _with_stability(reading: Reading, partners: Sequence[Reading | None], ordered: Ordered, at_least: float) -> Reading:
    if reading.attribute is None:
        return reading
    stability = float(np.mean([p is not None and ordered.same(reading, p) for p in partners]))
    if reading.status == "decoded" and stability < at_least:
        return replace(reading, status="ambiguous", stability=stability, unstable=True)
    return replace(reading, stability=stability)


def _by_chance(reading: Reading, retrained: Sequence[Retrained], ordered: Ordered) -> float:
    """The share of all active halves of the retrainings that read the same: the stability of a matching by lot."""
    shares = []
    for other in retrained:
        halves = [r for f in other.factors if f.active for r in (f.negative, f.positive)]
        shares.append(float(np.mean([ordered.same(reading, r) for r in halves])) if halves else 0.0)
    return float(np.mean(shares))
