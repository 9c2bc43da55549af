"""One line of work of the bench, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from training.evaluate.result import Conditioned, Metrics
from training.options import FitOptions
from training.run_info import Settings


@dataclass(frozen=True, slots=True)
class Task:
    """Train (or fit) one thing and measure it on the test users; travels to a process of its own.

    model   a kind of the registry, or a baseline's name; options: how to train it, None = a baseline
    inputs  the folder with the split and the catalogue; folder: the run's, where the outcome is kept, too
    """

    model: str
    seed: int
    inputs: Path
    folder: Path
    options: FitOptions | None

    @property
    def asked(self) -> dict[str, Settings]:
        """What decides the figures, beside the split and the code."""
        if self.options is None:
            return {}
        return {"config": self.options.model.model_dump(), "fit": self.options.fit.model_dump()}


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a task came to; kept as outcome.json in its folder, so that a bench that was stopped can go on.

    per_user     ndcg@100 of every measured test user, in the split's order: of use for paired differences only
    seconds      to train (or fit) until it stopped by itself, validation and search included
    peak_bytes   the most memory that the process held, libraries and data included
    chosen       of a baseline: what was chosen on the validation users; of a model: epochs, best epoch
    also         the model's other ways to recommend, as outcomes of their own: "contrastive (neighbours)"
    commit       of the code that made it, "+" behind it when the work tree differed; None = not known
    """

    model: str
    baseline: bool
    seed: int
    fingerprint: str
    asked: dict[str, Settings]
    metrics: Metrics
    per_user: tuple[float, ...]
    seconds: float
    peak_bytes: int
    chosen: dict[str, float | str]
    libraries: dict[str, str]
    conditioned: Conditioned | None = None
    also: tuple[Outcome, ...] = ()
    commit: str | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A task that ended in an error of ours; exceptions of our own do not travel between processes."""

    message: str
    hint: str
