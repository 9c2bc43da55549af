from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bundle.reader import read_bundle
from tests.training.boards import blocks, catalogue_of, fitted, options
from training.decode.map import decode_run
from training.decode.options import DecodeOptions
from training.epochs import EpochFigures, read_epochs
from training.errors import ConfigError, DataError, FitError
from training.evaluate.evaluate import evaluate_run
from training.export.pack import export_run
from training.fit import fit
from training.learner import Learner, active_units, step_seed
from training.models import base
from training.models.base import LatentModel
from training.models.registry import make_model
from training.objective import Loss
from training.options import fit_config
from training.run_folder import RunFolder


def test_fit_leaves_a_whole_run(tmp_path: Path) -> None:
    result = fitted(tmp_path / "run", blocks(), options("c-vae", epochs=3))
    run = RunFolder(tmp_path / "run")
    assert result.summary.stopped == "epochs"
    assert result.summary.epochs == 3
    assert result.info.complete
    assert run.load_info() == result.info
    assert any(run.tensorboard.iterdir())
    assert sorted(path.name for path in run.path.iterdir()) == [
        "best.pt", "items.json", "last.ckpt", "metrics.jsonl", "run.json", "split.npz", "tensorboard",
    ]  # fmt: skip


def test_fit_writes_a_line_per_epoch_with_every_figure(tmp_path: Path) -> None:
    fitted(tmp_path / "run", blocks(), options(epochs=3, beta_cap=0.3, anneal_steps=6))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert [line["step"] for line in lines] == [4, 8, 12]  # 60 users in batches of 16
    assert [line["beta"] for line in lines] == pytest.approx([0.15, 0.3, 0.3])  # of the last step: 3, 7 and 11 of 6
    for line in lines:
        assert line["loss"] == pytest.approx(line["reconstruction"] + line["beta"] * line["kl"], rel=0.05)
        assert len(line["kl_per_latent"]) == 4
        assert line["active_units"] == active_units(line["kl_per_latent"])
        assert 0 < line["ndcg@100"] <= 1


def test_best_checkpoint_is_that_of_the_best_epoch(tmp_path: Path) -> None:
    from training.evaluate.evaluate import evaluate

    result = fitted(tmp_path / "run", blocks(keep=0.5), options(epochs=6, learning_rate=0.05))
    epochs = read_epochs(tmp_path / "run" / "metrics.jsonl")
    best = max(epochs, key=lambda figures: figures.ndcg)
    assert result.summary.best_ndcg == best.ndcg
    assert result.summary.best_epoch == best.epoch
    again = evaluate(RunFolder(tmp_path / "run").load(), part="validation", baselines=())
    assert again.model["ndcg@100"].mean == pytest.approx(best.ndcg, abs=1e-6)


def test_training_stops_when_patience_runs_out(tmp_path: Path) -> None:
    result = fitted(tmp_path / "run", blocks(), options(epochs=50, learning_rate=1e-9, patience=3))
    assert result.summary.stopped == "patience"
    assert result.summary.epochs == result.summary.best_epoch + 1 + 3 < 50
    assert result.info.complete


def test_beta_rises_to_its_cap_and_stays() -> None:
    model = make_model("mult-vae", n_items=4, config={"hidden": 2, "latent": 2})
    learner = Learner(model, fit_config({"beta_cap": 0.2}), anneal_steps=10, seed=0)
    assert [learner.beta(step) for step in (0, 5, 10, 1000)] == pytest.approx([0.0, 0.1, 0.2, 0.2])


def test_step_seeds_differ_between_steps_and_seeds() -> None:
    seeds = {step_seed(seed, step) for seed in range(20) for step in range(20)}
    assert len(seeds) == 400
    assert step_seed(3, 4) == step_seed(3, 4)


def nan_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = base.elbo_loss, iter(range(10_000))

    def broken(*args: object, **kwargs: object) -> Loss:
        loss = real(*args, **kwargs)  # type: ignore[arg-type]
        return Loss(loss.total * float("nan"), loss.reconstruction, loss.kl, loss.mu) if next(calls) == step else loss

    monkeypatch.setattr(base, "elbo_loss", broken)


def test_nan_loss_names_the_step_and_keeps_the_best_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nan_at(6, monkeypatch)
    with pytest.raises(FitError, match=r"loss is nan at step 6 \(epoch 1\)") as caught:
        fitted(tmp_path / "run", blocks(), options(epochs=4))
    assert "learning_rate" in caught.value.hint
    loaded = RunFolder(tmp_path / "run").load()  # the first epoch's
    assert not loaded.info.complete
    assert all(torch.isfinite(weight).all() for weight in loaded.model.parameters())


def test_weights_broken_by_an_epochs_last_step_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss was finite, the step after it was not: only validation meets the weights before they are saved."""
    passes = iter(range(10))

    def poison(model: LatentModel) -> None:
        if next(passes) == 2:
            with torch.no_grad():
                next(iter(model.parameters()))[0] = float("nan")

    monkeypatch.setattr(LatentModel, "start_validation", poison)
    with pytest.raises(FitError, match=r"scores are not finite after step 11 \(epoch 2\)"):
        fitted(tmp_path / "run", blocks(), options(epochs=4))
    run = RunFolder(tmp_path / "run")
    assert all(torch.isfinite(weight).all() for weight in run.load().model.parameters())
    assert [figures.epoch for figures in read_epochs(run.metrics)] == [0, 1]


@pytest.mark.slow
def test_run_that_ended_in_nan_is_evaluated_decoded_and_exported_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last good checkpoint is not only kept: it is of use."""
    nan_at(30, monkeypatch)
    with pytest.raises(FitError, match="at step 30"):
        fitted(tmp_path / "run", blocks(120), options(epochs=9, learning_rate=0.03))
    run = RunFolder(tmp_path / "run")
    best = max(read_epochs(run.metrics), key=lambda figures: figures.ndcg)
    found = evaluate_run(run, part="validation", baselines=("popularity",))
    assert found.model["ndcg@100"].mean == pytest.approx(best.ndcg, abs=1e-6)
    evaluate_run(run)
    decode_run(run, DecodeOptions(permutations=20, bootstraps=20, users=30, samples=8))
    bundle = export_run(run, tmp_path / "models" / "x", force="a test of what is left after a NaN")
    assert read_bundle(bundle).manifest.dims.n_items == 24


def test_collapsed_latents_are_reported(tmp_path: Path) -> None:
    crushed = options(epochs=4, beta_cap=100.0, anneal_steps=1, learning_rate=0.05, model={"latent": 12})
    result = fitted(tmp_path / "run", blocks(120), crushed)
    assert result.summary.active_units < 2
    assert any("posterior collapse" in note for note in result.notes)
    fine = fitted(tmp_path / "fine", blocks(120), options(epochs=4, beta_cap=0.0))
    assert not any("posterior collapse" in note for note in fine.notes)


def test_fit_tells_a_listener_each_step_and_epoch(tmp_path: Path) -> None:
    heard: list[object] = []

    class Listener:
        def step(self, done: int, total: int) -> None:
            heard.append((done, total))

        def epoch(self, figures: EpochFigures) -> None:
            heard.append(figures.epoch)

        def close(self) -> None:
            heard.append("closed")

    split = blocks()
    fit(RunFolder(tmp_path / "run"), split, catalogue_of(split), options(epochs=1), listener=Listener())
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4), 0, "closed"]


def test_fit_leaves_torchs_state_and_the_logs_as_they_were(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    threads, level = torch.get_num_threads(), logging.getLogger("lightning.pytorch").level
    fitted(tmp_path / "run", blocks(), options(epochs=1))
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads
    assert logging.getLogger("lightning.pytorch").level == level
    assert not [record for record in caplog.records if record.name.startswith("lightning")]


def test_seed_of_the_run_and_of_the_split_are_written_down(tmp_path: Path) -> None:
    info = fitted(tmp_path / "run", blocks(), options("c-vae", epochs=1, seed=11)).info
    assert info.seeds == {"train": 11, "split": 98765}
    assert info.conditions.attribute == "genre"
    assert info.conditions.values == ("block0", "block1", "block2", "block3")
    assert info.config.items() >= {"hidden": 16, "latent": 4, "dropout": 0.5}.items()
    assert info.fit["epochs"] == 1
    assert info.data.n_users == 60
    assert info.data.n_interactions == 60 * 12
    assert info.libraries["torch"] == torch.__version__.split("+")[0] or info.libraries["torch"] == torch.__version__


def test_tiny_data_of_two_users_and_two_items_trains(tmp_path: Path) -> None:
    split = blocks(2, n_items=4, n_blocks=1, width=1)
    catalogue = catalogue_of(split, n_blocks=1)
    result = fit(RunFolder(tmp_path / "run"), split, catalogue, options("c-vae", epochs=2))
    assert result.summary.best_ndcg == 1.0  # all that is unseen is the target


def test_condition_attribute_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    settings = replace(options("c-vae"), condition="mood")
    with pytest.raises(ConfigError, match="no 'mood'") as caught:
        fitted(tmp_path / "run", blocks(), settings)
    assert "genre" in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_no_training_data_is_refused(tmp_path: Path) -> None:
    split = blocks()
    with pytest.raises(DataError, match="nothing to train on: 0 training users"):
        fitted(tmp_path / "run", replace(split, train=split.train[:0]), options())


def test_no_validation_target_is_refused(tmp_path: Path) -> None:
    split = blocks()
    none = replace(split.validation, target=split.validation.target[:, :] * 0)
    none.target.eliminate_zeros()
    with pytest.raises(DataError, match="validation users"):
        fitted(tmp_path / "run", replace(split, validation=none), options())


@pytest.mark.parametrize(
    ("key", "value"), [("epochs", 0), ("learning_rate", -1), ("beta_cap", float("nan")), ("batch", 5)]
)
def test_fit_config_impossible_values_and_unknown_keys_are_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        fit_config({key: value})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    settings = options()
    with pytest.raises(ConfigError, match="no GPU"):
        fitted(tmp_path / "run", blocks(), replace(settings, run=replace(settings.run, device="cuda")))


def test_tracker_that_is_not_installed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.trackers.find_spec", lambda name: None)
    settings = options()
    with pytest.raises(ConfigError, match="needs the package wandb") as caught:
        fitted(tmp_path / "run", blocks(), replace(settings, run=replace(settings.run, tracker="wandb")))
    assert "prismrec[track]" in caught.value.hint
