"""The sentence of a profile: the most unusual places, what shows them, and nothing that the history does not have."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from service.engine import LoadedBundle
from service.explaining.profile import profile
from service.query import Query
from service.words.sentences import Sentences

COMEDIES = (0, 3, 6, 9)


@pytest.fixture(scope="module")
def sentences(loaded: LoadedBundle) -> Sentences:
    return Sentences(loaded, Query(history=COMEDIES))


def test_of_profile_names_the_most_unusual_places_and_what_shows_the_first(loaded: LoadedBundle) -> None:
    found = profile(loaded, Query(history=COMEDIES))
    assert found.sentence.startswith("Most of all you lean to Comedy (factor 0, top ")
    assert ", as Film " in found.sentence and " show; also, you lean" in found.sentence
    assert found.sentence.endswith(f". {len(found.undecoded)} factor is not decoded where you lie.")


def test_of_profile_item_that_hardly_pulls_is_not_said_to_show_anything(loaded, sentences) -> None:
    found = profile(loaded, Query(history=COMEDIES))
    faint = tuple(dataclasses.replace(item, pull=0.05) for item in found.factors[0].items)
    quiet = dataclasses.replace(found, factors=(dataclasses.replace(found.factors[0], items=faint), *found.factors[1:]))
    assert " show" not in sentences.of_profile(quiet)
    one = (dataclasses.replace(faint[0], pull=0.5), *faint[1:])
    single = dataclasses.replace(found, factors=(dataclasses.replace(found.factors[0], items=one),))
    assert " shows" in sentences.of_profile(single)


def test_of_profile_names_what_two_factors_are_read_as_once(loaded: LoadedBundle, sentences: Sentences) -> None:
    found = profile(loaded, Query(history=COMEDIES))
    first, second, *others = found.factors
    again = dataclasses.replace(second, attribute=first.attribute, value=first.value, factor=3)
    said = sentences.of_profile(dataclasses.replace(found, factors=(first, again, second, *others)))
    assert said == found.sentence and "factor 3" not in said


def test_of_profile_names_first_what_the_history_has(loaded: LoadedBundle, sentences: Sentences) -> None:
    """A half that is read as a value of no item of the history comes behind, and is said to be so where it is alone."""
    found = profile(loaded, Query(history=COMEDIES))
    first, second, *others = found.factors
    assert first.in_history and second.in_history
    foreign = dataclasses.replace(first, value="Horror", in_history=False)
    second = dataclasses.replace(second, half="positive", percentile=80.0)
    preferred = sentences.of_profile(dataclasses.replace(found, factors=(foreign, second, *others)))
    assert "Horror" not in preferred and preferred.startswith("Most of all you lean to")
    alone = sentences.of_profile(dataclasses.replace(found, factors=(foreign,)))
    assert alone.startswith("Most of all you lie where users do who lean to Horror (factor 0, top ")
    assert ", though that fits none of your items. " in alone and "show" not in alone
    middling = dataclasses.replace(second, percentile=60.0)
    assert "Horror" in sentences.of_profile(dataclasses.replace(found, factors=(foreign, middling)))
    unknown = sentences.of_profile(dataclasses.replace(found, factors=(dataclasses.replace(foreign, in_history=None),)))
    assert unknown.startswith("Most of all you lean to Horror"), "the control: nothing is known against it"


def test_of_profile_item_without_the_value_is_not_said_to_show_it(loaded: LoadedBundle, sentences: Sentences) -> None:
    found = profile(loaded, Query(history=COMEDIES))
    top = found.factors[0]
    assert {item.has for item in top.items} == {True} and " show; " in found.sentence
    others = tuple(dataclasses.replace(item, has=False) for item in top.items)
    without = dataclasses.replace(found, factors=(dataclasses.replace(top, items=others),))
    assert " show" not in sentences.of_profile(without)


def test_of_profile_of_who_steers_or_asks_says_so(loaded: LoadedBundle, direct: LoadedBundle) -> None:
    steered = profile(loaded, Query(history=(2, 5), shift=np.array([9.0, 0, 0, 0], dtype=np.float32)))
    assert steered.sentence.startswith("Most of all your steering moves you to Comedy (factor 0, by 9.0 sd)")
    asked = profile(loaded, Query(history=(2, 5), condition=loaded.condition(["Comedy"])))
    assert asked.sentence.startswith("As you asked for Comedy, most of all with that you lean")


def test_of_profile_without_a_decoded_place_says_that_none_can_be_named(loaded, sentences) -> None:
    found = profile(loaded, Query(history=COMEDIES))
    nameless = dataclasses.replace(found, factors=(), undecoded=(0, 1, 2, 3))
    assert sentences.of_profile(nameless) == ("None of the 4 factors is decoded where you lie, so none can be named.")
