"""Steering measured: what a dose does to the lists of held-out users, and what it does to what is locked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Catalogue
from bundle.factors import Direction
from training.data.split import HeldOut
from training.decode.attribute_table import AttributeTable
from training.evaluate.control.result import DOSES, LOCK_DOSE, Drift, Response
from training.evaluate.control.spearman import spearman
from training.evaluate.control.ways import Way, projected_out
from training.evaluate.intervals import metric_of
from training.evaluate.measure import DEPTH, LIST_LENGTH, users_at_once
from training.evaluate.moved import Moved, shares_of
from training.models.base import LatentModel
from training.tastes import TasteTable

Floats = NDArray[np.float64]


class Steering:
    """All of a part's users, moved a batch at a time. One decoding of them for each dose of each way."""

    def __init__(self, model: LatentModel, heldout: HeldOut, tastes: TasteTable, catalogue: Catalogue) -> None:
        size, n = users_at_once(model.n_items), len(heldout.users)
        parts = [slice(start, start + size) for start in range(0, n, size)]
        self._batches = [Moved(model, HeldOut(heldout.users[p], heldout.fold_in[p], heldout.target[p])) for p in parts]
        self._places = {taste: place for place, taste in enumerate(tastes.tastes)}
        self._amounts = _listed_amounts(tastes, catalogue)
        self._unmoved = [batch.lists(np.zeros(model.n_latent)) for batch in self._batches]

    def response(self, way: Way, rng: np.random.Generator) -> Response:
        """The dose-response of one taste steered one way; rng: of the interval."""
        found = [self._at(dose * way.step, way, unmoved=dose == 0) for dose in DOSES]
        shares, ndcg = np.stack([one[0] for one in found]), np.stack([one[1] for one in found])
        means, kept = shares.mean(axis=1), np.nanmean(ndcg, axis=1)
        middle, top = DOSES.index(0.0), len(DOSES) - 1
        doses = np.array(DOSES)
        moved = np.ptp(shares, axis=0) > 0
        by_user = spearman(doses, shares[:, moved])
        is_share = way.taste.value is not None
        return Response(
            attribute=way.taste.attribute,
            value=way.taste.value,
            by=way.by,
            factor=way.factor,
            sign=way.sign,
            shares=tuple(means.tolist()),
            ndcg=tuple((kept / max(kept[middle], 1e-12)).tolist()),
            spearman=float(spearman(doses, means[:, None])[0]),
            user_spearman=float(np.median(by_user)) if moved.any() else 0.0,
            n_moved=int(moved.sum()),
            gain=metric_of(shares[top] - shares[middle], rng),
            ratio=float(means[top] / means[middle]) if is_share and means[middle] > 0 else None,
        )

    def drift(self, way: Way, lock: str, locked: Sequence[Direction], table: AttributeTable) -> Drift:
        """What locking an attribute, whose directions are `locked`, saves of it while a taste is moved."""
        members = (table.shares[:, next(c.span for c in table.columns if c.name == lock)] > 0).astype(np.float32)
        shift = LOCK_DOSE * way.step
        held = projected_out(shift, locked)
        before = self._both(None, way, members)
        free = self._both(shift, way, members)
        after = before if held is None else self._both(held, way, members)
        return Drift(
            attribute=way.taste.attribute,
            value=way.taste.value,
            by=way.by,
            lock=lock,
            free=_variation(before[1], free[1]),
            locked=_variation(before[1], after[1]),
            gain_free=free[0] - before[0],
            gain_locked=after[0] - before[0],
            refused=held is None,
        )

    def _at(self, shift: Floats, way: Way, *, unmoved: bool) -> tuple[Floats, Floats]:
        """Share of the taste in the top 10, and ndcg, [n] each."""
        amounts = self._amounts[:, [self._places[way.taste]]]
        shares, ndcg = [], []
        for batch, plain in zip(self._batches, self._unmoved, strict=True):
            lists = plain if unmoved else batch.lists(shift, k=DEPTH)
            shares.append(shares_of(lists[:, :LIST_LENGTH], amounts)[:, 0])
            ndcg.append(batch.ndcg(lists))
        return np.concatenate(shares), np.concatenate(ndcg)

    def _both(self, shift: Floats | None, way: Way, members: NDArray[np.float32]) -> tuple[float, Floats]:
        """Mean share of the taste, and mean shares of an attribute's values members [n_items, v], in the top 10."""
        amounts = np.hstack([self._amounts[:, [self._places[way.taste]]], members])
        found = [
            shares_of((plain if shift is None else batch.lists(shift, k=LIST_LENGTH))[:, :LIST_LENGTH], amounts)
            for batch, plain in zip(self._batches, self._unmoved, strict=True)
        ]
        means = np.concatenate(found).mean(axis=0)
        return float(means[0]), means[1:]


def _listed_amounts(tastes: TasteTable, catalogue: Catalogue) -> NDArray[np.float32]:
    """[n_items, g]: 1 where an item has a taste's value; of a numeric taste its number in sd, 0 where missing."""
    found = tastes.amounts.copy()
    for place, taste in enumerate(tastes.tastes):
        attribute = catalogue.attribute(taste.attribute)
        if taste.value is not None and attribute is not None:
            found[:, place] = attribute.members[:, attribute.values.index(taste.value)]
    return found


def _variation(p: Floats, q: Floats) -> float:
    """Half the sum of the absolute differences, of shares that sum to what an item has of values."""
    return float(np.abs(p - q).sum() / 2)
