"""The strong-generalisation split: whole users are held out (Liang et al. 2018, arXiv 1802.05814)."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import sparse


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


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out users: external ids, fold_in and target CSR [n, n_items] float32 of ones."""

    users: tuple[str, ...]
    fold_in: sparse.csr_matrix
    target: sparse.csr_matrix


@dataclass(frozen=True, slots=True)
class Split:
    """A pure function of (data, protocol). item_ids are those of the training users, in ascending order.

    train        CSR [n_train_users, n_items] float32 of ones
    fingerprint  sha256 over item ids, the three parts' user counts and their CSR arrays
    """

    item_ids: tuple[str, ...]
    train_users: tuple[str, ...]
    train: sparse.csr_matrix
    validation: HeldOut
    test: HeldOut
    protocol: Protocol
    fingerprint: str
