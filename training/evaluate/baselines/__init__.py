"""The baselines printed beside the model: fitted on the training users, chosen on the validation users.

One file per baseline; BASELINES names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from training.data.split import Split
from training.errors import ConfigError
from training.evaluate.baselines.als import fit_als
from training.evaluate.baselines.baseline import Baseline
from training.evaluate.baselines.ease import fit_ease
from training.evaluate.baselines.item_knn import fit_item_knn
from training.evaluate.baselines.popularity import fit_popularity

BASELINES: Mapping[str, Callable[[Split], Baseline]] = {
    "popularity": fit_popularity,
    "item-knn": fit_item_knn,
    "als": fit_als,
    "ease": fit_ease,
}

DRAWN: Mapping[str, Callable[..., Baseline]] = {"als": fit_als}
"""Those that begin with random numbers and take a seed; the others always give the same."""


def check_baselines(names: tuple[str, ...]) -> None:
    """ConfigError for a name that is not a baseline's; it lists those there are."""
    for name in names:
        if name not in BASELINES:
            raise ConfigError(f"there is no baseline {name!r}", hint=f"choose among {', '.join(sorted(BASELINES))}")


def fit_baseline(name: str, split: Split, *, seed: int = 0) -> Baseline:
    """Fit a baseline by name; seed: of those that draw. ConfigError for an unknown one or for too large data."""
    check_baselines((name,))
    return DRAWN[name](split, seed=seed) if name in DRAWN else BASELINES[name](split)
