"""Global options may stand anywhere."""

from __future__ import annotations

import pytest

from prismrec.globals import hoist


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["train", "d", "--json"], ["--json", "train", "d"]),
        (["train", "--seed", "3", "d"], ["--seed", "3", "train", "d"]),
        (["train", "--seed=3", "d"], ["--seed=3", "train", "d"]),
        (["-v", "train", "-c", "f.toml"], ["-v", "-c", "f.toml", "train"]),
        (["train", "d", "-o", "x"], ["train", "d", "-o", "x"]),
        (["recommend", "--", "--json"], ["recommend", "--", "--json"]),
        (["train", "--seed"], ["--seed", "train"]),
        ([], []),
    ],
)
def test_hoist_anywhere_puts_global_options_first(given, expected):
    assert hoist(given) == expected
