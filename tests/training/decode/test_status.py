from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bundle.factors import Evidence
from training.decode.options import DecodeOptions
from training.decode.status import Claim, methods_agree, read_half, stronger

OPTIONS = DecodeOptions(min_effect=0.01)


def _claim(attribute: str, effect: float, *, q: float = 0.001, low: float | None = None, agrees: bool = True) -> Claim:
    numbers = dict.fromkeys(
        ("mc", "mc_low", "mc_high", "mc_relative", "js", "js_low", "js_high", "ig", "ig_low", "ig_high"), 0.0
    )
    evidence = Evidence(
        attribute=attribute, half="positive", p_value=q, q_value=q, shifted_value="grows", ig_p_value=q, ig_q_value=q,
        value="lifted", lift=2.0, **numbers,
    )  # fmt: skip
    return Claim(evidence, (effect, effect - 0.1 if low is None else low, effect + 0.1), agrees)


def test_read_half_clear_winner_is_decoded_with_the_value_that_grows():
    reading = read_half([_claim("genre", 0.5), _claim("year", 0.1)], OPTIONS)
    assert (reading.status, reading.attribute, reading.value, reading.rivals) == ("decoded", "genre", "grows", ())


def test_read_half_rival_within_the_interval_is_ambiguous():
    reading = read_half([_claim("genre", 0.5), _claim("year", 0.41)], OPTIONS)
    assert (reading.status, reading.attribute, reading.rivals) == ("ambiguous", "genre", ("year",))


def test_read_half_insignificant_rival_does_not_count():
    assert read_half([_claim("genre", 0.5), _claim("year", 0.49, q=0.2)], OPTIONS).status == "decoded"


def test_read_half_methods_disagree_is_ambiguous_and_keeps_the_tested_value():
    reading = read_half([_claim("genre", 0.5, agrees=False)], OPTIONS)
    assert (reading.status, reading.value) == ("ambiguous", "grows")


def test_read_half_large_but_insignificant_effect_is_undecoded_without_a_name():
    reading = read_half([_claim("genre", 0.9, q=0.06)], OPTIONS)
    assert (reading.status, reading.attribute, reading.value) == ("undecoded", None, None)
    assert reading.effect == 0.9


def test_read_half_significant_but_tiny_effect_is_undecoded():
    tiny = _claim("genre", 0.0099, low=0.0098)
    assert read_half([tiny], OPTIONS).status == "undecoded"
    assert read_half([tiny], OPTIONS.model_copy(update={"min_effect": 0.0})).status == "decoded"


@pytest.mark.parametrize(
    ("negative", "positive", "expected"),
    [(("genre", 0.2, 0.001), ("year", 0.3, 0.001), "year"), (("genre", 0.2, 0.001), ("year", 0.3, 0.5), "genre")],
)
def test_stronger_takes_the_surer_status_then_the_larger_effect(negative, positive, expected):
    low, high = (read_half([_claim(a, e, q=q)], OPTIONS) for a, e, q in (negative, positive))
    assert stronger(low, high).attribute == expected


def test_methods_agree_value_that_loses_in_the_other_method_is_a_disagreement():
    growth, lift = np.array([0.3, -0.1, -0.2]), np.array([0.8, 1.5, 0.9])
    assert not methods_agree(growth, lift, ordered=False)
    assert methods_agree(growth, np.array([1.4, 1.5, 0.9]), ordered=False) is False  # value 1 shrinks
    assert methods_agree(np.array([0.3, 0.1, -0.4]), np.array([1.4, 1.5, 0.9]), ordered=False)


def test_methods_agree_neighbouring_bins_name_the_same_end():
    growth, lift = np.array([0.3, -0.1, -0.2]), np.array([0.8, 1.5, 0.9])
    assert methods_agree(growth, lift, ordered=True)
    assert not methods_agree(growth, np.array([0.8, 0.9, 1.5]), ordered=True)


@pytest.mark.parametrize(
    ("growth", "share", "low", "status"),
    [
        (2.0, 0.05, 0.001, "decoded"),
        (1.2, 0.05, 0.001, "undecoded"),  # hardly more of it
        (9.0, 0.004, 0.001, "undecoded"),  # lists still hold next to none
        (2.0, 0.05, -0.001, "undecoded"),  # not surely above chance
        (None, 0.05, 0.001, "undecoded"),  # nobody measured it
    ],
)
def test_read_half_of_few_bits_is_decoded_where_it_multiplies_a_value(growth, share, low, status):
    rare = _claim("genre", 0.004, low=low)
    rare = replace(rare, evidence=msgspec.structs.replace(rare.evidence, growth=growth), share=share)
    assert read_half([rare], OPTIONS).status == status
