"""Steering from the shell: --steer, --lock, and the preferences of a user of the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prismrec.__main__ import main
from prismrec.bundles import opened_store
from service.store.protocol import Interaction, Write
from tests.builders import make_bundle

STEER = '{"factors":{},"attributes":{"genre:Horror":2.0},"lock":["year"]}'


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose store has u1, with a history and preferences, and u2, with preferences alone."""
    made = make_bundle(tmp_path / "models")
    with opened_store(f"sqlite:///{tmp_path}/models/demo.sqlite") as store:
        store.append(Write("u1", (Interaction("m0"), Interaction("m3")), "key"))
        for user in ("u1", "u2"):
            store.put_preferences(user, STEER, "another bundle")
    return made


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_recommend_follows_the_preferences_of_the_store(bundle, capsys):
    for user in ("u1", "u2"):
        assert told(capsys, "recommend", str(bundle), user)["steering"]["source"] == "preferences"
    assert told(capsys, "recommend", str(bundle), "u1", "--no-preferences")["steering"] is None
    assert told(capsys, "explain", str(bundle), "u1")["steered_by"] == "preferences"
    assert told(capsys, "explain", str(bundle), "u1", "--no-preferences")["steered_by"] is None


def test_recommend_steers_by_value_and_factor_and_says_what_changed_in_a_line(bundle, capsys):
    words = ("recommend", str(bundle), "--history", "m0,m3", "--steer", "genre:Horror=2", "--steer", "1=-1")
    found = told(capsys, *words, "--lock", "year")["steering"]
    assert found["source"] == "request"
    assert main([*words, "--lock", "year"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("steered by the request")]
    horror = next(share for share in found["shares"] if share["value"] == "Horror")
    assert f"genre Horror {horror['before']:.0%} -> {horror['after']:.0%}" in line
    assert f"{len(found['items_in'])} items in" in line
    (lock,) = found["locked"]
    assert f"year locked, drift {lock['drift']:.2f} ({lock['unlocked']:.2f} without the lock)" in line


def test_list_that_nobody_steered_says_nothing_of_it(bundle, capsys):
    assert main(["recommend", str(bundle), "--history", "m0"]) == 0
    assert "steered" not in capsys.readouterr().out


@pytest.mark.parametrize("term", ["Comedy", "genre:Comedy=", "genre:Comedy=much", "=1", "genre:Comedy=4"])
def test_push_that_cannot_be_read_or_is_too_strong_is_refused(bundle, capsys, term):
    assert main(["recommend", str(bundle), "--history", "m0", "--steer", term]) == 2
    assert "steer" in capsys.readouterr().err
