from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from tests.training.boards import checkerboard, csr
from training.data.split import HeldOut
from training.errors import DataError, FitError
from training.evaluate import measure as measuring
from training.evaluate.measure import measurable, measure, users_at_once


class Oracle:
    """Knows the board: an item scores by how many items of its colour the user has shown."""

    def score(self, fold_in: sparse.csr_matrix) -> np.ndarray:
        n_items = fold_in.shape[1]
        colour = np.arange(n_items) % 2
        same = (colour[:, None] == colour[None, :]).astype(np.float32)
        return np.asarray(fold_in @ same)


class Opposite(Oracle):
    def score(self, fold_in: sparse.csr_matrix) -> np.ndarray:
        return -super().score(fold_in)


class Chance:
    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def score(self, fold_in: sparse.csr_matrix) -> np.ndarray:
        return self.rng.random(fold_in.shape).astype(np.float32)


def test_checkerboard_known_by_eye_scores_one() -> None:
    """Of each user's 10 items 5 are shown and 5 are to be found: they are the first five of the list."""
    measured = measure(Oracle(), checkerboard().test)
    for name in ("ndcg@100", "ndcg@10", "recall@20", "recall@50", "hit@10", "mrr@10"):
        assert measured.values[name].tolist() == [1.0] * 12
    assert measured.lists[0, :5].tolist() == [2, 6, 10, 14, 18]
    assert measured.lists[1, :5].tolist() == [3, 7, 11, 15, 19]


def test_checkerboard_ranked_the_wrong_way_round_is_far_below_chance() -> None:
    heldout = checkerboard().test
    wrong, chance = measure(Opposite(), heldout).values["ndcg@10"], measure(Chance(), heldout).values["ndcg@10"]
    assert wrong.max() == 0.0  # ten items of the other colour come first
    assert 0.2 < chance.mean() < 0.8


def test_random_scores_give_the_recall_that_chance_gives() -> None:
    """Of 100 items 10 are wanted: 20 places find a fifth of them."""
    target = csr(np.arange(100)[None, :].repeat(2000, axis=0) < 10)
    heldout = HeldOut(tuple(map(str, range(2000))), sparse.csr_matrix((2000, 100), dtype=np.float32), target)
    found = measure(Chance(), heldout).values["recall@20"]
    assert found.mean() == pytest.approx(2 * 10 / 10 / 10, abs=0.01)


def test_seen_items_are_never_listed() -> None:
    heldout = checkerboard().test
    lists = measure(Oracle(), heldout).lists
    seen = heldout.fold_in.toarray() > 0
    assert not np.take_along_axis(seen, lists, axis=1).any()


def test_filter_leaves_only_what_is_allowed() -> None:
    allowed = np.arange(20) >= 14
    lists = measure(Oracle(), checkerboard().test, allowed=allowed).lists
    assert set(lists[lists >= 0]) <= set(range(14, 20))
    assert (lists == -1).any()


def test_batches_give_what_one_batch_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    heldout = checkerboard().test
    whole = measure(Opposite(), heldout)
    monkeypatch.setattr(measuring, "BATCH", 5)
    parts = measure(Opposite(), heldout)
    assert np.array_equal(whole.lists, parts.lists)
    assert all(np.array_equal(whole.values[name], parts.values[name]) for name in whole.values)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_not_finite_are_refused(bad: float) -> None:
    class Broken(Oracle):
        def score(self, fold_in: sparse.csr_matrix) -> np.ndarray:
            scores = super().score(fold_in)
            scores[0, 3] = bad
            return scores

    with pytest.raises(FitError, match="not finite"):
        measure(Broken(), checkerboard().test)


def test_users_without_a_target_are_left_out() -> None:
    target = csr(np.array([[0, 1], [0, 0], [1, 0]]))
    heldout = HeldOut(("a", "b", "c"), sparse.csr_matrix((3, 2), dtype=np.float32), target)
    assert measurable(heldout, what="test").users == ("a", "c")


def test_no_user_with_a_target_is_an_error_and_not_a_figure() -> None:
    empty = sparse.csr_matrix((2, 3), dtype=np.float32)
    with pytest.raises(DataError, match="none of the 2 test users"):
        measurable(HeldOut(("a", "b"), empty, empty), what="test")


def test_users_at_once_are_fewer_in_a_large_catalogue_and_at_least_one() -> None:
    assert [users_at_once(n) for n in (3_500, 2**20, 2**30)] == [500, 64, 1]
