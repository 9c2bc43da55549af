"""What a steering changed: counted on lists made by hand, and on the planted model, with and without locks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.carriers import Steered
from bundle.factors import Guide
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.query import Query, RankedItem, Ranking
from service.steering.outcome import ALL_LISTED, NO_ITEMS, Outcome, drift_of, outcome_of
from service.steering.steer import Terms, shift_of

SHARES = ("attribute", "value", "before", "after")


def ranking(items: Sequence[int], source: str = "model") -> Ranking:
    listed = tuple(RankedItem(ix, rank, 0.0, 0.0) for rank, ix in enumerate(items, start=1))
    return Ranking(listed, None, None, len(items), source)  # type: ignore[arg-type]


def steered(loaded: LoadedBundle, terms: Terms, history: tuple[int, ...] = (0, 2, 1), n: int = 10) -> Outcome:
    """The outcome on the live model."""
    shift = shift_of(loaded, factors=terms.factors, attributes=terms.attributes, lock=terms.lock)
    query = Query(history=history, n=n, shift=shift)
    return outcome_of(loaded, terms, loaded.recommend(dataclasses.replace(query, shift=None)), loaded.recommend(query))


def tied(loaded: LoadedBundle, factor: int, attribute: str, value: str | None) -> LoadedBundle:
    """The same bundle, a factor of which was tied to something in training."""
    known = list(loaded.factors.factors)
    known[factor] = msgspec.structs.replace(known[factor], guide=Guide(attribute=attribute, value=value))
    factors = msgspec.structs.replace(loaded.factors, factors=tuple(known))
    return LoadedBundle(dataclasses.replace(loaded.bundle, factors=factors), loaded._graphs)


def having(loaded: LoadedBundle, value: str, *, attribute: str = "genre") -> list[int]:
    """Items that have the value."""
    known = loaded.catalogue.attribute(attribute)
    assert known is not None
    return np.flatnonzero(known.members[:, known.values.index(value)]).tolist()


def test_outcome_counts_items_and_shares_of_two_lists(loaded: LoadedBundle) -> None:
    comedy = having(loaded, "Comedy")
    others = [ix for ix in range(loaded.n_items) if ix not in comedy]
    before, after = [others[0], comedy[0], others[1], others[2]], [comedy[1], comedy[0], others[1], comedy[2]]
    found = outcome_of(loaded, Terms(attributes={"genre:Comedy": 1.0}), ranking(before), ranking(after))
    assert found.items_in == (comedy[1], comedy[2])
    assert found.items_out == (others[0], others[2])
    (share,) = found.shares
    assert [getattr(share, name) for name in SHARES] == ["genre", "Comedy", 0.25, 0.75]
    assert share.catalogue == len(comedy) / loaded.n_items
    assert (found.compared_with, found.note) == ("model", None)


def test_outcome_of_a_factor_is_told_by_what_its_half_reads_as(loaded: LoadedBundle) -> None:
    up, down = (steered(loaded, Terms(factors={"0": strength})) for strength in (2.0, -2.0))
    assert [share.value for share in up.shares] == ["Comedy"]
    assert [share.value for share in down.shares] == ["Horror"]
    assert all(found.shares[0].after > found.shares[0].before for found in (up, down))


def test_outcome_of_a_tied_factor_is_told_by_what_it_was_tied_to(loaded: LoadedBundle) -> None:
    guided = tied(loaded, 2, "genre", "Drama")
    down = steered(guided, Terms(factors={"2": -2.0}))
    assert [(share.value, share.after < share.before) for share in down.shares] == [("Drama", True)]
    assert down.note is None, "less of it was asked for in this half"
    free = steered(loaded, Terms(factors={"2": -2.0}))
    assert (free.shares, free.note is not None and "nothing is read in factor 2" in free.note) == ((), True)


def test_outcome_of_a_factor_tied_to_a_number_gives_its_mean(loaded: LoadedBundle) -> None:
    year = loaded.catalogue.attribute("year")
    assert year is not None
    newer = steered(tied(loaded, 1, "year", None), Terms(factors={"1": 2.0}))
    (mean,) = newer.means
    assert mean.before is not None and mean.after is not None and mean.after > mean.before
    assert mean.catalogue == pytest.approx(np.mean([number for number in year.numbers if number is not None]))
    oldest, newest = int(np.nanargmin(year.column)), int(np.nanargmax(year.column))
    terms = Terms(factors={"1": 2.0})
    wrong = outcome_of(tied(loaded, 1, "year", None), terms, ranking([newest]), ranking([oldest]))
    assert wrong.note is not None and "asked for a higher year" in wrong.note


def test_outcome_that_changes_nothing_or_only_the_order_says_so(loaded: LoadedBundle) -> None:
    comedy, horror = having(loaded, "Comedy"), having(loaded, "Horror")
    terms, lists = Terms(attributes={"genre:Comedy": 2.0}), [comedy[0], horror[0]]
    same = outcome_of(loaded, terms, ranking(lists), ranking(lists)).note
    turned = outcome_of(loaded, terms, ranking(lists), ranking(lists[::-1])).note
    assert same is not None and same.startswith("the list is the same as without steering; genre Comedy hardly moved")
    assert turned is not None and turned.startswith("the same items as without steering, in another order")
    assert outcome_of(loaded, terms, ranking([]), ranking([])).note == NO_ITEMS


def test_outcome_of_a_list_that_has_all_there_is_blames_no_value(loaded: LoadedBundle) -> None:
    """The control has one place fewer than items that may be listed: what it says is of the value."""
    few = tuple(ix for ix in range(loaded.n_items) if ix not in {0, 2, 1})[:9]
    notes = []
    for n in (10, 8):
        query = Query(history=(0, 2, 1), n=n, candidates=few, shift=shift_of(loaded, attributes={"genre:Comedy": 0.1}))
        lists = loaded.recommend(dataclasses.replace(query, shift=None)), loaded.recommend(query)
        notes.append(outcome_of(loaded, Terms(attributes={"genre:Comedy": 0.1}), *lists).note)
    assert notes[0] == ALL_LISTED
    assert notes[1] != ALL_LISTED


def test_outcome_that_goes_the_other_way_says_so_with_the_figures(loaded: LoadedBundle) -> None:
    comedy, horror = having(loaded, "Comedy"), having(loaded, "Horror")
    more, less = Terms(attributes={"genre:Comedy": 2.0}), Terms(attributes={"genre:Comedy": -2.0})
    fell = outcome_of(loaded, more, ranking(comedy[:2]), ranking(horror[:2]))
    assert fell.note == "asked for more genre Comedy, the list has less of it: 100 % of the list before, 0 % after"
    rose = outcome_of(loaded, less, ranking(horror[:2]), ranking(comedy[:2]))
    assert rose.note is not None and rose.note.startswith("asked for less genre Comedy, the list has more")
    for terms, before, after in ((more, horror, comedy), (less, comedy, horror)):  # the control: as asked
        assert outcome_of(loaded, terms, ranking(before[:2]), ranking(after[:2])).note is None
    assert outcome_of(loaded, more, ranking(comedy[:2]), ranking(comedy[2:4])).note is None, "it cannot rise further"


def test_outcome_of_a_value_that_follows_poorly_says_what_was_measured(loaded: LoadedBundle) -> None:
    horror = having(loaded, "Horror")

    def with_gain(gain: float) -> LoadedBundle:
        known = Steered(gain=gain, gain_low=gain, gain_high=gain, ndcg_kept=None)
        made = [msgspec.structs.replace(d, steered=known) for d in loaded.factors.directions]
        factors = msgspec.structs.replace(loaded.factors, directions=tuple(made))
        return LoadedBundle(dataclasses.replace(loaded.bundle, factors=factors), loaded._graphs)

    terms = Terms(attributes={"genre:Comedy": 2.0})
    lists = ranking(horror[:2]), ranking(horror[2:4])
    poor, good = (outcome_of(with_gain(gain), terms, *lists).note for gain in (0.01, 0.2))
    assert poor is not None and "follows a push poorly: 34 % of the catalogue has it" in poor and "by 1 %" in poor
    assert good == "genre Comedy hardly moved: 0 % of the list before, 0 % after"
    small = outcome_of(with_gain(0.2), Terms(attributes={"genre:Comedy": 0.1}), *lists).note
    assert small is not None and small.endswith("(the push is a small one)")


def test_lock_that_held_little_is_said_beside_what_moves_without_it(loaded: LoadedBundle) -> None:
    comedy, horror = having(loaded, "Comedy"), having(loaded, "Horror")
    genre = loaded.catalogue.attribute("genre")
    assert genre is not None
    before, some, all_of_it = comedy[:6], [*comedy[:3], *horror[:3]], horror[:6]
    terms = Terms(factors={"2": 2.0}, lock=["genre"])

    def told(after: Sequence[int], unlocked: Sequence[int] | None) -> tuple[float | None, str]:
        free = None if unlocked is None else ranking(unlocked)
        found = outcome_of(loaded, terms, ranking(before), ranking(after), unlocked=free)
        assert [drift.drift for drift in found.locked] == [drift_of(genre, before, after)]
        return found.locked[0].unlocked, found.note or ""

    free = drift_of(genre, before, all_of_it)
    assert (unlocked := told(all_of_it, all_of_it))[0] == free > 0.5
    assert f"the lock on genre did not keep it: {100 * free:.3g} % of its shares moved, " in unlocked[1]
    assert "a lock keeps what the model reads of the user" in unlocked[1]
    assert "the lock on genre did not keep it" in told(all_of_it, some)[1]
    held = [*comedy[:1], *horror[:5]]
    assert "the lock on genre held little" in told(held, all_of_it)[1]
    for after, other in (
        (some, all_of_it),
        (before, all_of_it),
        (before, before),
    ):  # the controls: it held, or need not
        assert "the lock on" not in told(after, other)[1]
    assert told(all_of_it, None)[0] is None
    assert "the lock on" not in told(all_of_it, None)[1], "nobody knows"
    empty = outcome_of(loaded, terms, ranking([]), ranking([]), unlocked=ranking([]))
    assert (empty.locked[0].unlocked, empty.note) == (None, NO_ITEMS)


def test_outcome_of_terms_that_contradict_each_other_says_so(loaded: LoadedBundle) -> None:
    comedy = having(loaded, "Comedy")
    both = Terms(attributes={"genre:Comedy": 1.0}, factors={"0": -1.0})
    guided = tied(loaded, 0, "genre", "Comedy")
    note = outcome_of(guided, both, ranking(comedy[:2]), ranking(comedy[:2])).note
    assert note is not None and "genre Comedy is asked for up and down alike" in note and "pull at one list" in note


def test_outcome_against_the_popularity_list_says_so(loaded: LoadedBundle) -> None:
    found = steered(loaded, Terms(attributes={"genre:Comedy": 1.0}), history=())
    assert found.compared_with == "popularity"
    assert found.note is not None and found.note.startswith("without steering this list is by popularity")


def test_outcome_of_strengths_of_zero_has_no_shares(loaded: LoadedBundle) -> None:
    found = steered(loaded, Terms(attributes={"genre:Comedy": 0.0, "year:2010s": 1.0}, factors={"0": 0.0}))
    assert [share.attribute for share in found.shares] == ["year"]


def test_drift_of_is_the_total_variation_of_parts_missing_values_included(loaded: LoadedBundle) -> None:
    genre = loaded.catalogue.attribute("genre")
    assert genre is not None
    two = msgspec.structs.replace(genre, values=("a", "b"), rows=((0,), (1,), (0, 1), ()))
    assert drift_of(two, [0], [0]) == 0.0
    assert drift_of(two, [0], [1]) == 1.0
    assert drift_of(two, [0], [2]) == 0.5
    assert drift_of(two, [0, 1], [2]) == 0.0
    assert drift_of(two, [0], [3]) == 1.0
    assert drift_of(two, [0, 3], [0, 1]) == 0.5
    assert drift_of(two, [], []) == 0.0


STRENGTHS = st.floats(-3.0, 3.0, allow_subnormal=False)
READING = 1e-5
"""Of the shift's length: float32 keeps no more of a reading that is 0."""


@given(
    factors=st.dictionaries(st.sampled_from("0123"), STRENGTHS, max_size=4),
    attributes=st.dictionaries(
        st.sampled_from(["genre:Comedy", "genre:Horror", "genre:Drama", "year:2010s", "year:1970s"]), STRENGTHS
    ),
    lock=st.sampled_from(["genre", "year"]),
)
def test_readings_of_a_locked_attribute_do_not_move(loaded, factors, attributes, lock) -> None:
    free = {name: t for name, t in attributes.items() if not name.startswith(lock)}
    try:
        shift = shift_of(loaded, factors=factors, attributes=free, lock=[lock])
    except InvalidRequestError as error:
        assert error.errors[0].pointer == "/steer/lock"
        return
    if shift is None:
        return
    for direction in loaded.factors.directions:
        if direction.attribute == lock:
            assert abs(float(np.dot(shift, direction.vector))) <= READING * float(np.linalg.norm(shift))


def _mean_drifts(loaded: LoadedBundle, lock: str, *, draws: int = 60) -> tuple[float, float]:
    """Mean drift of an attribute over random shifts of everything, with its lock and without."""
    attribute = loaded.catalogue.attribute("year")
    assert attribute is not None
    rng = np.random.default_rng(0)
    drifts = []
    for _ in range(draws):
        factors = {str(i): float(rng.uniform(-3, 3)) for i in range(3)}
        history = tuple(rng.choice(loaded.n_items, size=4, replace=False).tolist())
        before = loaded.recommend(Query(history=history))
        lists = [
            loaded.recommend(Query(history=history, shift=shift_of(loaded, factors=factors, lock=locks)))
            for locks in ([lock], [])
        ]
        ids = [[item.item_ix for item in one.items] for one in (before, *lists)]
        drifts.append([drift_of(attribute, ids[0], after) for after in ids[1:]])
    locked, free = np.mean(drifts, axis=0)
    return float(locked), float(free)


def test_locked_attribute_drifts_less_in_lists_than_unlocked_and_another_lock_does_not_help(
    loaded: LoadedBundle,
) -> None:
    locked, free = _mean_drifts(loaded, "year")
    assert locked < 0.7 * free
    other, free = _mean_drifts(loaded, "genre")  # the control: the wrong lock must not pass
    assert not other < 0.7 * free
