"""What run.json says of the conditions, before training starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.training.boards import blocks, catalogue_of, options
from training.start import conditions_of

CATALOGUE = catalogue_of(blocks(40))


@pytest.mark.parametrize(
    ("kind", "settings", "shares"),
    [
        ("c-vae", {}, False),
        ("c-vae", {"combined": 1.0}, False),
        ("c-vae", {"combined_match": "both"}, False),
        ("c-vae", {"combined": 1.0, "combined_match": "both"}, True),
        ("c-vae", {"combined": 1.0, "combined_match": "all"}, True),
        ("additive-vae", {}, True),
    ],
)
def test_conditions_are_shares_where_the_model_knows_them(kind: str, settings: dict[str, object], shares: bool) -> None:
    found = conditions_of(options(kind, **settings), CATALOGUE).conditions
    assert (found.attribute, len(found.values), found.shares) == ("genre", 4, shares)


def test_model_without_conditions_has_none() -> None:
    found = conditions_of(replace(options("mult-vae"), condition="colour"), CATALOGUE)
    assert (found.conditions.attribute, found.conditions.shares, found.members) == (None, False, None)
