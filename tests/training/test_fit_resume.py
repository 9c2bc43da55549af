"""Stopped by Ctrl-C or killed, and resumed: the same weights and figures as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch

from tests.training.boards import blocks, catalogue_of, fitted, options
from training.epochs import EpochFigures, read_epochs
from training.errors import ConfigError, FitError
from training.fit import FitResult, fit
from training.progress import Silence
from training.run_folder import RunFolder

EPOCHS = 5
SIGNAL = signal.SIGINT


class PressesCtrlC(Silence):
    """Sends this process the real signal at a step of an epoch."""

    def __init__(self, *, epoch: int, step: int) -> None:
        self.at, self.now = (epoch, step), 0

    def step(self, done: int, total: int) -> None:
        if (self.now, done) == self.at:
            os.kill(os.getpid(), SIGNAL)

    def epoch(self, figures: EpochFigures) -> None:
        self.now = figures.epoch + 1


def settings(kind: str = "c-vae", **changed: object) -> dict[str, object]:
    return {"kind": kind, "epochs": EPOCHS, "patience": EPOCHS, "combined": 0.5, "conditions_per_user": 1} | changed


def interrupted(folder: Path, *, epoch: int, step: int) -> FitResult:
    split = blocks(keep=0.7)
    listener = PressesCtrlC(epoch=epoch, step=step)
    return fit(RunFolder(folder), split, catalogue_of(split), options(**settings()), listener=listener)


def assert_same_run(one: Path, other: Path) -> None:
    def figures(folder: Path) -> list[EpochFigures]:
        return [msgspec.structs.replace(f, seconds=0.0) for f in read_epochs(folder / "metrics.jsonl")]

    assert figures(one) == figures(other)
    weights, others = (RunFolder(folder).load().model.state_dict() for folder in (one, other))
    assert all(torch.equal(weights[name], others[name]) for name in weights)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    fitted(folder, blocks(keep=0.7), options(**settings()))
    return folder


@pytest.mark.parametrize("step", [1, 4])
def test_ctrl_c_keeps_the_best_checkpoint_and_resume_ends_the_same(tmp_path: Path, whole: Path, step: int) -> None:
    stopped = interrupted(tmp_path / "run", epoch=2, step=step)
    assert stopped.summary.stopped == "interrupted"
    assert stopped.summary.epochs == 2
    assert not stopped.info.complete
    assert "can be resumed" in stopped.notes[0]
    RunFolder(tmp_path / "run").load()
    resumed = fitted(tmp_path / "run", blocks(keep=0.7), options(**settings(), resume=True))
    assert resumed.info.complete
    assert_same_run(tmp_path / "run", whole)


def test_another_seed_ends_differently(tmp_path: Path, whole: Path) -> None:
    fitted(tmp_path / "run", blocks(keep=0.7), options(**settings(), seed=4))
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "run", whole)


def test_ctrl_c_gives_the_signal_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    interrupted(tmp_path / "run", epoch=1, step=1)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_the_first_epoch_has_nothing_to_keep_and_resume_starts_over(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(FitError, match="before the first epoch") as caught:
        interrupted(tmp_path / "run", epoch=0, step=2)
    assert "--resume" in caught.value.hint
    fitted(tmp_path / "run", blocks(keep=0.7), options(**settings(), resume=True))
    assert_same_run(tmp_path / "run", whole)


def test_fewer_epochs_then_more_equals_all_at_once(tmp_path: Path, whole: Path) -> None:
    fitted(tmp_path / "run", blocks(keep=0.7), options(**settings(epochs=2)))
    fitted(tmp_path / "run", blocks(keep=0.7), options(**settings(), resume=True))
    assert_same_run(tmp_path / "run", whole)


KILLED = """
import signal, sys
from pathlib import Path
from tests.training import test_fit_resume as here
here.SIGNAL = signal.SIGKILL
here.interrupted(Path(sys.argv[1]), epoch=2, step=2)
"""


def test_t6_killed_in_the_middle_of_an_epoch_resumes_to_the_same_result(tmp_path: Path, whole: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not RunFolder(tmp_path / "run").load_info().complete
    with (tmp_path / "run" / "metrics.jsonl").open("ab") as file:
        file.write(b'{"epoch": 2, "step')  # cut off
    fitted(tmp_path / "run", blocks(keep=0.7), options(**settings(), resume=True))
    assert_same_run(tmp_path / "run", whole)


def test_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    first = fitted(tmp_path / "run", blocks(), options(epochs=30, learning_rate=1e-9, patience=2))
    assert first.summary.stopped == "patience"
    weights = (tmp_path / "run" / "best.pt").stat().st_mtime_ns
    again = fitted(tmp_path / "run", blocks(), options(epochs=40, learning_rate=1e-9, patience=2, resume=True))
    assert again.summary == first.summary
    assert (tmp_path / "run" / "best.pt").stat().st_mtime_ns == weights


def test_run_killed_after_patience_ran_out_does_not_go_on(tmp_path: Path) -> None:
    settled = {"epochs": 30, "learning_rate": 1e-9, "patience": 2}
    first = fitted(tmp_path / "run", blocks(), options(**settled))
    run = RunFolder(tmp_path / "run")
    run.save_info(msgspec.structs.replace(first.info, complete=False, summary=None))  # as the kill left it
    again = fitted(tmp_path / "run", blocks(), options(**settled, resume=True))
    assert again.summary == first.summary


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"batch_size": 8}, "training batch_size 16"),
        ({"seed": 9}, "seed train 3"),
        ({"model": {"latent": 7}}, "model latent 4"),
        ({"kind": "c-vae"}, "model 'mult-vae'"),
    ],
)
def test_resume_with_other_settings_is_refused_by_name(tmp_path: Path, changed: dict[str, object], named: str) -> None:
    fitted(tmp_path / "run", blocks(), options(epochs=1))
    with pytest.raises(ConfigError, match=named):
        fitted(tmp_path / "run", blocks(), options(**({"epochs": 2} | changed), resume=True))  # type: ignore[arg-type]


def test_resume_with_other_data_is_refused(tmp_path: Path) -> None:
    fitted(tmp_path / "run", blocks(), options(epochs=1))
    with pytest.raises(ConfigError, match="fingerprint"):
        fitted(tmp_path / "run", blocks(keep=0.9), options(epochs=2, resume=True))


def test_resume_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FitError, match="there is no run folder"):
        fitted(tmp_path / "run", blocks(), options(resume=True))


def test_damaged_checkpoint_is_refused_and_says_what_is_left(tmp_path: Path) -> None:
    fitted(tmp_path / "run", blocks(), options(epochs=1))
    last = tmp_path / "run" / "last.ckpt"
    for content in (b"", b"no checkpoint", last.read_bytes()[:-300]):
        last.write_bytes(content)
        with pytest.raises(FitError, match=r"last\.ckpt is not a readable checkpoint") as caught:
            fitted(tmp_path / "run", blocks(), options(epochs=2, resume=True))
        assert "best.pt" in caught.value.hint


def test_folder_that_holds_a_run_is_refused_without_resume(tmp_path: Path) -> None:
    fitted(tmp_path / "run", blocks(), options(epochs=1))
    with pytest.raises(FitError, match="already holds a run") as caught:
        fitted(tmp_path / "run", blocks(), options(epochs=1))
    assert "--resume" in caught.value.hint
