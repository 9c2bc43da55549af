"""Parts that contradict each other are refused by name, before any runtime opens a graph."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle import files
from bundle.catalogue import Attribute, Catalogue
from bundle.content import check_content
from bundle.errors import ContentError
from bundle.factors import FactorMap, LatentMap, Space, TasteAxis
from bundle.manifest import encode
from bundle.writer import file_entries
from tests.builders import builder_catalogue, builder_model, make_payload

PAYLOAD, MANIFEST_OF = make_payload(builder_model())
MANIFEST = MANIFEST_OF(file_entries(PAYLOAD))
ITEMS = msgspec.json.decode(PAYLOAD[files.ITEMS], type=Catalogue)
FACTORS = msgspec.json.decode(PAYLOAD[files.FACTORS], type=FactorMap)
LATENT_MAP = msgspec.json.decode(PAYLOAD[files.LATENT_MAP], type=LatentMap)
replace = msgspec.structs.replace


def with_factor(**changes):
    return replace(FACTORS, factors=(replace(FACTORS.factors[0], **changes), *FACTORS.factors[1:]))


def with_attribute(ix, **changes):
    attributes = list(ITEMS.attributes)
    attributes[ix] = replace(attributes[ix], **changes)
    return replace(ITEMS, attributes=tuple(attributes))


def with_space(active=4, **changes):
    """A map whose space was measured; changes: of the one taste measured."""
    taste = TasteAxis(**{"attribute": "genre", "value": "Comedy", "factor": 0, "r2": 0.5, "runner_up": 0.1} | changes)
    means = ("mean_r2", "mean_gap", "mig", "sap", "dci_disentanglement", "dci_completeness", "dci_informativeness")
    space = Space(n_users=600, tastes=(taste,), active=active, **dict.fromkeys(means, 0.5))
    return replace(FACTORS, space=space)


POSITIVE = FACTORS.factors[0].positive
UNREAD = replace(POSITIVE, status="undecoded", attribute=None, value=None)
BAD_PARTS = {
    "49 items for 50": (replace(builder_catalogue(n_items=49)), "49 items, the model has 50"),
    "no items": (Catalogue(ids=(), titles=(), popularity=(), attributes=()), "no items"),
    "repeated id": (replace(ITEMS, ids=("m0", *ITEMS.ids[:-1])), "more than once"),
    "titles too few": (replace(ITEMS, titles=ITEMS.titles[1:]), "titles has 49"),
    "popularity too few": (replace(ITEMS, popularity=ITEMS.popularity[1:]), "popularity has 49"),
    "popularity below zero": (replace(ITEMS, popularity=(-0.1, *ITEMS.popularity[1:])), "negative"),
    "attribute twice": (replace(ITEMS, attributes=(*ITEMS.attributes, ITEMS.attributes[0])), "repeat"),
    "rows too few": (with_attribute(0, rows=ITEMS.attributes[0].rows[1:]), "49 rows"),
    "numbers too few": (with_attribute(1, numbers=(1.0,)), "1 numbers"),
    "numbers of a genre": (with_attribute(0, numbers=(1.0,)), "has numbers"),
    "value outside": (with_attribute(0, rows=((3,), *ITEMS.attributes[0].rows[1:])), "value 3 of 3"),
    "value negative": (with_attribute(0, rows=((-1,), *ITEMS.attributes[0].rows[1:])), "value -1"),
    "value twice in an item": (with_attribute(0, rows=((0, 0), *ITEMS.attributes[0].rows[1:])), "same value twice"),
    "value named twice": (with_attribute(0, values=("Comedy", "Drama", "Comedy")), "names a value twice"),
    "two years": (with_attribute(1, rows=((0, 1), *ITEMS.attributes[1].rows[1:])), "several values"),
    "condition unknown": (with_attribute(0, values=("Comedy", "Drama", "Western")), "'Horror'"),
    "factor missing": (replace(FACTORS, factors=FACTORS.factors[1:]), "3 factors, the model has 4"),
    "factors out of order": (replace(FACTORS, factors=FACTORS.factors[::-1]), "at position 0"),
    "quantiles falling": (with_factor(quantiles=FACTORS.factors[0].quantiles[::-1]), "ascending"),
    "quantiles too few": (with_factor(quantiles=(0.0,)), "101"),
    "undecoded with a name": (with_factor(positive=replace(POSITIVE, status="undecoded")), "undecoded"),
    "decoded without a name": (with_factor(positive=replace(POSITIVE, attribute=None)), "undecoded"),
    "summary of the other half": (with_factor(half="negative"), "repeat"),
    "stability of another reading": (with_factor(stability=0.2), "repeat"),
    "stability beyond a share": (with_factor(positive=replace(POSITIVE, stability=1.2), stability=1.2), "share"),
    "stability of nothing": (
        with_factor(positive=replace(UNREAD, stability=1.0), status="undecoded", attribute=None, value=None),
        "of a half that is read",
    ),
    "unstable and yet decoded": (with_factor(positive=replace(POSITIVE, unstable=True)), "ambiguous one"),
    "invented attribute": (with_factor(positive=replace(POSITIVE, attribute="mood"), attribute="mood"), "'mood'"),
    "invented value": (with_factor(positive=replace(POSITIVE, value="Western"), value="Western"), "'Western'"),
    "invented example": (with_factor(examples_positive=("nowhere",)), "example"),
    "short direction": (replace(FACTORS, directions=(replace(FACTORS.directions[0], vector=(1.0,)),)), "coordinates"),
    "more active than there are": (with_space(active=5), "5 of 4 factors active"),
    "best factor that is none": (with_space(factor=4), "best factor for genre Comedy"),
    "best factor behind the runner-up": (with_space(runner_up=0.6), "best factor for genre Comedy"),
    "invented taste": (with_space(value="Western"), "the space names genre 'Western'"),
    "ragged points": (replace(LATENT_MAP, points=((1.0,),)), "coordinates"),
    "condition without a centroid": (replace(LATENT_MAP, centroids=()), "3 conditions, 0 centroids"),
}
FILE_OF = {Catalogue: files.ITEMS, FactorMap: files.FACTORS, LatentMap: files.LATENT_MAP}


def test_check_content_of_good_parts_passes():
    parts = check_content(MANIFEST, PAYLOAD)
    assert (parts.catalogue, parts.factors, parts.latent_map) == (ITEMS, FACTORS, LATENT_MAP)


def test_check_content_of_a_measured_space_passes():
    found = check_content(MANIFEST, {**PAYLOAD, files.FACTORS: encode(with_space())})
    assert found.factors.space.tastes[0].runner_up == 0.1


@pytest.mark.parametrize("name", BAD_PARTS)
def test_check_content_of_contradicting_part_is_refused_by_name(name):
    part, message = BAD_PARTS[name]
    with pytest.raises(ContentError, match=message):
        check_content(MANIFEST, {**PAYLOAD, FILE_OF[type(part)]: encode(part)})


@pytest.mark.parametrize("name", [files.ITEMS, files.FACTORS, files.LATENT_MAP])
@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"[" * 100_000, b"\xff", b'{"surprise": 1}'])
def test_check_content_of_malformed_part_names_the_file(name, raw):
    with pytest.raises(ContentError, match=name):
        check_content(MANIFEST, {**PAYLOAD, name: raw})


ROWS = st.lists(st.sets(st.integers(0, 3), max_size=4), min_size=1, max_size=8)


@given(ROWS)
def test_attribute_shares_sum_to_one_or_nothing_and_members_agree(rows):
    attribute = Attribute(
        name="genre", field="genres", kind="multilabel", values=("a", "b", "c", "d"), rows=tuple(map(tuple, rows))
    )
    np.testing.assert_allclose(attribute.shares.sum(1), [1.0 if row else 0.0 for row in rows], rtol=1e-6)
    for item_ix, row in enumerate(rows):
        assert set(np.flatnonzero(attribute.members[item_ix])) == row
        assert attribute.shown(item_ix) == [attribute.values[v] for v in row]


def test_attribute_shown_is_number_name_or_none():
    genre, year, rating = ITEMS.attributes
    assert genre.shown(0) == ["Comedy", "Drama"] and year.shown(49) is None and rating.shown(0) == 2.5
    single = Attribute(name="kind", field="kind", kind="categorical", values=("a", "b"), rows=((1,), ()))
    assert (single.shown(0), single.shown(1)) == ("b", None)


def test_catalogue_attribute_by_name_is_found_or_none():
    assert ITEMS.attribute("genre") is ITEMS.attributes[0] and ITEMS.attribute("genres") is None


def test_catalogue_members_of_are_the_items_that_show_the_value_and_of_no_other_name():
    found = np.flatnonzero(ITEMS.members_of("genre", "Comedy")).tolist()
    assert found == [ix for ix in range(len(ITEMS)) if "Comedy" in ITEMS.attributes[0].shown(ix)]
    for named in (("genre", "none"), ("genres", "Comedy")):
        with pytest.raises(KeyError, match=":".join(named)):
            ITEMS.members_of(*named)


@given(st.floats(-4, 4))
def test_factor_half_and_percentile_agree_with_the_quantiles(z):
    factor = FACTORS.factors[0]
    assert factor.half_of(z) == ("negative" if z < factor.quantiles[50] else "positive")
    below, equal = sum(q < z for q in factor.quantiles), sum(q == z for q in factor.quantiles)
    assert factor.percentile(z) == pytest.approx(100 * (below + equal / 2) / 101)
