"""What a fitted baseline is, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass

from training.evaluate.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline and what was chosen for it on the validation users."""

    scorer: Scorer
    settings: dict[str, float | str]
