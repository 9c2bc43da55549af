"""Picks tried together: what comes out holds more of all of them than choices made one by one."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from service.coldstarts import picks as picking
from service.coldstarts import together
from service.coldstarts.candidates import Asked, best_of, try_all
from service.coldstarts.picks import Pick
from service.coldstarts.together import TOGETHER, Wanted, tuned
from service.engine import LoadedBundle
from tests.service.core.cold import started

PAIRS = [
    (("genre", "Comedy"), ("genre", "Drama")),
    (("genre", "Comedy"), ("genre", "Horror")),
    (("genre", "Comedy"), ("year", "1970s")),
    (("genre", "Comedy"), ("year", "2010s")),
    (("genre", "Drama"), ("year", "1970s")),
    (("genre", "Drama"), ("year", "2010s")),
    (("genre", "Horror"), ("year", "1970s")),
    (("genre", "Horror"), ("year", "2010s")),
]


def wanted_of(loaded: LoadedBundle, *values: tuple[str, str], strength: float | None = None) -> list[Wanted]:
    asked = [Asked(attribute, value, strength) for attribute, value in values]
    return [Wanted(a, tried, best_of(tried)) for a, tried in zip(asked, try_all(loaded, asked), strict=True)]


def least(loaded: LoadedBundle, *values: tuple[str, str]) -> float:
    """The smallest share in the list of any of these values."""
    picks = [Pick(attribute=attribute, value=value) for attribute, value in values]
    return min(share.in_list for share in started(loaded, picks, seed=2, diversity=0.0).shares)


@pytest.mark.parametrize("loud", [("genre", "Comedy"), ("genre", "Horror")])
def test_value_that_crowds_out_another_does_not_when_tried_together(
    loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch, loud: tuple[str, str]
) -> None:
    """Users differ so much in factor 0 that what fills a list alone leaves no room for Drama."""
    factors = list(loaded.factors.factors)
    wide = tuple(3 * q for q in factors[0].quantiles)
    factors[0] = msgspec.structs.replace(factors[0], quantiles=wide, sd=3 * factors[0].sd)
    changed = msgspec.structs.replace(loaded.factors, factors=tuple(factors))
    monkeypatch.setattr(loaded, "bundle", dataclasses.replace(loaded.bundle, factors=changed))
    together_ = least(loaded, loud, ("genre", "Drama"))
    monkeypatch.setattr(picking, "tuned", lambda loaded, wanted, fixed: tuple(wanted))
    assert together_ >= 0.5 > 0.4 > least(loaded, loud, ("genre", "Drama"))


@pytest.mark.parametrize("pair", PAIRS)
def test_tuned_is_never_worse_at_what_it_tries(loaded: LoadedBundle, pair: tuple[tuple[str, str], ...]) -> None:
    wanted = wanted_of(loaded, *pair)
    trials = together._Trials(loaded, wanted, [])
    before, after = trials.worths([tuple(wanted), tuned(loaded, wanted, [])])
    assert after >= before


def test_tuned_is_the_same_in_any_order_of_the_values(loaded: LoadedBundle) -> None:
    """Each begins its draws elsewhere, so the caller has to name the order: picks does, by the values' names."""
    picks = [Pick(attribute="year", value="2010s"), Pick(attribute="genre", value="Drama")]
    forth, back = started(loaded, picks).picks, started(loaded, picks[::-1]).picks
    assert forth == back[::-1]


def test_tuned_leaves_strengths_that_were_named(loaded: LoadedBundle) -> None:
    wanted = wanted_of(loaded, *PAIRS[0], strength=0.8)
    assert {one.chosen.strength for one in tuned(loaded, wanted, [])} == {0.8}
    free = wanted_of(loaded, *PAIRS[0])
    assert {one.chosen.strength for one in tuned(loaded, free, [])} <= set(TOGETHER)


def test_tuned_never_gives_one_factor_to_two_values(loaded: LoadedBundle) -> None:
    found = tuned(loaded, wanted_of(loaded, ("genre", "Drama"), ("year", "2010s")), [])
    factors = [one.chosen.candidate.factor for one in found]
    assert len(set(factors)) == 2


def test_tuned_of_a_catalogue_too_large_for_trials_leaves_the_choices(
    loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = wanted_of(loaded, *PAIRS[1])
    assert tuned(loaded, wanted, []) != tuple(wanted), "the control: there is something to change"
    monkeypatch.setattr(together, "CELLS", 0)
    assert tuned(loaded, wanted, []) == tuple(wanted)
    assert tuned(loaded, [], []) == ()


def test_tuned_runs_no_more_trials_than_it_may(loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    run = LoadedBundle.scores_many

    def counted(self, mu, histories, condition=None, *, shift):
        rows.append(len(shift))
        return run(self, mu, histories, condition, shift=shift)

    monkeypatch.setattr(LoadedBundle, "scores_many", counted)
    wanted = wanted_of(loaded, *PAIRS[1])
    rows.clear()
    monkeypatch.setattr(together, "CELLS", 7 * together.POINTS * loaded.n_items)
    tuned(loaded, wanted, [])
    assert sum(rows) == 7 * together.POINTS


def test_wanted_is_kept_but_for_what_is_chosen(loaded: LoadedBundle) -> None:
    wanted = wanted_of(loaded, *PAIRS[4])
    for before, after in zip(wanted, tuned(loaded, wanted, []), strict=True):
        assert dataclasses.replace(after, chosen=before.chosen) == before
