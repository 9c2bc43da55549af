"""What the lists are like beside being right: coverage, concentration, novelty, diversity, obedience to a condition.

Lists are item indices [n_users, k], -1 = no item. All four standard figures are taken at k = 10.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.catalogue import Catalogue
from training.evaluate.ranking import Lists, PerUser


def exposure(lists: Lists, *, n_items: int) -> NDArray[np.int64]:
    """How often each item is recommended [n_items]."""
    return np.bincount(lists[lists >= 0], minlength=n_items)


def coverage(lists: Lists, *, n_items: int) -> float:
    """Share of the catalogue that anybody is recommended at all."""
    return float((exposure(lists, n_items=n_items) > 0).mean())


def gini(lists: Lists, *, n_items: int) -> float:
    """Gini coefficient of the exposures over all items: 0 = all alike, (n - 1) / n = one item takes everything."""
    ordered = np.sort(exposure(lists, n_items=n_items))
    total = ordered.sum()
    if total == 0:
        return 0.0
    return float((2 * np.arange(1, n_items + 1) - n_items - 1) @ ordered / (n_items * total))


def novelty(lists: Lists, popularity: NDArray[np.float64]) -> PerUser:
    """Mean surprise of the listed items in bits: -log2 of the share of training users who have the item [n_items]."""
    surprise = -np.log2(np.append(popularity, 1.0))  # the last entry serves index -1 and adds nothing
    found: PerUser = surprise[lists].sum(axis=1) / np.maximum((lists >= 0).sum(axis=1), 1)
    return found


def item_popularity(train: sparse.csr_matrix) -> NDArray[np.float64]:
    """Share of training users who have each item [n_items]; an item nobody has counts as had by half a user."""
    counts = np.asarray(train.sum(axis=0), dtype=np.float64).ravel()
    return np.asarray(np.maximum(counts, 0.5) / train.shape[0], dtype=np.float64)


def item_features(catalogue: Catalogue) -> NDArray[np.float32] | None:
    """Unit vectors of the items' non-numeric attribute values [n_items, n_values]; None without such attributes."""
    tables = [a.shares for a in catalogue.attributes if a.kind != "numeric" and a.values]
    if not tables:
        return None
    features = np.hstack(tables)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(norms == 0, 1, norms), dtype=np.float32)


def diversity(lists: Lists, features: NDArray[np.float32]) -> PerUser:
    """Intra-list diversity: mean of 1 - cosine over all pairs of a list; 0 for a list of fewer than two items.

    The sum over pairs comes from the square of the sum, so this costs O(k * n_values) a user, not k squared.
    """
    padded = np.vstack([features, np.zeros((1, features.shape[1]), dtype=np.float32)])
    listed = padded[lists].astype(np.float64)
    own = np.square(listed).sum(axis=(1, 2))
    similar = (np.square(listed.sum(axis=1)).sum(axis=1) - own) / 2
    n = (lists >= 0).sum(axis=1)
    pairs = n * (n - 1) / 2
    return np.asarray(np.where(pairs > 0, 1 - similar / np.maximum(pairs, 1), 0.0), dtype=np.float64)


def satisfaction(lists: Lists, satisfying: NDArray[np.bool_]) -> PerUser:
    """Share of each list whose items satisfy the condition [n_items]; an empty list satisfies nothing."""
    padded = np.append(satisfying, False)
    found: PerUser = padded[lists].sum(axis=1) / np.maximum((lists >= 0).sum(axis=1), 1)
    return found
