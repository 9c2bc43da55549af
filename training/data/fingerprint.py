"""What tells one data set from another, whatever its folder is called."""

from __future__ import annotations

import hashlib

from training.data.dataset import Dataset
from training.data.ids import ascending


def fingerprint_of(dataset: Dataset) -> str:
    """16 hex digits of a SHA-256 of the users' and the items' ids: the form, order, ratings and times do not matter.

    Costs a sort of the distinct ids.
    """
    digest = hashlib.sha256()
    for column in ("user_id", "item_id"):
        digest.update("\n".join(ascending(dataset.interactions[column])).encode())
        digest.update(b"\n\n")
    return digest.hexdigest()[:16]
