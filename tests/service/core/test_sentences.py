"""Sentences say what the numbers say, with their thresholds, and claim no cause."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from service.engine import LoadedBundle
from service.explain import explain_item
from service.profile import profile
from service.query import Query
from service.sentences import of_item, of_profile, of_reasons

COMEDIES = (0, 3, 6, 9)


def _with_contributions(told, *values: float):
    first = told.factors[0]
    return tuple(dataclasses.replace(first, factor=i, contribution=v) for i, v in enumerate(values))


@pytest.mark.parametrize(
    ("values", "word"),
    [((0.5, 0.5), "mostly"), ((0.26, 0.25, 0.25, 0.24), "partly"), ((0.2,) * 5, "weakly"), ((-1.0,), "not raised")],
)
def test_of_reasons_degree_follows_the_share_of_the_largest(loaded: LoadedBundle, values, word: str) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    assert word in of_reasons(loaded, _with_contributions(told, *values), ())


def test_of_reasons_undecoded_factor_gets_no_name(loaded: LoadedBundle) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    nameless = dataclasses.replace(told.factors[0], status="undecoded", attribute=None, value=None)
    sentence = of_reasons(loaded, (nameless,), ())
    assert "factor 0, which is not decoded" in sentence
    assert "Comedy" not in sentence
    unsure = dataclasses.replace(told.factors[0], status="ambiguous")
    assert "perhaps genre Comedy" in of_reasons(loaded, (unsure,), ())


def test_of_item_names_history_titles_and_place(loaded: LoadedBundle) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    sentence = of_item(loaded, told, told.factors)
    best = max(told.history, key=lambda h: h.contribution)
    assert sentence.startswith(f"Ranked {told.rank}; its score ")
    assert (loaded.catalogue.titles[best.item_ix] or "") in sentence
    assert "associated" in sentence
    assert "because" not in sentence


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ((0.06, 0.05), " and goes with Film 0 (1970) and Film 3 (1991) in the history."),
        ((0.06, 0.02), " and goes a little with Film 0 (1970) and Film 3 (1991) in the history."),
        ((0.06, 0.01), " and goes a little with Film 0 (1970) in the history."),
        ((0.019, 0.005), "users), hardly with any item of the history."),
        ((-0.06, -0.5), "users)."),
    ],
)
def test_of_reasons_history_is_named_only_as_far_as_it_carries_the_score(loaded, shares, says: str) -> None:
    """Shares of the score's way from its base, which the factors' contributions add up to."""
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    history = tuple(
        dataclasses.replace(told.history[0], item_ix=ix, contribution=4.0 * share)
        for ix, share in zip(COMEDIES, shares, strict=False)
    )
    assert of_reasons(loaded, _with_contributions(told, 5.0, -1.0), history).endswith(says)


@pytest.mark.parametrize(
    ("factors", "history", "says"),
    [
        ((1.0,), ((3.0, 2.9),), "comes mostly straight from the items of the history, is partly associated with"),
        ((1.0,), ((3.0, 2.9),), "users) and goes with Film 0 (1970) in the history."),
        ((1.0, 1.0, 1.0, 1.0), ((2.0, 1.5),), "comes partly straight from the items of the history, is weakly"),
        ((3.0,), ((1.5, 1.0),), "is mostly associated with"),
        ((1.0,), ((1.0, 0.9),), "is mostly associated with"),
        ((-1.0,), ((2.0, 1.9),), "straight from the items of the history, not from any factor, and goes with Film 0"),
        ((1.0,), ((0.02, 0.5),) * 4, "straight from the items of the history, none of which stands out, and is partly"),
        ((-0.5,), ((-1.0, -1.0),), "is not raised by any factor."),
    ],
)
def test_of_reasons_what_goes_past_the_factors_is_said_first_where_it_is_more(loaded, factors, history, says) -> None:
    """history: (contribution, its direct part) of each item."""
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    shares = tuple(
        dataclasses.replace(told.history[0], item_ix=ix, contribution=whole, linear=direct)
        for ix, (whole, direct) in zip(COMEDIES, history, strict=False)
    )
    sentence = of_reasons(loaded, _with_contributions(told, *factors), shares)
    assert says in sentence
    assert "because" not in sentence


def test_of_item_score_made_by_a_condition_does_not_credit_the_history(loaded: LoadedBundle) -> None:
    """The same history by itself is the control: there its items carry the score."""
    history = (0, 2, 3, 5)
    plain = explain_item(loaded, Query(history=history), 12)
    steered = np.array([6.0, 0, 0, 0], dtype=np.float32)
    pushed = explain_item(loaded, Query(history=history, shift=steered), 12)
    assert max(h.contribution for h in pushed.history) > 0
    assert "and goes with" in plain.sentence
    assert "and goes with" not in pushed.sentence


def test_of_profile_item_that_hardly_pulls_is_not_said_to_be_behind_it(loaded: LoadedBundle) -> None:
    found = profile(loaded, Query(history=COMEDIES))
    assert "which goes with" in found.sentence
    faint = tuple(dataclasses.replace(item, pull=0.05) for item in found.factors[0].items)
    quiet = dataclasses.replace(found, factors=(dataclasses.replace(found.factors[0], items=faint), *found.factors[1:]))
    assert "goes with" not in of_profile(loaded, quiet)


def test_of_item_seen_says_so_first(loaded: LoadedBundle) -> None:
    assert explain_item(loaded, Query(history=COMEDIES), 3).sentence.startswith("Already in the history")


def test_of_item_without_a_title_shows_the_id(loaded: LoadedBundle) -> None:
    assert loaded.catalogue.titles[49] is None
    assert "item m49" in explain_item(loaded, Query(history=(49,)), 46).sentence
