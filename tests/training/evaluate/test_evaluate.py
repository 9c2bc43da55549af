from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.training.boards import blocks, catalogue_of, fitted, options
from training.data.split import HeldOut
from training.errors import ConfigError, DataError, FitError
from training.evaluate.conditions import evaluate_conditions
from training.evaluate.evaluate import evaluate, evaluate_run
from training.evaluate.result import Evaluation, in_order
from training.evaluate.table import by_value_table, table
from training.run_folder import LoadedRun, RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A C-VAE that has learnt the blocks and obeys its condition."""
    folder = tmp_path_factory.mktemp("runs") / "c-vae"
    fitted(
        folder, blocks(120, n_items=96), options("c-vae", epochs=25, patience=25, beta_cap=0.02, model={"hidden": 32})
    )
    return RunFolder(folder)


@pytest.fixture(scope="module")
def evaluation(run: RunFolder) -> Evaluation:
    return evaluate_run(run)


def test_evaluation_holds_every_figure_of_the_protocol(evaluation: Evaluation) -> None:
    wanted = {"ndcg@100", "recall@20", "recall@50", "ndcg@10", "coverage@10", "gini@10", "novelty@10", "ild@10"}
    assert wanted <= evaluation.model.keys()
    assert evaluation.baselines.keys() == {"popularity", "ease"}
    assert all(wanted <= metrics.keys() for metrics in evaluation.baselines.values())
    assert evaluation.model["ndcg@100"].n == 12


def test_trained_model_is_above_popularity_and_the_paired_gain_says_so(evaluation: Evaluation) -> None:
    assert evaluation.above_popularity is True
    gain = evaluation.gain["popularity"]
    difference = evaluation.model["ndcg@100"].mean - evaluation.baselines["popularity"]["ndcg@100"].mean
    assert gain.mean == pytest.approx(difference)
    assert gain.low > 0


def test_active_latents_are_counted_and_a_collapse_is_said(tmp_path: Path, evaluation: Evaluation) -> None:
    assert evaluation.n_latent == 4 and evaluation.active_units is not None
    assert f"{evaluation.active_units} of 4 latents active" in table(evaluation)
    assert "collapse" not in table(evaluation)
    crushed = options(epochs=4, beta_cap=100.0, anneal_steps=1, learning_rate=0.05, model={"latent": 12})
    summary = fitted(tmp_path / "run", blocks(120), crushed).summary
    found = evaluate(RunFolder(tmp_path / "run").load(), part="validation", baselines=())
    assert found.active_units == summary.active_units < 2
    assert f"{found.active_units} of 12 latents active: posterior collapse" in table(found)


def test_evaluation_is_saved_in_the_run_and_read_back_equal(run: RunFolder, evaluation: Evaluation) -> None:
    assert run.load_evaluation() == evaluation


def test_evaluation_twice_gives_the_same_bytes(run: RunFolder, evaluation: Evaluation) -> None:
    assert evaluate_run(run).to_json() == evaluation.to_json()


def test_model_below_popularity_is_flagged(run: RunFolder) -> None:
    loaded = run.load()
    loaded.model.decoder_out.weight.data.neg_()  # type: ignore[union-attr] - the worst items first
    loaded.model.decoder_out.bias.data.neg_()  # type: ignore[union-attr]
    assert evaluate(loaded, part="test", baselines=("popularity",)).above_popularity is False


def test_without_popularity_there_is_no_verdict(run: RunFolder) -> None:
    assert evaluate(run.load(), part="validation", baselines=()).above_popularity is None


def test_condition_is_obeyed_by_the_conditioned_model_and_not_by_chance(evaluation: Evaluation) -> None:
    """A user likes 2 of 4 blocks and has 12 unseen items of each. Asking for one block moves it to the front."""
    assert evaluation.conditioned is not None
    overall = evaluation.conditioned.overall
    assert overall.keys() == {"none", "soft", "strict", "both", "popularity strict", "ease strict"}
    assert overall["none"]["ndcg@100"].n == 24  # 12 users with two blocks each
    for way in ("strict", "both", "ease strict"):
        assert overall[way]["satisfaction@10"].mean == 1.0
        assert overall[way]["ndcg@100"].mean == pytest.approx(1.0)
    assert overall["soft"]["ndcg@100"].mean > 0.98
    assert overall["none"]["ndcg@100"].mean < 0.9
    assert overall["soft"]["satisfaction@10"].mean > 0.95
    assert 0.4 < overall["none"]["satisfaction@10"].mean < 0.6


def test_condition_figures_are_kept_for_each_value(evaluation: Evaluation) -> None:
    assert evaluation.conditioned is not None
    by_value = evaluation.conditioned.by_value
    assert set(by_value) == {"block0", "block1", "block2", "block3"}
    assert by_value["block0"]["soft"]["ndcg@100"].n == 6


def test_model_that_ignores_its_condition_is_seen_to(run: RunFolder) -> None:
    """The control of the test above: with its condition weights at zero, soft is no better than none."""
    loaded = run.load()
    loaded.model.condition_in.weight.data.zero_()  # type: ignore[union-attr]
    conditioned = evaluate_conditions(
        loaded.model,
        loaded.split.test,
        attribute=loaded.catalogue.attributes[0],
        baselines={},
        rng=np.random.default_rng(0),
    )
    soft, none = conditioned.overall["soft"], conditioned.overall["none"]
    assert soft["satisfaction@10"].mean == none["satisfaction@10"].mean < 0.6
    assert soft["ndcg@100"].mean == none["ndcg@100"].mean


def test_conditions_that_nobody_has_a_target_for_have_no_figures(run: RunFolder) -> None:
    loaded = run.load()
    genre = loaded.catalogue.attributes[0]
    nothing = msgspec.structs.replace(genre, rows=((),) * len(genre.rows))
    found = evaluate_conditions(
        loaded.model, loaded.split.test, attribute=nothing, baselines={}, rng=np.random.default_rng(0)
    )
    assert (found.overall, found.by_value) == ({}, {})


def test_table_shows_model_and_baselines_and_conditions(evaluation: Evaluation) -> None:
    shown = table(evaluation)
    lines = shown.splitlines()
    assert lines[0] == "12 test users; mean +- standard error"
    assert lines[1].split()[:2] == ["ndcg@100", "recall@20"]
    assert lines[2].startswith("c-vae ")
    mean, se = evaluation.model["ndcg@100"].mean, evaluation.model["ndcg@100"].se
    assert f"{mean:.4f} +- {se:.4f}" in lines[2]
    assert lines[3].startswith("popularity ")
    assert lines[4].startswith(f"ease (lambda {evaluation.settings['ease']['lambda']:g})")
    assert "24 pairs of a user and a genre" in shown
    assert all(line.rstrip() == line for line in lines)


def test_tables_of_a_file_are_those_of_the_evaluation_it_was_written_from(evaluation: Evaluation, tmp_path) -> None:
    (tmp_path / "evaluation.json").write_bytes(evaluation.to_json())
    read = Evaluation.load(tmp_path / "evaluation.json")
    assert list(read.baselines) != list(evaluation.baselines), "the control: a file has its keys in another order"
    assert table(read) == table(evaluation)
    assert read.conditioned is not None
    assert evaluation.conditioned is not None
    assert by_value_table(read.conditioned) == by_value_table(evaluation.conditioned)


def test_rows_are_ways_then_baselines_then_what_is_new() -> None:
    names = ["both", "ease strict", "item-knn", "new", "none", "popularity", "popularity strict", "soft", "strict"]
    order = ["none", "soft", "strict", "both", "popularity", "popularity strict", "item-knn", "ease strict", "new"]
    assert in_order(names) == order


def test_table_in_markdown_has_equal_columns_in_every_row(evaluation: Evaluation) -> None:
    rows = [line for line in table(evaluation, markdown=True).splitlines() if line.startswith("|")]
    assert rows[0].count("|") == 10
    assert rows[1].replace("-", "").replace("|", "").strip() == ""
    assert evaluation.conditioned is not None
    assert "block2, soft" in by_value_table(evaluation.conditioned)


def test_unknown_baseline_is_refused(run: RunFolder) -> None:
    with pytest.raises(ConfigError, match="'magic'"):
        evaluate_run(run, baselines=("magic",))


def test_split_without_targets_is_an_error(run: RunFolder) -> None:
    loaded = run.load()
    test = loaded.split.test
    nothing = HeldOut(test.users, test.fold_in, test.target[:, :] * 0)
    nothing.target.eliminate_zeros()
    bare = LoadedRun(loaded.info, replace(loaded.split, test=nothing), loaded.catalogue, loaded.model)
    with pytest.raises(DataError, match="held-out item"):
        evaluate(bare, part="test")


def test_damaged_evaluation_names_the_command(run: RunFolder, tmp_path: Path) -> None:
    for content in (b"", b"{", msgspec.json.encode({"kind": "c-vae"})):
        (tmp_path / "evaluation.json").write_bytes(content)
        with pytest.raises(FitError) as caught:
            Evaluation.load(tmp_path / "evaluation.json")
        assert "prismrec evaluate" in caught.value.hint


def test_unconditioned_model_has_no_conditioned_figures(tmp_path: Path) -> None:
    split = blocks(40)
    fitted(tmp_path / "run", split, options("mult-vae", epochs=1))
    evaluation = evaluate_run(RunFolder(tmp_path / "run"), part="validation", baselines=("popularity",))
    assert evaluation.conditioned is None
    assert catalogue_of(split).attribute("genre") is not None
