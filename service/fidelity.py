"""How faithful an explanation is to the model: the target's fate as history items go and come in its order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Curves:
    """Four figures of one order of the history items; p is the target's probability, p0 with the whole history.

    del_at_k  mean over j = 1..k of p(without the first j) / p0; lower is better
    ins_at_k  mean over j = 1..k of p(only the first j) / p0; higher is better
    pos_at_k  share of j = 1..k at which the target is still in the top n without the first j; lower is better
    neg_at_k  the same without the last j; higher is better
    """

    del_at_k: float
    ins_at_k: float
    pos_at_k: float
    neg_at_k: float


@dataclass(frozen=True, slots=True)
class Fidelity:
    """explanation: curves in the order of the history contributions; random: means over seeded random orders."""

    method: str
    k: int
    n: int
    seed: int
    random_orders: int
    explanation: Curves
    random: Curves
