from __future__ import annotations

import numpy as np
import pytest

from tests.training.boards import csr
from training.batches import TrainingRows, training_loader, validation_loader
from training.data.split import HeldOut
from training.entries import EntrySampler, pairs, seen_values, single
from training.options import fit_config

# four items: 0 comedy, 1 comedy + drama, 2 drama, 3 of no genre; three users
MEMBERS = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], dtype=bool)
TRAIN = csr(np.array([[1, 0, 0, 1], [1, 1, 1, 0], [0, 0, 0, 1]]))


def all_entries(sampler: EntrySampler) -> list[tuple[int, ...]]:
    return sorted(
        (int(user), *(int(v) for v in values))
        for entries in sampler
        for user, values in zip(entries.user, entries.values, strict=True)
    )


def conditioned(**settings: object) -> EntrySampler:
    return EntrySampler(3, seen_values(TRAIN, MEMBERS), config=fit_config({"batch_size": 2} | settings), seed=1)


def test_user_appears_once_and_once_more_for_each_value_seen() -> None:
    assert all_entries(conditioned()) == [(0, -1, -1), (0, 0, -1), (1, -1, -1), (1, 0, -1), (1, 1, -1), (2, -1, -1)]


def test_unconditioned_model_sees_each_user_once() -> None:
    sampler = EntrySampler(3, None, config=fit_config({"batch_size": 2}), seed=1)
    assert all_entries(sampler) == [(0, -1, -1), (1, -1, -1), (2, -1, -1)]
    assert len(sampler) == 2


def test_order_is_a_function_of_seed_and_epoch() -> None:
    def order(epoch: int) -> list[list[int]]:
        sampler = EntrySampler(50, None, config=fit_config({"batch_size": 20}), seed=1)
        sampler.set_epoch(epoch)
        return [entries.user.tolist() for entries in sampler]

    assert order(3) == order(3)
    assert order(3) != order(4)


def test_few_values_per_user_are_drawn_anew_and_without_repeats() -> None:
    seen = csr(np.ones((200, 6)))
    drawn = single(seen, per_user=2, rng=np.random.default_rng(0))
    assert np.bincount(drawn.user).tolist() == [2] * 200
    assert all(len(set(drawn.values[drawn.user == u, 0])) == 2 for u in range(200))
    assert np.bincount(drawn.values[:, 0]).min() > 40  # every value has its turn: 67 each are expected


def test_pairs_are_two_values_that_the_user_has_seen() -> None:
    seen = seen_values(TRAIN, MEMBERS)
    drawn = pairs(seen, count=30, rng=np.random.default_rng(0))
    assert set(drawn.user.tolist()) == {1}  # the only one who has seen two genres
    assert {tuple(sorted(v)) for v in drawn.values.tolist()} == {(0, 1)}


def test_pairs_are_added_as_a_share_of_the_users() -> None:
    assert len(all_entries(conditioned(combined=1.0))) == 6 + 3


def test_pairs_without_anybody_able_are_none() -> None:
    assert len(pairs(csr(np.eye(3)), count=5, rng=np.random.default_rng(0))) == 0


def batches(**settings: object) -> dict[tuple[int, ...], tuple[list[int], list[int], list[float]]]:
    """entry -> (history, target, condition), as the training step gets them."""
    sampler = conditioned(**settings)
    loader = training_loader(TrainingRows(TRAIN, MEMBERS), sampler)
    found = {}
    for entries, batch in zip(list(sampler), loader, strict=True):
        assert batch.condition is not None
        for b in range(len(batch)):
            key = (int(entries.user[b]), *entries.values[b].tolist())
            rows = [
                part.indices[part.offsets[b] : part.offsets[b + 1]].tolist() for part in (batch.history, batch.target)
            ]
            found[key] = (rows[0], rows[1], batch.condition[b].tolist())
    return found


def test_target_keeps_only_what_satisfies_the_condition_and_the_history_is_whole() -> None:
    found = batches()
    assert found[(1, -1, -1)] == ([0, 1, 2], [0, 1, 2], [0, 0])
    assert found[(1, 0, -1)] == ([0, 1, 2], [0, 1], [1, 0])
    assert found[(1, 1, -1)] == ([0, 1, 2], [1, 2], [0, 1])
    assert found[(0, 0, -1)] == ([0, 3], [0], [1, 0])


def test_pair_of_values_asks_for_either() -> None:
    found = batches(combined=5.0)
    pair = next(entry for key, entry in found.items() if -1 not in key[1:])
    assert pair == ([0, 1, 2], [0, 1, 2], [1, 1])


def test_unconditioned_rows_are_their_own_target() -> None:
    sampler = EntrySampler(3, None, config=fit_config({"batch_size": 3}), seed=1)
    (batch,) = training_loader(TrainingRows(TRAIN, None), sampler)
    assert batch.target is batch.history
    assert batch.condition is None
    assert sorted(batch.history.lengths.tolist()) == [1, 2, 3]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_validation_chunks_hold_every_user_once_in_order(size: int) -> None:
    heldout = HeldOut(("a", "b", "c"), TRAIN, TRAIN)
    chunks = list(validation_loader(heldout, size=size))
    assert [user for chunk in chunks for user in chunk.users] == ["a", "b", "c"]
    assert sum(chunk.fold_in.nnz for chunk in chunks) == TRAIN.nnz
