"""Training on the terminal: a bar where somebody watches, one plain line per epoch elsewhere."""

from __future__ import annotations

from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from training.epochs import EpochFigures, EpochListener


def listener_for(progress: Literal["auto", "plain", "none"], *, epochs: int, console: Console) -> EpochListener:
    """A bar when `progress` is auto and the console is a terminal."""
    if progress == "none":
        return Silence()
    if progress == "auto" and console.is_terminal:
        return Bar(console, epochs=epochs)
    return Lines(console)


def epoch_line(figures: EpochFigures) -> str:
    """`| epoch 3 | loss 412.1 | ndcg@100 0.4010 * | 2.1s |`; the star marks the best epoch so far."""
    mark = " *" if figures.best else ""
    return (
        f"| epoch {figures.epoch} | loss {figures.loss:.1f} | ndcg@100 {figures.ndcg:.4f}{mark} "
        f"| active {figures.active_units}/{len(figures.kl_per_latent)} | {figures.seconds:.1f}s |"
    )


class Silence:
    def step(self, done: int, total: int) -> None:
        pass

    def epoch(self, figures: EpochFigures) -> None:
        pass

    def close(self) -> None:
        pass


class Lines:
    """One plain line per epoch: no colour, no wrapping, nothing per step."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def step(self, done: int, total: int) -> None:
        pass

    def epoch(self, figures: EpochFigures) -> None:
        self.console.print(epoch_line(figures), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        pass


class Bar:
    """One bar over the steps of the current epoch, with the figures of the last one."""

    def __init__(self, console: Console, *, epochs: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
        self.progress = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
        self.epochs, self.finished, self.best = epochs, 0, 0.0
        self.task = self.progress.add_task(self._title(), total=None, figures="")
        self.progress.start()

    def _title(self) -> str:
        return f"epoch {self.finished + 1}/{self.epochs}"

    def step(self, done: int, total: int) -> None:
        self.progress.update(self.task, completed=done, total=total)

    def epoch(self, figures: EpochFigures) -> None:
        self.finished = figures.epoch + 1
        self.best = max(self.best, figures.ndcg)
        shown = f"loss {figures.loss:.1f}  ndcg@100 {figures.ndcg:.4f} (best {self.best:.4f})"
        self.progress.update(self.task, description=self._title(), figures=shown)

    def close(self) -> None:
        self.progress.stop()
