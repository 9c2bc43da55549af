from __future__ import annotations

import numpy as np
import pytest

from tests.training.boards import csr
from training.batches import TrainingRows, training_loader, validation_loader
from training.data.split import HeldOut
from training.entries import Entries, EntrySampler, balanced, pairs, pairs_of_items, seen_values, single
from training.options import fit_config
from training.world import World

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
    drawn = pairs(seen_values(TRAIN, MEMBERS).counts, count=30, rng=np.random.default_rng(0))
    assert set(drawn.user.tolist()) == {1}  # the only one who has seen two genres
    assert {tuple(sorted(v)) for v in drawn.values.tolist()} == {(0, 1)}


def test_pairs_of_items_are_two_values_of_one_item_of_the_user() -> None:
    rng = np.random.default_rng(0)
    drawn = pairs_of_items(seen_values(TRAIN, MEMBERS), count=30, rng=rng)
    assert set(drawn.user.tolist()) == {1}
    assert {tuple(sorted(v)) for v in drawn.values.tolist()} == {(0, 1)}
    assert drawn.every.all()
    apart = csr(np.array([[1, 0, 1, 0], [1, 0, 1, 1]]))  # both values seen, in no item together
    assert len(pairs_of_items(seen_values(apart, MEMBERS), count=30, rng=rng)) == 0
    assert len(pairs(seen_values(apart, MEMBERS).counts, count=30, rng=rng)) == 30


@pytest.mark.parametrize(("match", "n_all"), [("any", 0), ("all", 6), ("both", 3)])
def test_pairs_are_added_as_a_share_of_the_users(match: str, n_all: int) -> None:
    sampler = conditioned(combined=2.0, combined_match=match)
    assert len(all_entries(sampler)) == 6 + 6
    assert sum(int(entries.every.sum()) for entries in sampler) == n_all


LOPSIDED = np.random.default_rng(5).random((400, 6)) < np.array([0.95, 0.8, 0.5, 0.3, 0.1, 0.05])
"""Who has seen which of six values: the first nearly everybody, the last twenty."""


def asked_of(sampler: EntrySampler) -> np.ndarray:
    """How often each of the six values is asked for in an epoch."""
    return np.bincount([value for _, value, _ in all_entries(sampler) if value >= 0], minlength=6)


def lopsided(**settings: object) -> EntrySampler:
    seen = seen_values(csr(LOPSIDED), np.eye(6, dtype=bool))
    return EntrySampler(400, seen, config=fit_config({"batch_size": 50} | settings), seed=1)


def spread_of(counts: np.ndarray) -> float:
    """Chi-square over its degrees of freedom, of the counts from equal ones: about 1 by chance."""
    return float(((counts - counts.mean()) ** 2 / counts.mean()).sum() / (len(counts) - 1))


def test_balanced_asks_for_every_value_equally_often_and_full_does_not() -> None:
    balanced_counts = asked_of(lopsided(condition_sampling="balanced", conditions_per_user=3))
    assert balanced_counts.sum() == 3 * 400
    assert np.ptp(balanced_counts) <= 1
    assert spread_of(balanced_counts) < 0.1
    assert spread_of(asked_of(lopsided(conditions_per_user=3))) > 50  # the control


def test_balanced_has_as_many_rows_as_full_unless_told() -> None:
    assert len(all_entries(lopsided(condition_sampling="balanced"))) == len(all_entries(lopsided()))


def test_balanced_asks_only_those_who_have_seen_the_value_and_all_of_them_before_anybody_twice() -> None:
    drawn = balanced(csr(LOPSIDED), count=1200, rng=np.random.default_rng(0))
    assert LOPSIDED[drawn.user, drawn.values[:, 0]].all()
    for value, n_able in enumerate(LOPSIDED.sum(axis=0)):
        turns = np.bincount(drawn.user[drawn.values[:, 0] == value], minlength=400)[LOPSIDED[:, value]]
        assert np.ptp(turns) <= 1, n_able


def test_balanced_differs_from_epoch_to_epoch_and_is_a_function_of_it() -> None:
    sampler = lopsided(condition_sampling="balanced", conditions_per_user=1)
    first = all_entries(sampler)
    assert all_entries(sampler) == first
    sampler.set_epoch(1)
    assert all_entries(sampler) != first


def test_balanced_without_any_value_seen_asks_for_none() -> None:
    assert len(balanced(csr(np.zeros((3, 2))), count=9, rng=np.random.default_rng(0))) == 0


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


def test_pair_of_values_asks_for_items_that_have_both() -> None:
    found = batches(combined=5.0, combined_match="all")
    pair = next(entry for key, entry in found.items() if -1 not in key[1:])
    assert pair == ([0, 1, 2], [1], [0.5, 0.5])


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


def parts(size: int, *, n_users: int = 50, batch_size: int = 7) -> list[list[Entries]]:
    """For each process the parts of the batches of one epoch."""
    config, found = fit_config({"batch_size": batch_size}), []
    for rank in range(size):
        sampler = EntrySampler(n_users, None, config=config, seed=1, world=World(devices=size, local=rank))
        sampler.set_epoch(2)
        found.append(list(sampler))
    return found


@pytest.mark.parametrize("size", [2, 3, 7])
def test_processes_share_every_batch_and_have_the_same_steps(size: int) -> None:
    (whole,) = parts(1)
    assert {len(mine) for mine in parts(size)} == {len(whole)} == {8}
    for batch, *shared in zip(whole, *parts(size), strict=True):
        counted = [user for part in shared if part.weight for user in part.user.tolist()]
        assert sorted(counted) == sorted(batch.user.tolist())


def test_weighted_means_of_the_parts_make_the_mean_of_the_batch() -> None:
    (whole,) = parts(1)
    for batch, *shared in zip(whole, *parts(3), strict=True):  # 7 rows in 3 parts, and a last batch of one row
        mean = np.mean([part.weight * part.user.mean() for part in shared])
        assert mean == pytest.approx(batch.user.mean())
    assert [len(part) for part in shared] == [1, 1, 1]
    assert [part.weight for part in shared] == [3.0, 0.0, 0.0]


def test_part_without_a_row_makes_a_batch_that_does_not_count() -> None:
    sampler = EntrySampler(3, None, config=fit_config({"batch_size": 2}), seed=1, world=World(devices=2, local=1))
    *_, last = training_loader(TrainingRows(TRAIN, None), sampler)
    assert (len(last), last.n_counted, last.weight) == (1, 0, 0.0)


@pytest.mark.parametrize("size", [2, 3])
def test_processes_share_the_validation_users(size: int) -> None:
    heldout = HeldOut(("a", "b", "c"), TRAIN, TRAIN)
    shared = [validation_loader(heldout, world=World(devices=size, local=rank)) for rank in range(size)]
    users = [user for loader in shared for chunk in loader for user in chunk.users]
    assert sorted(users) == ["a", "b", "c"]
    assert sum(chunk.target.nnz for loader in shared for chunk in loader) == TRAIN.nnz
