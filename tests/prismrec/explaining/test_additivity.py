"""Residuals: next to nothing in every situation, and found when the explainer is wrong by one percent."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from prismrec.explaining.additivity import BY_FACTOR, BY_VALUE, CONDITION, PLAIN, residuals_of, situations_of
from service.explaining.explain import explain_item


@pytest.fixture
def situations(loaded, asked):
    return situations_of(loaded, asked.query, np.random.default_rng(0))


def test_parts_make_the_score_in_every_situation(loaded, situations):
    assert [one.name for one in situations] == [PLAIN, CONDITION, BY_FACTOR, BY_VALUE]
    for one in situations:
        found = residuals_of(loaded, one)
        assert len(found.latent) == len(found.history) == one.query.n
        assert max(found.latent) < 1e-4
        assert max(found.history) < 1e-2
        assert max(found.latent_left) < 1e-5


def test_residual_is_what_the_service_returns(loaded, situations):
    for one in situations:
        found = residuals_of(loaded, one)
        listed = [item.item_ix for item in loaded.recommend(one.query).items]
        for item_ix, left, history_left in zip(listed, found.latent_left, found.history_left, strict=True):
            told = explain_item(loaded, one.query, item_ix)
            assert left == pytest.approx(abs(told.residual), abs=2e-6)  # ten at once round otherwise than one
            assert history_left == pytest.approx(abs(told.history_residual), abs=2e-6)


def test_contributions_that_are_one_percent_off_are_found(loaded, situations, monkeypatch):
    right = loaded.explainer

    def wrong(*arguments):
        found = right(*arguments)
        return dataclasses.replace(found, latent=found.latent * np.float32(1.01))

    monkeypatch.setattr(loaded, "explainer", wrong)
    found = residuals_of(loaded, situations[0])
    assert max(found.latent) > 1e-3
    assert max(found.history) < 1e-4
