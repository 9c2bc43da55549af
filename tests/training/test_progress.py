from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from training.epochs import EpochFigures, append_epoch, drop_epochs_from, read_epochs
from training.errors import FitError
from training.progress import Bar, Lines, Silence, epoch_line, listener_for

FIGURES = EpochFigures(
    epoch=3,
    step=40,
    loss=412.13,
    reconstruction=400.0,
    kl=60.0,
    beta=0.2,
    ndcg=0.401,
    best=True,
    active_units=3,
    seconds=2.14,
    kl_per_latent=(0.5, 0.0, 0.2, 0.1),
)


def test_epoch_line_is_plain() -> None:
    assert epoch_line(FIGURES) == "| epoch 3 | loss 412.1 | ndcg@100 0.4010 * | active 3/4 | 2.1s |"


@pytest.mark.parametrize(
    ("progress", "terminal", "kind"),
    [("auto", True, Bar), ("auto", False, Lines), ("plain", True, Lines), ("none", True, Silence)],
)
def test_bar_is_for_terminals_only(progress: str, terminal: bool, kind: type) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal)
    listener = listener_for(progress, epochs=5, console=console)  # type: ignore[arg-type]
    assert isinstance(listener, kind)
    listener.step(1, 10)
    listener.epoch(FIGURES)
    listener.close()


def test_lines_are_one_per_epoch_without_control_codes() -> None:
    out = io.StringIO()
    lines = Lines(Console(file=out, force_terminal=False, width=20))
    lines.step(1, 10)
    lines.epoch(FIGURES)
    assert out.getvalue() == epoch_line(FIGURES) + "\n"


def test_bar_shows_epoch_and_best_figure() -> None:
    out = io.StringIO()
    bar = Bar(Console(file=out, force_terminal=True, width=120), epochs=9)
    bar.epoch(FIGURES)
    bar.progress.refresh()
    bar.close()
    assert "epoch 5/9" in out.getvalue()
    assert "best 0.4010" in out.getvalue()


def test_epochs_are_read_back_and_those_to_be_redone_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for epoch in range(4):
        append_epoch(path, msgspec.structs.replace(FIGURES, epoch=epoch))
    assert [figures.epoch for figures in read_epochs(path)] == [0, 1, 2, 3]
    assert b'"ndcg@100":0.401' in path.read_bytes()
    drop_epochs_from(path, 2)
    assert [figures.epoch for figures in read_epochs(path)] == [0, 1]


def test_cut_off_last_line_is_left_out_but_a_broken_one_between_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_epoch(path, FIGURES)
    with path.open("ab") as file:
        file.write(b'{"epoch": 4')
    assert read_epochs(path) == (FIGURES,)
    with path.open("ab") as file:
        file.write(b"\n{}\n")
    with pytest.raises(FitError, match=r"metrics\.jsonl:2 is not an epoch"):
        read_epochs(path)


def test_dropping_epochs_of_no_file_is_nothing(tmp_path: Path) -> None:
    drop_epochs_from(tmp_path / "metrics.jsonl", 0)
    assert not (tmp_path / "metrics.jsonl").exists()
