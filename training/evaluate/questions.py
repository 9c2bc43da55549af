"""What can be asked of a list: items with one value of an attribute, with any of several, or with all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Attribute
from training.data.split import HeldOut

Match = Literal["any", "all"]
Sort = Literal["single", "any", "all"]
SORTS: tuple[Sort, ...] = ("single", "any", "all")


@dataclass(frozen=True, slots=True)
class Question:
    """values: indices of the attribute's values; satisfying bool [n_items]: the items that are an answer."""

    name: str
    values: tuple[int, ...]
    match: Match
    satisfying: NDArray[np.bool_]

    @property
    def sort(self) -> Sort:
        """One value asks for the same whether any or all of it is meant."""
        return "single" if len(self.values) == 1 else self.match


def question(attribute: Attribute, values: tuple[int, ...], match: Match = "any") -> Question:
    has = attribute.members[:, list(values)]
    word = " or " if match == "any" else " and "
    name = word.join(attribute.values[value] for value in values)
    return Question(name, values, match, has.any(axis=1) if match == "any" else has.all(axis=1))


def singles(attribute: Attribute) -> list[Question]:
    """Every value of the attribute by itself."""
    return [question(attribute, (value,)) for value in range(len(attribute.values))]


def frequent_pairs(attribute: Attribute, heldout: HeldOut, *, most: int) -> list[tuple[int, int]]:
    """The pairs of values that most users hold back an item with both of, at most `most` of them, most frequent first.

    Ties go to the values that come first. Costs O(targets * values of an item squared).
    """
    counts: Counter[tuple[int, int]] = Counter()
    target = heldout.target
    for start, stop in zip(target.indptr[:-1], target.indptr[1:], strict=True):
        rows = (sorted(attribute.rows[item]) for item in target.indices[start:stop])
        counts.update({pair for row in rows for pair in combinations(row, 2)})
    return sorted(counts, key=lambda pair: (-counts[pair], pair))[:most]


def questions(attribute: Attribute, heldout: HeldOut, *, most_pairs: int) -> list[Question]:
    """Every value, then the frequent pairs: any of the two, and the same pairs again: all of the two."""
    pairs = frequent_pairs(attribute, heldout, most=most_pairs)
    matches: tuple[Match, ...] = ("any", "all")
    return singles(attribute) + [question(attribute, pair, match) for match in matches for pair in pairs]
