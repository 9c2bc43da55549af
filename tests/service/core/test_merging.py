"""Samples as one list: the mean without a diversity, a place for every sample with one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.coldstarts.merging import DEEP, merged, said

N = 40
EVERYTHING = np.ones(N, dtype=np.bool_)


def camps() -> np.ndarray:
    """Seven samples that like items 0..9 and three that like 20..29, each in its order."""
    scores = np.zeros((10, N), dtype=np.float32)
    scores[:7, :10] = 4.0 - np.arange(10) / 20
    scores[7:, 20:30] = 4.0 - np.arange(10) / 20
    return scores


def listed(scores: np.ndarray, *, n: int = 10, diversity: float = 0.0, allowed: np.ndarray = EVERYTHING) -> list[int]:
    return merged([scores], samples=len(scores), allowed=allowed, n=n, diversity=diversity).items


def test_merged_without_diversity_is_the_mean_of_the_probabilities() -> None:
    scores = np.random.default_rng(3).normal(size=(9, N)).astype(np.float32)
    chances = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    found = merged([scores[:4], scores[4:]], samples=9, allowed=EVERYTHING, n=N, diversity=0.0)
    assert found.items == np.argsort(-chances.mean(0), kind="stable").tolist()
    assert np.allclose(found.log_mean, np.log(chances.mean(0)), atol=1e-5)


def test_merged_with_diversity_serves_the_smaller_camp() -> None:
    assert set(listed(camps())) == set(range(10)), "the control: the mean serves the larger camp alone"
    few = [sum(ix >= 20 for ix in listed(camps(), diversity=diversity)) for diversity in (0.25, 0.5, 1.0)]
    assert few == sorted(few) and few[-1] >= 3
    assert listed(camps(), diversity=1.0)[:3] == [0, 1, 20]


def test_merged_of_one_sample_is_its_own_list_at_any_diversity() -> None:
    row = np.random.default_rng(4).normal(size=(1, N)).astype(np.float32)
    for diversity in (0.0, 0.3, 1.0):
        assert listed(row, diversity=diversity) == np.argsort(-row[0], kind="stable")[:10].tolist()


@pytest.mark.parametrize("diversity", [0.0, 0.5, 1.0])
def test_merged_keeps_to_the_mask_and_says_what_there_is(diversity: float) -> None:
    few = np.zeros(N, dtype=np.bool_)
    few[[3, 25, 39]] = True
    assert set(listed(camps(), diversity=diversity, allowed=few)) == {3, 25, 39}
    assert listed(camps(), diversity=diversity, allowed=np.zeros(N, dtype=np.bool_)) == []


def test_merged_places_that_add_nothing_go_by_the_mean() -> None:
    """As under a condition: three items have all the probability that a float64 can hold."""
    scores = np.full((4, N), -2000.0, dtype=np.float32) - np.arange(N, dtype=np.float32)
    scores[:, [30, 31, 32]] = 0.0
    assert listed(scores, diversity=0.7) == [30, 31, 32, 0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_merged_does_not_depend_on_the_chunks(diversity: float) -> None:
    scores = np.random.default_rng(5).normal(size=(9, 3 * DEEP)).astype(np.float32)
    mask = np.ones(3 * DEEP, dtype=np.bool_)
    whole = merged([scores], samples=9, allowed=mask, n=30, diversity=diversity)
    parts = merged([scores[:1], scores[1:7], scores[7:]], samples=9, allowed=mask, n=30, diversity=diversity)
    assert whole.items == parts.items


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(1, 8),
    n=st.integers(1, 60),
    diversity=st.floats(0, 1),
    scale=st.sampled_from([0.0, 0.1, 3.0, 300.0]),
)
def test_merged_gives_n_different_allowed_items(seed, samples, n, diversity, scale) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=scale, size=(samples, N)).astype(np.float32)
    allowed = rng.random(N) < 0.7
    found = listed(scores, n=n, diversity=diversity, allowed=allowed)
    assert len(found) == len(set(found)) == min(n, int(allowed.sum()))
    assert allowed[found].all()


def test_said_names_the_diversity() -> None:
    assert "mean" in said(32, 0.0) and "diversity" not in said(32, 0.0)
    assert "diversity 0.25" in said(32, 0.25)
