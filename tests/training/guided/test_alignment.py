"""Axes turned towards tastes: what they read, what the others do not, and that nothing else is lost."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.guided.alignment import Axes, axes

Floats = NDArray[np.float64]


def users(n: int = 4000, d: int = 8, *, seed: int = 0) -> tuple[Floats, Floats]:
    """Latents mu [n, d], a dense mixture of d independent sources of unequal size, and the sources, standardised."""
    rng = np.random.default_rng(seed)
    sources = rng.standard_normal((n, d))
    mixture = np.linalg.qr(rng.standard_normal((d, d)))[0] * np.linspace(1.0, 0.4, d)
    return sources @ mixture.T + 0.1, sources / sources.std(axis=0)


def read(found: Axes, mu: Floats, tastes: Floats) -> Floats:
    """Squared correlations [g, d] of tastes with the new coordinates."""
    turned = mu @ found.forward.T
    d = turned.shape[1]
    return np.corrcoef(np.hstack([turned, tastes]).T)[d:, :d] ** 2


def test_each_taste_is_an_axis_and_the_free_axes_say_nothing_of_it() -> None:
    mu, sources = users()
    tastes = sources[:, :3]
    r2 = read(axes(mu, tastes, separation=0.25), mu, tastes)
    assert (np.diag(r2) > 0.99).all()
    assert r2[:, 3:].max() < 1e-3
    before = np.corrcoef(np.hstack([mu, tastes]).T)[8:, :8] ** 2
    assert before.max() < 0.9  # no axis said it before


@pytest.mark.parametrize("separation", [0.0, 0.25, 1.0])
def test_turned_back_every_point_is_where_it_was(separation: float) -> None:
    mu, sources = users()
    found = axes(mu, sources[:, :3] + 0.3 * sources[:, 1:4], separation=separation)
    np.testing.assert_allclose(mu @ found.forward.T @ found.backward.T, mu, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.forward, axis=1), 1.0)


def test_separation_makes_correlated_tastes_less_so() -> None:
    mu, sources = users()
    tastes = np.column_stack([sources[:, 0], 0.8 * sources[:, 0] + 0.6 * sources[:, 1]])

    def correlation(separation: float) -> float:
        turned = mu @ axes(mu, tastes, separation=separation).forward.T
        return abs(float(np.corrcoef(turned[:, 0], turned[:, 1])[0, 1]))

    assert correlation(0.0) == pytest.approx(0.8, abs=0.05)
    assert correlation(0.5) < 0.5
    assert correlation(1.0) < 0.01


def test_shares_that_sum_to_one_keep_an_axis_each_and_give_up_the_least_of_the_free_ones() -> None:
    mu, sources = users()
    three = np.column_stack([sources[:, 0], sources[:, 1], -sources[:, 0] - sources[:, 1]])
    tastes = three / three.std(axis=0)
    found = axes(mu, tastes, separation=0.25)
    assert (np.diag(read(found, mu, tastes)) > 0.97).all()
    back = mu @ found.forward.T @ found.backward.T - mu
    lost = back.var(axis=0).sum() / mu.var(axis=0).sum()
    assert 0 < lost < 0.06  # one dimension of eight, the smallest: 0.16 of 3.9
    step = found.backward[:, 0]  # moving one axis alone stays among the users: no larger than an axis is long
    assert np.linalg.norm(step) < 2.0


def test_taste_that_the_latents_do_not_carry_has_no_axis() -> None:
    mu, sources = users()
    stranger = np.random.default_rng(9).standard_normal(len(mu))
    stranger -= mu @ np.linalg.lstsq(mu, stranger, rcond=None)[0]
    found = axes(mu, np.column_stack([sources[:, 0], stranger / stranger.std()]), separation=0.25)
    assert np.abs(found.forward[1]).max() == 0.0
    assert np.abs(found.forward[0]).max() > 0.1


def test_direction_that_hardly_varies_but_lies_far_from_zero_is_not_given_up() -> None:
    mu, sources = users()
    far = np.linalg.eigh(np.cov(mu.T))[1][:, 0]  # what varies least ...
    mu = mu + 5.0 * far  # ... is most of every point
    three = np.column_stack([sources[:, 0], sources[:, 1], -sources[:, 0] - sources[:, 1]])
    found = axes(mu, three / three.std(axis=0), separation=0.25)
    missed = mu @ found.forward.T @ found.backward.T - mu
    assert np.square(missed).mean() < 0.05 * mu.var(axis=0).mean() * 8
    assert np.abs(missed @ far).mean() < 0.2  # of 5


def test_tastes_are_carried_by_few_users_with_many_latents() -> None:
    """A reading of 60 latents from 120 users finds half of anything; what is there stands out all the same."""
    mu, sources = users(120, 60)
    strangers = np.random.default_rng(3).standard_normal((120, 40))
    strangers = (strangers - strangers.mean(axis=0)) / strangers.std(axis=0)
    found = axes(mu, np.column_stack([sources[:, :2], strangers[:, :2]]), separation=0.25)
    assert (np.abs(found.forward[:2]).max(axis=1) > 0).all()
    alone = [np.abs(axes(mu, strangers[:, [k]], separation=0.25).forward[0]).max() > 0 for k in range(40)]
    assert sum(alone) <= 4  # most strangers have no axis
