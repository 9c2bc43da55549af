"""In which order history items (or factors) are taken away: the explanation's, and those that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

OURS = "the explanation"
LEAVE_ONE_OUT = "leave one out"
SIMILARITY = "item similarity"
POPULARITY = "popularity"
RANDOM = "random"
OTHER = "another item's explanation"
SHUFFLED = "the explanation, shuffled"
SIZE = "size of z"

RIVALS = (SIMILARITY, POPULARITY, RANDOM)
"""What an explanation of the history must beat."""

FACTOR_RIVALS = (SIZE, RANDOM)
N_RANDOM = 3
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of items without a model: the training users' interactions, CSR [n_users, n_items]."""

    train: sparse.csr_matrix
    popularity: Values

    @classmethod
    def of(cls, train: sparse.csr_matrix) -> Known:
        return cls(train, np.asarray(train.sum(axis=0), dtype=np.float64).ravel())

    def similarity(self, item_ix: int, others: Sequence[int]) -> Values:
        """[len(others)]: cosines of the columns of the training matrix, 0 for an item that nobody has.

        The similarity of item-based collaborative filtering (Sarwar et al. 2001). Costs reading the rows of all users
        who have the item.
        """
        column = np.asarray((self.train[:, [item_ix]].T @ self.train).todense(), dtype=np.float64).ravel()
        norms = np.sqrt(self.popularity[list(others)] * self.popularity[item_ix])
        return np.asarray(np.divide(column[list(others)], norms, out=np.zeros(len(others)), where=norms > 0))


def by_value(names: Sequence[int], values: Values) -> list[int]:
    """The names, the largest value first, ties by name: as the service orders them."""
    return [names[i] for i in np.lexsort((np.asarray(names), -values))]


def orders_of(
    names: Sequence[int], values: Mapping[str, Values], rng: np.random.Generator
) -> list[tuple[str, list[int]]]:
    """Each of `values` as an order, the explanation with its values dealt out anew, and N_RANDOM random orders."""
    found = [(label, by_value(names, one)) for label, one in values.items()]
    found.append((SHUFFLED, by_value(names, rng.permutation(values[OURS]))))
    return found + [(RANDOM, [names[i] for i in rng.permutation(len(names))]) for _ in range(N_RANDOM)]
