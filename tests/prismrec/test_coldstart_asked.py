"""`prismrec coldstart`: what the words become, and what the answer is shown as."""

from __future__ import annotations

from typing import Any

import pytest

from prismrec import inprocess
from prismrec.__main__ import main
from prismrec.commands.ask import _pick
from prismrec.failures import CommandError
from tests.builders import make_bundle


@pytest.fixture
def bundle(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(make_bundle(tmp_path / "models"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7:positive", {"factor": 7, "half": "positive"}),
        ("7:negative=0.5", {"factor": 7, "half": "negative", "strength": 0.5}),
        ("genre:Comedy", {"attribute": "genre", "value": "Comedy"}),
        ("genre:Comedy=2", {"attribute": "genre", "value": "Comedy", "strength": 2.0}),
        ("mood:a=b", {"attribute": "mood", "value": "a=b"}),
        ("mood:a=b=1", {"attribute": "mood", "value": "a=b", "strength": 1.0}),
        ("rating:3.84 to 5", {"attribute": "rating", "value": "3.84 to 5"}),
    ],
)
def test_pick_is_read_with_its_strength(text: str, found: dict[str, Any]) -> None:
    assert _pick(text) == found


@pytest.mark.parametrize("text", ["Comedy", ":Comedy", "genre:", "genre=2", "=1"])
def test_pick_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        _pick(text)


def test_coldstart_asks_for_what_was_said(bundle, monkeypatch, capsys) -> None:
    bodies = []
    ask = inprocess.ask

    def asked(*given: Any) -> dict[str, Any]:
        bodies.append(given[-1])
        return ask(*given)

    monkeypatch.setattr(inprocess, "ask", asked)
    words = ["genre:Drama", "year:2010s=2", "--strength", "1.5", "--history", "m1, m4,nope", "--diversity", "0.5"]
    assert main(["coldstart", bundle, *words, "--genres", "Drama", "--mode", "strict", "--seed", "3"]) == 0
    (body,) = bodies
    assert [pick["strength"] for pick in body["picks"]] == [1.5, 2.0]
    assert (body["history"], body["diversity"], body["seed"]) == (["m1", "m4", "nope"], 0.5, 3)
    assert body["condition"] == {"genres": ["Drama"], "match": "any", "mode": "strict"}
    shown = capsys.readouterr().out
    assert "all of these: " in shown and "around 2 items" in shown and "diversity 0.5" in shown and "nope" in shown


def test_coldstart_without_a_word_of_it_leaves_the_service_its_defaults(bundle, monkeypatch, capsys) -> None:
    bodies = []
    monkeypatch.setattr(inprocess, "ask", lambda *given: bodies.append(given[-1]) or {})
    monkeypatch.setattr("prismrec.commands.ask.show_coldstart", lambda console, reply: None)
    assert main(["coldstart", bundle, "0:positive"]) == 0
    assert bodies == [{"picks": [{"factor": 0, "half": "positive"}], "n": 10, "samples": 32, "seed": 0}]
