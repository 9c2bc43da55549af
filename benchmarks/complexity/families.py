"""The data sets that are trained on: one thing varied at a time, random mixtures, other settings, real data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.data.synth import SynthConfig

FORMAT: Final = 3
"""Of what is kept of a run: raised when a measurement means something else, and then all runs are made again."""
MODEL: Final = {"hidden": 200, "latent": 10}
DEFAULTS: Final = {"hidden": 600, "latent": 200}
"""The sizes of a mult-vae unless they are set."""
WIDE: Final = " 600-200"
"""What the label of real data ends in that such a model is trained on."""
STRENGTHS: Final = {"genre_strength": 1.6, "year_strength": 0.7, "rating_strength": 0.35}
HISTORY: Final = {"min_history": 5}

MIXTURES, SETTINGS, COMBINED, REAL, BASE = "mixtures", "settings", "combined", "real", "base"
N_MIXTURES: Final = 16
SEED_OF_MIXTURES: Final = 20261122


@dataclass(frozen=True, slots=True)
class Case:
    """One training.

    family, label  which thing is varied, and its value
    synth          what SynthConfig is given beside the seed; empty for real data
    real           folder of a real data set
    fit, model     what differs from the defaults of FitConfig and from MODEL
    guided         the latents are tied to the items' attributes
    seed           of the data and of the training
    steps, epochs  the training ends after the greater of the two
    """

    family: str
    label: str
    synth: Mapping[str, Any] = field(default_factory=dict)
    real: str | None = None
    fit: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "mult-vae"
    guided: bool = False
    seed: int = 0
    steps: int = 1000
    epochs: int = 12

    @property
    def name(self) -> str:
        """Of the file that keeps it: readable, and another one for other options."""
        asked = {key: value for key, value in asdict(self).items() if key not in ("family", "label")}
        asked = {key: value for key, value in asked.items() if key != "guided" or value}
        asked["real"] = None if self.real is None else Path(self.real).name
        digest = hashlib.sha256(json.dumps([FORMAT, asked], sort_keys=True).encode()).hexdigest()[:10]
        return f"{self.family}-{self.label}-{self.seed}-{digest}".replace("/", "_").replace(" ", "_")


def scaled(share: float) -> dict[str, float]:
    """All three strengths times `share`."""
    return {name: share * value for name, value in STRENGTHS.items()}


def one_at_a_time() -> dict[str, dict[str, dict[str, Any]]]:
    """family -> value -> SynthConfig's settings. What is not named is SynthConfig's default: 3,000 users, 600 items,
    40 items a user, strengths 1.6, 0.7 and 0.35."""
    return {
        "n_users": {str(n): {"n_users": n} for n in (400, 800, 1500, 6000, 12000)},
        "n_items": {str(n): {"n_items": n} for n in (100, 200, 350, 1200, 2500, 5000)},
        "mean_history": {str(n): {"mean_history": float(n)} for n in (8, 12, 20, 80, 150)},
        "strength": {f"{share:g}": scaled(share) for share in (0.35, 0.5, 0.7, 1.5, 2.2)},
        "noise": {f"{sd:g}": {"noise": sd} for sd in (0.0, 0.7, 1.2, 2.0)},
        "popularity_skew": {f"{skew:g}": {"popularity_skew": skew} for skew in (0.0, 0.6, 1.0, 1.5)},
        "correlation": {f"{rho:g}": {"correlation": rho} for rho in (-0.4, 0.3, 0.6, 0.9)},
    }


def mixture(rng: np.random.Generator) -> dict[str, Any]:
    """Everything drawn at once, sizes evenly in the logarithm."""

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    n_items = round(between(100, 3000))
    return {
        "n_users": round(between(400, 12000)),
        "n_items": n_items,
        "mean_history": round(min(between(8, 120), n_items / 4), 1),
        **{name: round(value, 3) for name, value in scaled(between(0.5, 1.8)).items()},
        "noise": round(float(rng.uniform(0.0, 1.5)), 2),
        "popularity_skew": round(float(rng.uniform(0.0, 1.3)), 2),
        "correlation": round(float(rng.uniform(-0.3, 0.7)), 2),
    }


def data_sets() -> list[tuple[str, str, dict[str, Any]]]:
    """(family, label, SynthConfig's settings) of every synthetic data set."""
    found: list[tuple[str, str, dict[str, Any]]] = [(BASE, "defaults", {})]
    for family, values in one_at_a_time().items():
        found += [(family, label, settings) for label, settings in values.items()]
    rng = np.random.default_rng(SEED_OF_MIXTURES)
    found += [(MIXTURES, f"{n:02d}", mixture(rng)) for n in range(N_MIXTURES)]
    return found


def settings() -> list[tuple[str, dict[str, Any]]]:
    """(label, what of the case differs): other ways of training on SynthConfig's defaults."""
    fits: list[dict[str, Any]] = [{"batch_size": n} for n in (25, 50, 250)]
    fits += [{"learning_rate": rate} for rate in (3e-4, 3e-3, 1e-2)]
    fits += [{"schedule": "one-cycle", "learning_rate": 3e-3, "epochs": 66}, {"anneal_steps": 1}]
    fits += [{"anneal_steps": 5000}, {"beta_cap": 1.0}]
    models: list[dict[str, Any]] = [{"hidden": n} for n in (50, 100, 600)]
    models += [{"latent": n} for n in (4, 100)]
    told: list[tuple[str, dict[str, Any]]] = [(_told(one), {"fit": one}) for one in fits]
    told += [(_told(one), {"model": one}) for one in models]
    told += [(kind, {"kind": kind}) for kind in ("rec-vae", "additive-vae")]
    return [*told, ("guided", {"guided": True})]


def combined() -> list[tuple[str, dict[str, Any]]]:
    """(label, what of the case differs): several settings at once, to see whether they may be multiplied."""
    tuned = {"batch_size": 250, "learning_rate": 3e-3, "schedule": "one-cycle", "epochs": 60}
    small = HISTORY | {"n_users": 800}
    return [
        ("defaults of mult-vae", {"model": DEFAULTS, "steps": 600}),
        ("defaults of mult-vae, guided", {"model": DEFAULTS, "guided": True, "steps": 600}),
        ("as tuned", {"model": DEFAULTS, "fit": tuned, "steps": 600}),
        ("few users", {"model": DEFAULTS, "synth": small, "steps": 600}),
        ("few users, as tuned", {"model": DEFAULTS, "fit": tuned | {"epochs": 200}, "synth": small, "steps": 600}),
        (
            "few users, narrow",
            {"model": {"hidden": 50}, "fit": {"batch_size": 50, "learning_rate": 2e-3}, "synth": small},
        ),
    ]


def _told(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in settings.items())


def cases(*, seeds: int, real: list[Path], quick: bool = False) -> list[Case]:
    """All trainings; quick: a few tiny ones, to see whether the command works."""
    if quick:
        some = [("n_users", str(n), {"n_users": n, "n_items": 60, "mean_history": 12.0}) for n in (150, 300, 600)]
        some += [("mean_history", str(n), {"n_users": 300, "n_items": 60, "mean_history": float(n)}) for n in (8, 24)]
        return [Case(f, label, HISTORY | s, steps=60, epochs=5) for f, label, s in some]
    found = [Case(f, label, HISTORY | s, seed=k) for k in range(seeds) for f, label, s in data_sets()]
    found += [Case(SETTINGS, label, **({"synth": HISTORY} | differs)) for label, differs in settings()]
    found += [Case(COMBINED, label, **({"synth": HISTORY} | differs)) for label, differs in combined()]
    found += [Case(REAL, path.name, real=str(path)) for path in real]
    found += [Case(REAL, f"{path.name}{WIDE}", real=str(path), model=DEFAULTS, steps=600) for path in real]
    return sorted(found, key=lambda case: case.seed)  # one of each, before any is done again


def synth_config(case: Case, *, extra_users: int) -> SynthConfig:
    """Of a synthetic case, with users added on whom the latents are read."""
    asked = SynthConfig(**case.synth, seed=case.seed)
    return asked.model_copy(update={"n_users": asked.n_users + extra_users})
