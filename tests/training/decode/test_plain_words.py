from __future__ import annotations

import msgspec
import pytest

from bundle.factors import FactorMap, Guide
from tests.training.decode.planted import QUICK, planted_world
from training.decode.attribute_table import attribute_table
from training.decode.heat_table import heat_rows, shade
from training.decode.map import decode
from training.decode.map_table import lines_of, titles_by_id
from training.decode.plain_words import headline, leading_examples
from training.decode.strips import Strip, strip_of


@pytest.fixture(scope="module")
def told() -> tuple[FactorMap, list[Strip], dict[str, str]]:
    world = planted_world()
    found = decode(world.model, world.split, world.catalogue, QUICK).factors
    table = attribute_table(world.catalogue, max_values=10)
    strips = [strip_of(world.model, f, world.catalogue, table, k=20, n=3) for f in found.factors if f.active]
    return found, strips, titles_by_id(world.catalogue)


def test_headline_planted_map_counts_and_names_what_is_decoded(told):
    found, strips, _ = told
    words = headline(found, strips)
    assert words[0].startswith("3 of the 4 factors in use can be read")
    assert "the genre, year or rating of what is recommended" in words[0]
    assert "genre (1 factor), year (1 factor) and rating (1 factor)" in words[1]
    assert any("1 is in use but cannot be read" in w for w in words)
    assert any("retrained model reads the same was not measured" in w for w in words)


def test_headline_tied_factors_that_read_otherwise_are_named(told):
    found, strips, _ = told
    value = found.factors[0].positive.value
    guides = (Guide(attribute="genre", value=value), Guide(attribute="year", value=None), None)
    wrong = Guide(attribute="genre", value="Drama")
    tied = [msgspec.structs.replace(f, guide=g) for f, g in zip(found.factors, (*guides, wrong, None), strict=True)]
    words = headline(msgspec.structs.replace(found, factors=tuple(tied)), strips)
    assert "3 factors were tied to a taste in training, and 2 of them read as it; not so: Drama." in words


def test_headline_measured_stability_counts_the_firm_ones(told):
    found, strips, _ = told
    shares = (1.0, 0.8, 0.6, None, None)
    steady = tuple(msgspec.structs.replace(f, stability=s) for f, s in zip(found.factors, shares, strict=True))
    words = headline(msgspec.structs.replace(found, factors=steady), strips)
    assert any("2 of the 3 named factors read the same in at least 80%" in w for w in words)


def test_leading_examples_say_a_value_and_how_much_more_of_it(told):
    found, strips, titles = told
    examples = leading_examples(found, strips, titles)
    assert {e.factor.factor for e in examples} == {0, 1, 2}
    assert [e.ends[0].attribute for e in examples] == ["genre", "year", "rating"]
    for example in examples:
        for end in example.ends:
            assert (end.attribute, end.value) == (
                example.factor.reading(end.half).attribute,
                example.factor.reading(end.half).value,
            )
            assert end.end >= end.middle + 0.03
            assert set(end.titles) <= set(titles.values())


def test_leading_examples_of_a_map_that_decodes_nothing_are_none():
    world = planted_world(planted=False)
    found = decode(world.model, world.split, world.catalogue, QUICK).factors
    silent = tuple(f for f in found.factors if f.status != "decoded")
    assert len(silent) >= 4
    assert leading_examples(msgspec.structs.replace(found, factors=silent), [], {}) == ()


def test_lines_have_both_halves_with_bars_that_fit(told):
    found, _, titles = told
    lines = lines_of([f for f in found.factors if f.active], titles)
    assert [line.half for line in lines] == ["negative", "positive"] * 4
    assert max(line.high for line in lines) == pytest.approx(100.0)
    assert all(0.0 <= line.low <= line.bar <= line.high for line in lines)


def test_heat_rows_name_a_value_only_where_it_counts(told):
    found, _, _ = told
    rows = heat_rows(found.factors, found.attributes, options=QUICK, at_most=10)
    assert [row.factor.factor for row in rows] == [0, 1, 2]
    cells = [cell for row in rows for cell in row.cells if cell]
    assert {cell.counts for cell in cells} == {True, False}
    assert all((cell.value is not None) == cell.counts for cell in cells)
    tied = msgspec.structs.replace(found.factors[3], guide=Guide(attribute="genre", value="Drama"))
    assert [r.guide for r in heat_rows([tied], found.attributes, options=QUICK, at_most=10)] == ["Drama"]


def test_heat_rows_mark_what_a_half_reads_as_however_few_bits(told):
    found, _, _ = told
    first = found.factors[0]
    small = tuple(msgspec.structs.replace(e, js=0.001) for e in first.evidence)
    (row,) = heat_rows([msgspec.structs.replace(first, evidence=small)], found.attributes, options=QUICK, at_most=10)
    counting = {(c.evidence.attribute, c.evidence.half) for c in row.cells if c and c.counts}
    assert counting == {(first.reading(h).attribute, h) for h in ("negative", "positive")}


@pytest.mark.parametrize("strength", [i / 20 for i in range(21)])
def test_shade_ink_can_be_read_on_its_fill(strength):
    look = shade(strength)
    inks = sorted((_luminance(look.fill), _luminance(look.ink.replace("#fff", "#ffffff"))))
    assert (inks[1] + 0.05) / (inks[0] + 0.05) > 4.0


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
