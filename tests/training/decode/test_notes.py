"""What a map says of itself when most of it cannot be read."""

from __future__ import annotations

import msgspec
import pytest

from bundle.factors import Factor, Guide, Reading
from training.decode.notes import _came_to_nothing, _crowded


def factor(number: int, status: str) -> Factor:
    attribute, value = (None, None) if status == "undecoded" else ("genre", "Drama")
    reading = Reading(
        status=status, attribute=attribute, value=value, effect=0.1, effect_low=0.0, effect_high=0.2, q_value=0.01
    )
    return Factor(
        factor=number,
        active=True,
        kl=1.0,
        mean=0.0,
        sd=1.0,
        quantiles=(0.0,) * 101,
        status=status,
        half="positive",
        attribute=attribute,
        value=value,
        negative=reading,
        positive=reading,
        examples_negative=(),
        examples_positive=(),
        evidence=(),
    )


@pytest.mark.parametrize(("decoded", "undecoded", "said"), [(2, 30, True), (20, 12, False), (2, 10, False)])
def test_crowded_latent_space_is_said_to_be_one_and_only_then(decoded, undecoded, said):
    statuses = ["decoded"] * decoded + ["undecoded"] * undecoded
    notes = _crowded([factor(i, status) for i, status in enumerate(statuses)])
    assert bool(notes) == said


def test_free_factors_of_a_guided_model_are_not_called_too_many():
    tied = [msgspec.structs.replace(factor(0, "decoded"), guide=Guide(attribute="genre", value="Drama"))]
    (note,) = _crowded(tied + [factor(i, "undecoded") for i in range(1, 30)])
    assert "1 factors were tied" in note and "other 29 are free" in note


def test_tied_factors_that_are_dead_are_named_and_not_called_tied():
    guides = [Guide(attribute="genre", value="Drama"), Guide(attribute="year", value=None)]
    tied = [msgspec.structs.replace(factor(i, "undecoded"), guide=g) for i, g in enumerate(guides)]
    dead = [msgspec.structs.replace(one, active=False) for one in tied]
    free = [factor(i, "undecoded") for i in range(2, 30)]
    assert _came_to_nothing(tied + free) == []
    (note,) = _came_to_nothing(dead + free)
    assert note.startswith("2 factors were tied") and "genre = Drama, year." in note
    (crowded,) = _crowded([dead[0], tied[1], *free])
    assert crowded.startswith("1 factors were tied") and "other 28 are free" in crowded
    assert "tied" not in _crowded(dead + free)[0]
