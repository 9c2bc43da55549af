"""Two processes on the CPU train what one trains: the same weights where nothing is random."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.as_torchrun import VARIANTS, exact_options, exact_split
from tests.training.boards import catalogue_of, fitted
from training import together
from training.epochs import EpochFigures, read_epochs
from training.errors import FitError
from training.fit import FitResult, fit
from training.progress import Silence
from training.run_folder import RunFolder

pytestmark = pytest.mark.slow

FLOAT_TOLERANCE = 1e-5
"""Between weights of about 0.1 to 1 after 20 steps; what rounding does, and a hundredth of what a control does."""


def furthest(one: Path, other: Path) -> float:
    """The largest difference between two runs' weights."""
    weights, others = (RunFolder(folder).load().model.state_dict() for folder in (one, other))
    return max(float((weights[name] - others[name]).abs().max()) for name in weights)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone") / "run"
    fitted(folder, exact_split(), exact_options())
    return folder


def test_two_processes_end_in_the_weights_and_figures_of_one(tmp_path: Path, alone: Path) -> None:
    told: list[int] = []

    class Listener(Silence):
        def epoch(self, figures: EpochFigures) -> None:
            told.append(figures.epoch)

    split, variables = exact_split(), dict(os.environ)
    result = fit(RunFolder(tmp_path / "run"), split, catalogue_of(split), exact_options(2), listener=Listener())
    assert furthest(tmp_path / "run", alone) < FLOAT_TOLERANCE
    for one, other in zip(
        *(read_epochs(folder / "metrics.jsonl") for folder in (tmp_path / "run", alone)), strict=True
    ):
        assert (one.epoch, one.step, one.active_units) == (other.epoch, other.step, other.active_units)
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
        assert one.ndcg == pytest.approx(other.ndcg, abs=1e-6)
    assert told == [0, 1, 2, 3]
    assert (result.info.devices, result.info.nodes) == (2, 1)
    assert RunFolder(tmp_path / "run").load_info() == result.info
    assert not torch.distributed.is_initialized()
    assert dict(os.environ) == variables


@pytest.fixture(scope="module")
def torchruns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each variant, by two processes that somebody else started."""
    folder, port = tmp_path_factory.mktemp("torchrun"), str(free_port())
    command = [sys.executable, "-m", "tests.training.as_torchrun"]
    ranks = [subprocess.Popen([*command, str(rank), port, str(folder)]) for rank in range(2)]
    assert [rank.wait(timeout=200) for rank in ranks] == [0, 0]
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("run", ["right", "resumed"])
def test_processes_that_torchrun_started_end_in_the_weights_of_one(run: str, torchruns: Path, alone: Path) -> None:
    assert furthest(torchruns / run, alone) < FLOAT_TOLERANCE
    assert RunFolder(torchruns / run).load_info().devices == 2


def test_model_that_trains_its_parts_in_turns_trains_with_two_processes(torchruns: Path) -> None:
    epochs = read_epochs(torchruns / "in-turns" / "metrics.jsonl")
    assert len({figures.loss for figures in epochs}) == len(epochs) == 3


@pytest.mark.parametrize("broken", sorted(set(VARIANTS) - {"right"}))
def test_sharing_that_is_broken_on_purpose_ends_elsewhere(broken: str, torchruns: Path, alone: Path) -> None:
    assert furthest(torchruns / broken, alone) > 100 * FLOAT_TOLERANCE


class Signals(Silence):
    """Sends a signal at the second step of an epoch: to this process, or to the one that it started."""

    def __init__(
        self, number: signal.Signals, *, epoch: int, other: list[subprocess.Popen[bytes]] | None = None
    ) -> None:
        self.number, self.at, self.other, self.now = number, epoch, other, 0

    def step(self, done: int, total: int) -> None:
        if (self.now, done) == (self.at, 2):
            os.kill(self.other[0].pid if self.other else os.getpid(), self.number)

    def epoch(self, figures: EpochFigures) -> None:
        self.now = figures.epoch + 1


def fit_heard(folder: Path, listener: Silence) -> FitResult:
    split = exact_split()
    return fit(RunFolder(folder), split, catalogue_of(split), exact_options(2), listener=listener)


def test_ctrl_c_stops_both_and_one_process_goes_on_to_the_same_weights(tmp_path: Path, alone: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    stopped = fit_heard(tmp_path / "run", Signals(signal.SIGINT, epoch=2))
    assert (stopped.summary.stopped, stopped.summary.epochs) == ("interrupted", 2)
    assert signal.getsignal(signal.SIGINT) is before
    resumed = fitted(tmp_path / "run", exact_split(), exact_options(resume=True))
    assert resumed.info.complete
    assert furthest(tmp_path / "run", alone) < FLOAT_TOLERANCE


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started, as they are."""
    real, found = together._start, []

    def start() -> subprocess.Popen[bytes]:
        found.append(real())
        return found[-1]

    monkeypatch.setattr(together, "_start", start)
    return found


def test_killed_process_is_named_and_the_run_can_go_on(
    tmp_path: Path, alone: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    with pytest.raises(FitError, match="process 1 of the training was ended by signal 9") as caught:
        fit_heard(tmp_path / "run", Signals(signal.SIGKILL, epoch=2, other=started))
    assert "--resume" in caught.value.hint
    assert not RunFolder(tmp_path / "run").load_info().complete
    fitted(tmp_path / "run", exact_split(), exact_options(resume=True))
    assert furthest(tmp_path / "run", alone) < FLOAT_TOLERANCE


def test_error_in_the_first_process_ends_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    def full(*_: object) -> None:
        raise FitError("no space left", hint="make room")

    monkeypatch.setattr("training.callbacks.append_epoch", full)
    with pytest.raises(FitError, match="no space left"):
        fit_heard(tmp_path / "run", Silence())
    assert started[0].poll() is not None
