from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.training.boards import blocks, catalogue_of, fitted, options
from training.errors import FitError
from training.run_folder import RunFolder
from training.run_info import RunInfo


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    fitted(tmp_path / "run", blocks(), options("c-vae", epochs=1))
    return RunFolder(tmp_path / "run")


def test_run_is_loaded_as_it_was_trained(run: RunFolder) -> None:
    loaded = run.load()
    split = blocks()
    assert loaded.info.kind == loaded.model.kind == "c-vae"
    assert loaded.catalogue == catalogue_of(split)
    assert loaded.split.fingerprint == split.fingerprint
    assert np.array_equal(loaded.split.train.toarray(), split.train.toarray())
    assert not loaded.model.training


def test_loading_draws_nothing_from_torchs_generator(run: RunFolder) -> None:
    import torch

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    run.load()
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("evaluation", "prismrec evaluate"),
        ("factors", "prismrec decode"),
        ("report", "prismrec decode --report"),
        ("best", "prismrec train"),
        ("info", "prismrec train"),
    ],
)
def test_missing_file_is_named_with_the_command_that_makes_it(run: RunFolder, file: str, command: str) -> None:
    path: Path = getattr(run, file)
    path.unlink(missing_ok=True)
    with pytest.raises(FitError, match=f"has no {path.name}") as caught:
        run.require(path)
    assert command in caught.value.hint


def test_missing_run_is_told_from_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FitError, match="there is no run folder"):
        RunFolder(tmp_path / "nowhere").load()


@pytest.mark.parametrize("file", ["run.json", "items.json", "split.npz", "best.pt"])
@pytest.mark.parametrize("damage", ["empty", "cut", "other"])
def test_damaged_file_is_refused_and_named(run: RunFolder, file: str, damage: str) -> None:
    path = run.path / file
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "other": b'{"a": 1}'}[damage])
    from training.errors import TrainingError

    with pytest.raises(TrainingError, match=file.replace(".", r"\.")) as caught:
        run.load()
    assert caught.value.hint


def test_weights_of_another_shape_are_refused(run: RunFolder, tmp_path: Path) -> None:
    fitted(tmp_path / "other", blocks(), options("c-vae", epochs=1, model={"hidden": 8}))
    run.best.write_bytes((tmp_path / "other" / "best.pt").read_bytes())
    with pytest.raises(FitError, match="does not hold the weights of this c-vae"):
        run.load()


def test_weights_that_are_not_finite_are_refused(run: RunFolder) -> None:
    from training.models.weights import weights_of

    model = run.load().model
    next(model.parameters()).data.view(-1)[0] = float("nan")
    run.best.write_bytes(weights_of(model))
    with pytest.raises(FitError, match="not finite"):
        run.load()


def test_pickled_code_in_the_weights_is_not_run(run: RunFolder, tmp_path: Path) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "pwned"),)

    torch.save({"item_in.weight": Evil()}, run.best)
    with pytest.raises(FitError):
        run.load()
    assert not (tmp_path / "pwned").exists()


def test_files_of_two_runs_are_refused(run: RunFolder) -> None:
    info = run.load_info()
    other = msgspec.structs.replace(info, data=msgspec.structs.replace(info.data, fingerprint="0" * 64))
    run.save_info(other)
    with pytest.raises(FitError, match="not of one run"):
        run.load()


def test_catalogue_of_other_items_is_refused(tmp_path: Path) -> None:
    split = blocks()
    catalogue = catalogue_of(split)
    turned = msgspec.structs.replace(catalogue, ids=catalogue.ids[::-1])
    with pytest.raises(FitError, match="in another order"):
        RunFolder(tmp_path).save_inputs(split, turned)


def test_info_with_an_unknown_key_is_refused(run: RunFolder) -> None:
    raw = msgspec.json.decode(run.info.read_bytes())
    run.info.write_bytes(msgspec.json.encode(raw | {"colour": "red"}))
    with pytest.raises(FitError, match="colour"):
        run.load_info()


def test_writing_replaces_a_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write(run.report, b"old")
    run.write(run.report, b"new")
    assert run.report.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(tmp_path)
    run.write(run.report, b"old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FitError, match=r"report\.html \(3 bytes\) cannot be written: No space left"):
        run.write(run.report, b"new")
    assert run.report.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_output_that_is_a_file_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(FitError, match="is a file"):
        RunFolder(tmp_path / "run").prepare()
    with pytest.raises(FitError, match="cannot be written"):
        RunFolder(tmp_path / "run" / "below").prepare()
    assert (tmp_path / "run").read_text() == "mine"


def test_info_survives_a_round_trip(run: RunFolder) -> None:
    info = run.load_info()
    assert msgspec.json.decode(msgspec.json.encode(info), type=RunInfo) == info
