"""How a split is made, in numbers: apart from the split, so that reading data needs no scipy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Protocol:
    """How interactions become a split.

    threshold     ratings >= threshold are positives; None = every row is one
    min_items     users with fewer positives are left out
    n_heldout     users in each of validation and test; None = a tenth of the users
    target_share  share of a held-out user's items that are the target, the rest is the fold-in
    seed          of the split, and of nothing else
    """

    threshold: float | None = 4.0
    min_items: int = 5
    n_heldout: int | None = None
    target_share: float = 0.2
    seed: int = 98765
