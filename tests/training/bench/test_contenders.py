"""Runs of a tiny board, asked for blocks and for pairs of a block and a half, and the page of it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bundle.catalogue import Attribute, Catalogue
from tests.training.boards import blocks, catalogue_of, options
from training.bench.asked_for import lines, sections
from training.bench.conditions_page import Provenance, write_conditions
from training.bench.contenders import Contender, Inquiry, Wanted, finished_runs, inquire
from training.errors import ConfigError, FitError
from training.evaluate.questions import Question
from training.fit import fit
from training.options import FitOptions
from training.run_folder import RunFolder

BOARD = blocks(40)
ASKED = Wanted(part="validation", baselines=("popularity",), most_pairs=3)


def catalogue() -> Catalogue:
    """Every item has its block and one of two halves, so that there are pairs."""
    plain = catalogue_of(BOARD)
    n = len(plain)
    genre = Attribute(
        name="genre",
        field="genres",
        kind="multilabel",
        values=("block0", "block1", "block2", "block3", "low", "high"),
        rows=tuple((j % 4, 4 if j < n // 2 else 5) for j in range(n)),
    )
    return Catalogue(ids=plain.ids, titles=plain.titles, popularity=plain.popularity, attributes=(genre,))


def trained(folder: Path, fit_options: FitOptions) -> RunFolder:
    fit(RunFolder(folder), BOARD, catalogue(), replace(fit_options, data_name="board"))
    return RunFolder(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the bench leaves it: a c-vae of two seeds, an older one with other settings, a mult-vae."""
    folder = tmp_path_factory.mktemp("runs")
    old = trained(folder / "c-vae-old", options("c-vae", seed=1, epochs=1))
    os.utime(old.best, (1.0, 1.0))
    for seed in (1, 2):
        trained(folder / f"c-vae-{seed}", options("c-vae", seed=seed, conditions_per_user=2))
    trained(folder / "mult-vae-1", options("mult-vae", seed=1))
    (folder / "inputs").mkdir()
    return folder


@pytest.fixture(scope="module")
def inquiry(runs: Path) -> Inquiry:
    return inquire(finished_runs([runs], lambda _: None), ASKED, lambda _: None)


def test_newest_settings_of_a_folder_are_taken_and_the_others_named(runs: Path) -> None:
    notes: list[str] = []
    found = finished_runs([runs], notes.append)
    assert sorted(run.path.name for run in found) == ["c-vae-1", "c-vae-2", "mult-vae-1"]
    assert len(notes) == 1
    assert "c-vae-old" in notes[0]


def test_runs_in_a_folder_come_before_the_run_that_the_folder_is(runs: Path) -> None:
    info = runs / "run.json"
    info.write_bytes((runs / "mult-vae-1" / "run.json").read_bytes())
    try:
        assert len(finished_runs([runs], lambda _: None)) == 3
    finally:
        info.unlink()


def test_run_named_twice_is_one(runs: Path) -> None:
    found = finished_runs([runs / "c-vae-old", runs / "mult-vae-1", runs / "mult-vae-1"], lambda _: None)
    assert [run.path.name for run in found] == ["c-vae-old", "mult-vae-1"]


def test_place_without_a_finished_run_is_refused(runs: Path, tmp_path: Path) -> None:
    for place in (runs / "inputs", tmp_path / "nowhere"):
        with pytest.raises(FitError, match="holds none"):
            finished_runs([place], lambda _: None)
    half = tmp_path / "half"
    half.mkdir()
    info = json.loads((runs / "mult-vae-1" / "run.json").read_text())
    (half / "run.json").write_text(json.dumps(info | {"complete": False}))
    with pytest.raises(FitError, match="not finished"):
        finished_runs([half], lambda _: None)


def test_seeds_of_a_model_are_one_contender_and_baselines_have_none(inquiry: Inquiry) -> None:
    found = {one.model: one for one in inquiry.contenders}
    assert {name: one.seeds for name, one in found.items()} == {"c-vae": (1, 2), "mult-vae": (1,), "popularity": ()}
    n = len(inquiry.user)
    for one in found.values():
        expected = {"none", "strict", "soft", "both"} if one.model == "c-vae" else {"none", "strict"}
        assert one.ways.keys() == expected
        for figures in one.ways.values():
            assert {values.shape for values in figures.values()} == {(max(1, len(one.seeds)), n)}
    seeds = found["c-vae"].ways["none"]["ndcg@100"]
    assert not np.array_equal(seeds[0], seeds[1])


def test_every_sort_of_question_is_asked(inquiry: Inquiry) -> None:
    assert {sort: int(inquiry.of_sort(sort).sum()) > 0 for sort in ("single", "any", "all")} == {
        "single": True,
        "any": True,
        "all": True,
    }
    assert sum(question.sort == "all" for question in inquiry.asked) == 3
    both = inquiry.of_sort("all")
    for one in inquiry.contenders:
        assert (one.ways["strict"]["satisfaction@10"][:, both] == 1).all()
        assert one.ways["none"]["satisfaction@10"][:, both].mean() < 0.6  # the control


def test_two_runs_of_a_model_with_other_settings_are_refused_when_named(runs: Path) -> None:
    named = finished_runs([runs / "c-vae-old", runs / "c-vae-2"], lambda _: None)
    with pytest.raises(FitError, match="both of c-vae"):
        inquire(named, ASKED, lambda _: None)


def test_runs_of_two_splits_are_refused(runs: Path, tmp_path: Path) -> None:
    other = blocks(44)
    fit(RunFolder(tmp_path / "other"), other, catalogue_of(other), options(epochs=1))
    with pytest.raises(FitError, match="another split"):
        inquire([RunFolder(runs / "mult-vae-1"), RunFolder(tmp_path / "other")], ASKED, lambda _: None)


def test_attribute_that_is_not_there_is_refused_with_what_is(runs: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        inquire([RunFolder(runs / "mult-vae-1")], replace(ASKED, attribute="colour"), lambda _: None)
    assert "genre" in caught.value.hint


def made_up(**strict: list[list[float]]) -> Inquiry:
    """Four answers to one question; "ours" takes a condition and is asked softly with the figures of "ours_soft"."""
    figures = {name: np.array(values) for name, values in strict.items()}
    satisfied = np.ones((1, 4))

    def way(values: np.ndarray) -> dict[str, np.ndarray]:
        return {"satisfaction@10": satisfied, "ndcg@100": values}

    contenders = [
        Contender(name, (), {"strict": way(values)}, {}) for name, values in figures.items() if "_" not in name
    ]
    soft = {"none": way(figures["ours"]), "strict": way(figures["ours"]), "both": way(figures["ours_soft"])}
    contenders[0] = Contender("ours", (0, 1), soft | {"soft": way(figures["ours_soft"])}, {})
    question = Question("a", (0,), "any", np.ones(3, dtype=bool))
    places = np.zeros(4, dtype=np.int64)
    return Inquiry("genre", 4, (question,), places, np.arange(4), np.ones(4), tuple(contenders))


def test_flagship_is_held_against_the_best_other_model_behind_a_filter() -> None:
    found = made_up(
        ours=[[0.5] * 4, [0.7] * 4], ours_soft=[[0.8] * 4, [0.6] * 4], weak=[[0.1] * 4], strong=[[0.3, 0.5, 0.3, 0.5]]
    )
    (section,) = sections(found, flagship="ours")
    assert list(section.figures) == ["ours", "strong", "weak"]
    assert section.figures["ours"]["soft"]["ndcg@100"].mean == pytest.approx(0.7)
    gains = {(one.model, one.way): (one.peer, one.difference) for one in section.against}
    assert gains.keys() == {("ours", "soft"), ("ours", "strict"), ("ours", "both")}
    peer, gain = gains["ours", "soft"]
    assert (peer, gain.mean) == ("strong", pytest.approx(0.3))
    assert 0.1 < gain.low < 0.3 < gain.high < 0.5
    (line,) = lines(found)
    assert line.means["strong"]["strict"]["ndcg@100"] == pytest.approx(0.4)


def test_flagship_is_nobodys_peer() -> None:
    found = made_up(ours=[[0.5] * 4], ours_soft=[[0.5] * 4], weak=[[0.1] * 4], strong=[[0.9] * 4])
    (section,) = sections(found, flagship="strong")
    assert {one.peer for one in section.against} == {"weak"}
    (alone,) = sections(made_up(ours=[[0.5] * 4], ours_soft=[[0.5] * 4], strong=[[0.9] * 4]), flagship="strong")
    assert alone.against == ()


def provenance() -> Provenance:
    ran_on = {"processor": "abacus", "cores": 2, "python": "3.11", "torch": "2"}
    return Provenance(
        "prismrec bench-conditions x",
        "board",
        "f" * 64,
        "validation",
        12,
        ran_on,
        {},
        None,
        "c0de",
        "mult-vae",
        "Windy.",
    )


def test_page_and_twin_say_the_same_figures_and_nothing_of_single_users(inquiry: Inquiry, tmp_path: Path) -> None:
    page, twin = write_conditions(tmp_path / "out" / "conditions", inquiry, provenance())
    text, found = page.read_text(), json.loads(twin.read_text())
    assert "optimistic" in text and "Windy." in text and "**mult-vae** (flagship)" in text
    assert [section["sort"] for section in found["sorts"]] == ["single", "any", "all"]
    for section in found["sorts"]:
        for ways in section["figures"].values():
            for metrics in ways.values():
                figure = metrics["ndcg@100"]
                assert f"{figure['mean']:.4f} +- {figure['se']:.4f}" in text
                assert figure["low"] <= figure["mean"] <= figure["high"]
        for gain in section["against"]:
            assert f"{gain['difference']['mean']:+.4f} ndcg@100" in text
    asked = [line["asked"] for line in found["questions"]]
    assert len(asked) == len(set(asked)) == 6 + 3 + 3
    assert all(f"| {name}" in text for name in asked)
    longest = max(map(len, _lists(found)))
    assert longest <= 12, "a list as long as the users or the answers would be of single users"
    heads = [line for line in text.splitlines() if line.startswith("| model")]
    assert len(heads) == 3 and len({head.count("|") for head in heads}) == 1


def _lists(document: object) -> list[list[object]]:
    if isinstance(document, dict):
        return [found for value in document.values() for found in _lists(value)]
    if isinstance(document, list):
        return [document, *(found for value in document for found in _lists(value))]
    return []
