"""One line of work of the bench, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from training.evaluate.baselines import DRAWN
from training.evaluate.result import Conditioned, Metrics, Part
from training.guided.settings import NONE
from training.models.registry import entry_for
from training.options import FitOptions
from training.run_info import Settings
from training.start import explicit


@dataclass(frozen=True, slots=True)
class Task:
    """Train (or fit) one thing and measure it on held-out users; travels to a process of its own.

    model   a kind of the registry, or a baseline's name; options: how to train it, None = a baseline
    inputs  the folder with the split and the catalogue; folder: the run's, where the outcome is kept, too
    part    whom it is measured on; the run in the folder is the same for both
    fresh   what is in the folder is thrown away first
    """

    model: str
    seed: int
    inputs: Path
    folder: Path
    options: FitOptions | None
    part: Part = "test"
    fresh: bool = False

    @property
    def asked(self) -> dict[str, Settings]:
        """What decides the figures, beside the split, the seed and the code."""
        if self.options is None:
            return {}
        asked = {"config": self.options.model.model_dump(), "fit": self.options.fit.model_dump()}
        if explicit(self.options).guide.attributes != NONE:
            asked["guide"] = self.options.guide.model_dump()
        if entry_for(self.options.kind).conditioned:
            asked["condition"] = {"attribute": self.options.condition}
        return asked

    @property
    def drawn(self) -> bool:
        """Whether another seed would give other figures."""
        return self.options is not None or self.model in DRAWN

    @property
    def outcome(self) -> Path:
        """The file that keeps the outcome."""
        return self.folder / outcome_file(self.part)


def outcome_file(part: Part) -> str:
    """Its name in a task's folder."""
    return "outcome.json" if part == "test" else f"outcome-{part}.json"


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a task came to; kept in its folder, so that a bench that was stopped can go on.

    per_user     metric -> its figure for every measured user, in the split's order: of use for intervals and paired
                 differences only
    seconds      to train (or fit) until it stopped by itself, validation and search included
    peak_bytes   the most memory that the process held until then, libraries and data included
    chosen       of a baseline: what was chosen on the validation users; of a model: epochs, best epoch
    drawn        whether another seed would give other figures
    also         the model's other ways to recommend, as outcomes of their own: "contrastive (neighbours)"
    commit       of the code that trained it, "+" behind it when the work tree differed; None = not known
    code         a digest of the sources that shape the figures (training.provenance.code_digest)
    ran_on       the processor and how many cores
    """

    model: str
    baseline: bool
    seed: int
    part: Part
    fingerprint: str
    asked: dict[str, Settings]
    metrics: Metrics
    per_user: dict[str, tuple[float, ...]]
    seconds: float
    peak_bytes: int
    chosen: dict[str, float | str]
    drawn: bool
    libraries: dict[str, str]
    ran_on: str
    code: str
    commit: str | None = None
    conditioned: Conditioned | None = None
    also: tuple[Outcome, ...] = ()


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A task that ended in an error of ours; exceptions of our own do not travel between processes."""

    message: str
    hint: str
