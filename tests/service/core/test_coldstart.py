"""Cold starts: the asked half is sampled, reproducibly, and undecoded picks are said to be so."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from bundle.factors import Factor, Guide
from service.coldstarts.picks import Pick, half_note, resolve_picks
from service.coldstarts.samples import sample_points
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from tests.builders import BuilderModel
from tests.service.core.cold import started

COMEDY = Pick(attribute="genre", value="Comedy")
HORROR = Pick(attribute="genre", value="Horror", strength=3.0)


def test_sample_points_lie_in_the_picked_half_and_nowhere_else(loaded: LoadedBundle) -> None:
    median = loaded.factors.factors[0].quantiles[50]
    for half, sign in (("positive", 1), ("negative", -1)):
        picks = resolve_picks(loaded, [Pick(factor=0, half=half)])
        z = sample_points(loaded, picks, samples=500, seed=3)
        assert z.shape == (500, 4)
        assert (sign * (z[:, 0] - median) >= 0).all()
        assert (z[:, 1:] == 0).all()
        # uniform over the half: the quartiles of the half are those of the factor
        wanted = np.sort([loaded.factors.factors[0].quantiles[50 + sign * q] for q in (12, 25, 38)])
        assert np.allclose(np.quantile(z[:, 0], [0.25, 0.5, 0.75]), wanted, atol=0.15)


def test_sample_points_strength_scales_the_distance_from_the_median(loaded: LoadedBundle) -> None:
    once, twice = (
        sample_points(loaded, resolve_picks(loaded, [Pick(factor=0, half="positive", strength=s)]), samples=50, seed=3)
        for s in (1.0, 2.0)
    )
    median = loaded.factors.factors[0].quantiles[50]
    assert np.allclose(twice[:, 0] - median, 2 * (once[:, 0] - median), atol=1e-5)


def test_sample_coldstart_half_moves_the_list_to_its_genre(loaded: LoadedBundle) -> None:
    """Both halves, so that each is the other's control."""
    for half, value in (("positive", "Comedy"), ("negative", "Horror")):
        found = started(loaded, [Pick(factor=0, half=half)], n=10, seed=1)
        (share,) = found.shares
        assert (share.attribute, share.value) == ("genre", value)
        assert share.in_list > 0.8 > share.in_catalogue


def test_sample_coldstart_equals_the_twin(loaded: LoadedBundle, twin: BuilderModel) -> None:
    found = started(loaded, [COMEDY], n=5, samples=8, seed=4, diversity=0.0)
    z = sample_points(loaded, found.picks, samples=8, seed=4).astype(float)
    logits = twin.logits(z)
    merged = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).mean(0)
    assert [item.item_ix for item in found.items] == np.argsort(-merged, kind="stable")[:5].tolist()
    assert np.allclose([item.probability for item in found.items], np.sort(merged)[::-1][:5], rtol=1e-4)
    assert np.allclose([item.score for item in found.items], np.log(np.sort(merged)[::-1][:5]), atol=1e-4)


def test_sample_coldstart_same_seed_is_identical_and_another_is_not(loaded: LoadedBundle) -> None:
    first, again, other = (started(loaded, [COMEDY], seed=seed, samples=4) for seed in (7, 7, 8))
    assert first == again
    assert first.items != other.items


def test_sample_coldstart_attribute_takes_the_decoded_half_and_says_so(loaded: LoadedBundle) -> None:
    (pick,) = started(loaded, [COMEDY]).picks
    assert (pick.via, pick.factor, pick.half, pick.status, pick.note) == ("factor", 0, "positive", "decoded", None)


def test_sample_coldstart_attribute_whose_factor_is_taken_goes_by_its_direction(loaded: LoadedBundle) -> None:
    found = started(loaded, [Pick(factor=0, half="negative"), COMEDY])
    assert [(p.via, p.factor) for p in found.picks] == [("factor", 0), ("direction", None)]
    assert [s.value for s in found.shares] == ["Horror", "Comedy"]


def test_sample_coldstart_undecoded_and_ambiguous_picks_are_answered_and_flagged(loaded: LoadedBundle) -> None:
    found = started(loaded, [Pick(factor=3, half="positive"), Pick(factor=2, half="positive")])
    undecoded, ambiguous = found.picks
    assert undecoded.status == "undecoded"
    assert "not known" in (undecoded.note or "")
    assert ambiguous.status == "ambiguous"
    assert "rating" in (ambiguous.note or "")
    assert len(found.items) == 10


def test_sample_coldstart_strict_condition_and_exclusions_hold(loaded: LoadedBundle) -> None:
    condition = loaded.condition(["Horror"], mode="strict")
    found = started(loaded, [COMEDY], n=50, condition=condition, exclude=frozenset({2, 5}))
    items = {item.item_ix for item in found.items}
    assert not items & {2, 5}
    assert found.condition_satisfied == 1.0
    assert found.short_reason


def test_sample_coldstart_soft_condition_moves_the_samples(loaded: LoadedBundle) -> None:
    pick = [Pick(factor=1, half="positive")]
    plain = started(loaded, pick, n=10)
    soft = started(loaded, pick, n=10, condition=loaded.condition(["Horror"]))
    assert plain.items != soft.items
    assert (soft.condition_satisfied or 0) > 0.8


@pytest.mark.parametrize(
    ("picks", "pointer", "says"),
    [
        ([], "/picks", "1 to 16"),
        ([COMEDY] * (LIMITS.picks + 1), "/picks", "1 to 16"),
        ([Pick()], "/picks/0", "either"),
        ([Pick(factor=0)], "/picks/0", "either"),
        ([Pick(factor=0, half="positive", attribute="genre", value="Comedy")], "/picks/0", "either"),
        ([Pick(attribute="genre")], "/picks/0", "either"),
        ([Pick(factor=4, half="positive")], "/picks/0/factor", "0 to 3"),
        ([Pick(factor=-1, half="positive")], "/picks/0/factor", "0 to 3"),
        ([Pick(factor=0, half="left")], "/picks/0/half", "negative or positive"),
        ([Pick(attribute="colour", value="red")], "/picks/0/attribute", "genre, year, rating"),
        ([Pick(attribute="genre", value="Western")], "/picks/0/value", "Comedy, Drama, Horror"),
        ([Pick(attribute="year", value="1980s")], "/picks/0/value", "no half.*1970s, 2010s"),
        ([COMEDY, COMEDY], "/picks/1", "twice"),
        ([Pick(factor=0, half="positive")] * 2, "/picks/1", "twice"),
        ([Pick(factor=0, half="positive"), Pick(factor=0, half="negative")], "/picks/1", "contradict"),
        ([Pick(factor=0, half="positive", strength=0.0)], "/picks/0/strength", "above 0"),
        ([Pick(factor=0, half="positive", strength=3.1)], "/picks/0/strength", "at most 3"),
        ([Pick(factor=0, half="positive", strength=float("nan"))], "/picks/0/strength", "above 0"),
    ],
)
def test_sample_coldstart_bad_picks_name_the_field_and_the_way_out(loaded, picks, pointer, says) -> None:
    with pytest.raises(InvalidRequestError, match=says) as caught:
        started(loaded, picks)
    assert caught.value.errors[0].pointer == pointer


@pytest.mark.parametrize(("samples", "seed"), [(0, 0), (LIMITS.samples + 1, 0), (1, -1), (1, 2**53)])
def test_sample_coldstart_past_a_limit_is_refused(loaded: LoadedBundle, samples: int, seed: int) -> None:
    with pytest.raises(InvalidRequestError):
        started(loaded, [COMEDY], samples=samples, seed=seed)


def test_sample_coldstart_at_every_limit_answers(loaded: LoadedBundle) -> None:
    found = started(loaded, [COMEDY], n=LIMITS.n, samples=LIMITS.samples, seed=2**53 - 1)
    assert len(found.items) == 50
    assert "50 of 500" in (found.short_reason or "")


def test_sample_coldstart_ambiguous_half_without_rivals_gives_the_true_reason(loaded: LoadedBundle) -> None:
    """The rival's name is the control: with one, it is the reason."""
    factor = loaded.factors.factors[2]
    assert "also rating fit it" in (resolve_picks(loaded, [Pick(factor=2, half="positive")])[0].note or "")
    alone = msgspec.structs.replace(factor.positive, rivals=())
    split = tuple(
        msgspec.structs.replace(cell, shifted_value="Drama", value="Horror") if cell.attribute == "genre" else cell
        for cell in factor.evidence
    )
    unlike = half_note(msgspec.structs.replace(factor, positive=alone, evidence=split), "positive")
    assert "methods disagree" in (unlike or "")
    assert "says Drama" in (unlike or "")
    assert "says Horror" in (unlike or "")
    assert "other attributes" not in (unlike or "")
    unstable = msgspec.structs.replace(alone, unstable=True, stability=0.2)
    moved = half_note(msgspec.structs.replace(factor, positive=unstable, evidence=split), "positive")
    assert "only 20% of the trainings" in (moved or "")
    unknown = half_note(msgspec.structs.replace(factor, positive=alone, evidence=()), "positive")
    assert "methods disagree" in (unknown or "")


def test_sample_coldstart_list_pulled_elsewhere_by_another_pick_says_so(loaded: LoadedBundle) -> None:
    """The pick itself is good: alone it has no note."""
    found = started(loaded, [COMEDY, Pick(factor=2, half="positive", strength=3.0), HORROR], n=10)
    alone = started(loaded, [COMEDY], n=10)
    assert alone.picks[0].note is None
    assert found.shares[0].in_list < 0.5
    assert "rest of the request" in (found.picks[0].note or "")
    assert found.picks[0].status == "decoded"
    masked = started(loaded, [COMEDY], condition=loaded.condition(["Horror"], mode="strict"))
    assert "no item that may be listed" in (masked.picks[0].note or "")
    assert masked.picks[0].status == "decoded"


def test_sample_coldstart_longer_list_than_the_value_has_items_is_not_called_weak(loaded: LoadedBundle) -> None:
    found = started(loaded, [COMEDY], n=50)
    assert found.shares[0].in_list < 0.5
    assert found.picks[0].note is None


def with_factor(loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch, factor: Factor) -> None:
    """Put another factor in the place of the one with its number."""
    factors = tuple(factor if f.factor == factor.factor else f for f in loaded.factors.factors)
    changed = msgspec.structs.replace(loaded.factors, factors=factors)
    monkeypatch.setattr(loaded, "bundle", dataclasses.replace(loaded.bundle, factors=changed))


def test_sample_coldstart_undecoded_half_says_what_it_was_tied_to_and_how_much_of_it_is_listed(
    loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick, free = [Pick(factor=3, half="positive")], started(loaded, [Pick(factor=3, half="positive")])
    assert free.shares == () and "not known" in (free.picks[0].note or "")
    guide = Guide(attribute="genre", value="Drama")
    with_factor(loaded, monkeypatch, msgspec.structs.replace(loaded.factors.factors[3], guide=guide))
    found = started(loaded, pick)
    assert "tied to genre Drama" in (found.picks[0].note or "")
    assert [share.value for share in found.shares] == ["Drama"]
    assert started(loaded, [Pick(factor=3, half="negative")]).shares == ()  # only the positive half was tied


def test_sample_coldstart_half_by_number_says_when_its_list_lacks_what_it_is_read_as(
    loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick = [Pick(factor=0, half="positive")]
    assert started(loaded, pick).picks[0].note is None
    wrong = msgspec.structs.replace(loaded.factors.factors[0].positive, value="Horror")
    with_factor(loaded, monkeypatch, msgspec.structs.replace(loaded.factors.factors[0], positive=wrong))
    found = started(loaded, pick)
    assert "of the list has Horror" in (found.picks[0].note or "")
    assert found.picks[0].status == "decoded"  # the map's, which is about people who are moved
