"""Held-out users whose latent point is moved: what they are listed then, as the service would list it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from training.data.split import HeldOut
from training.encoding import encode
from training.errors import FitError
from training.evaluate import ranking
from training.evaluate.measure import DEPTH
from training.models.base import LatentModel
from training.rows import sparse_rows

Lists = ranking.Lists


class Moved:
    """Some users of a split's part: mu float32 [n, n_latent].

    What a model adds to decode(z) depends on the history or on the shift, not on both (LatentModel.score_at; so it is
    in a bundle): the first is worked out once, the second is what it adds to a point (scores_of_point). Holds
    n * n_items numbers, twice: give it at most users_at_once(n_items) users. FitError when a score is not finite.
    """

    def __init__(self, model: LatentModel, heldout: HeldOut) -> None:
        self._model = model.eval()
        self._fold_in, self.target = heldout.fold_in, heldout.target
        self.mu = encode(model, heldout.fold_in).mu
        with torch.inference_mode():
            mu = torch.from_numpy(self.mu)
            self._beside = (model.score_at(mu, sparse_rows(heldout.fold_in)) - model.decode(mu)).numpy()
        self._n_target = np.diff(heldout.target.indptr).astype(np.int64)

    def __len__(self) -> int:
        return len(self.mu)

    def lists(self, shift: NDArray[np.floating], *, k: int = DEPTH) -> Lists:
        """The k best unseen items of every user at mu + shift, [n, k], -1 = nothing left; shift [n_latent]."""
        step = torch.from_numpy(shift.astype(np.float32))[None]
        with torch.inference_mode():
            decoded = self._model.decode(torch.from_numpy(self.mu) + step)
            followed = self._model.scores_of_point(step) - self._model.decode(step)
            scores = decoded.numpy() + self._beside + followed.numpy()
        if not np.isfinite(scores).all():
            raise FitError("the moved model gives scores that are not finite", hint="train it again, with a lower rate")
        ranking.mask_seen(scores, self._fold_in)
        return ranking.top_items(scores, k)

    def ndcg(self, lists: Lists) -> NDArray[np.float64]:
        """ndcg@100 [n] of lists of that depth; NaN for a user without a target."""
        hits = ranking.hits_of(lists, self.target)
        found = np.full(len(self), np.nan)
        some = self._n_target > 0
        found[some] = ranking.ndcg(hits[some], self._n_target[some], DEPTH)
        return found


def shares_of(lists: Lists, amounts: NDArray[np.floating]) -> NDArray[np.float64]:
    """[n, v]: the mean of amounts [n_items, v] over the items of each list [n, k]; 0 for a list of nothing."""
    padded = np.vstack([amounts, np.zeros((1, amounts.shape[1]), amounts.dtype)])
    n, k = lists.shape
    places = np.where(lists < 0, len(amounts), lists).ravel()
    rows = sparse.csr_matrix((np.ones(n * k, np.float32), places, np.arange(0, n * k + 1, k)), (n, len(padded)))
    return np.asarray(rows @ padded, dtype=np.float64) / np.maximum((lists >= 0).sum(axis=1, keepdims=True), 1)
