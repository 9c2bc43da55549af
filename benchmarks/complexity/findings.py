"""Everything that the page says, from the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.complexity.families import BASE, COMBINED, DEFAULTS, MIXTURES, MODEL, REAL, SETTINGS, WIDE, Case
from benchmarks.complexity.outcomes import Outcome, learned, outcomes
from benchmarks.complexity.predict import (
    ASKED,
    Going,
    Judged,
    Line,
    Rule,
    candidates,
    fitted,
    goings,
    judged,
    measured_epochs,
    warned,
)
from benchmarks.complexity.scaling import SCALED, Trained, base_of, powers, scale_of, steps_of, told, trained
from benchmarks.complexity.study import Record
from training.machine import machine
from training.provenance import git_state, library_versions

KNOWN_TO_TRAIN: Final = ("n_items", "mean_history", "density")
"""Figures that cost nothing: what is predicted with must be known before a training starts."""
SHOWN: Final = 8
DEFINITIONS: Final = {
    "tastes": "R2 of the tastes on z, summed: 0.81 of its level for good (the one that is predicted)",
    "axes": "absolute correlation of the best single latent with each taste, summed: 0.9 of its level for good",
    "units": "the number of latents with KL > 0.01 nats: that of the end, or more, for good",
    "best": "the highest validation ndcg@100",
}


def findings(records: Sequence[Record], *, command: str, quick: bool) -> dict[str, Any]:
    """The JSON document of the page."""
    found = outcomes(records)
    data = learned(found)
    synthetic = [one for one in found if one.family not in (SETTINGS, COMBINED, REAL)]
    line, errors = chosen(data)
    scale = {} if quick else powers(records)
    libraries, git = library_versions(), git_state()
    return {
        "command": command,
        "quick": quick,
        "ran_on": machine(libraries),
        "libraries": libraries,
        "git": None if git is None else {"commit": git.commit, "dirty": git.dirty},
        "training_seconds": sum(record.seconds for record in records),
        "model": MODEL,
        "horizon": {"steps": Case("", "").steps, "epochs": Case("", "").epochs},
        "looks": len(base_of(records).curve.steps) if not quick else len(records[0].curve.steps),
        "n_data_sets": len(data),
        "n_unlearned": len(synthetic) - len(data),
        "n_runs": sum(len(one.seen) for one in synthetic),
        "seeds": max(len(one.seen) for one in synthetic),
        "still_rising": sum(seen.rising for one in synthetic for seen in one.seen),
        "other_definitions": _definitions(data),
        "going": {
            name: [asdict(one) for one in goings(data, measured, np.random.default_rng(0))]
            for name, measured in zip(("epochs", "steps"), _measured(data), strict=True)
        },
        "prediction": {
            "rule": str(line.rule),
            "figures": list(line.rule.figures),
            "constant": float(np.exp(line.intercept)),
            "slopes": list(line.slopes),
            "factor": errors.factor,
            "low": errors.low,
            "high": errors.high,
            "by_family": _by_family(data, errors),
        },
        "candidates": _candidates(data, errors),
        "mixtures_alone": _mixtures(data, line),
        "warned": asdict(warned(line.rule, data)) | {"asked": ASKED},
        "scaling": scale,
        "settings": [] if quick else [asdict(one) for one in _settings(records, scale)],
        "combined": [] if quick else [asdict(one) for one in _combined(records, scale)],
        "real": [_real(one, line, errors, scale) for one in found if one.family == REAL],
        "families": _families(synthetic),
    }


def plotted(
    records: Sequence[Record],
) -> tuple[list[Outcome], list[Outcome], tuple[list[Going], list[Going]], tuple[Line, Judged]]:
    """What write_plot draws: a constant number of optimiser steps is the line."""
    found = outcomes(records)
    data = learned(found)
    constant = Rule((), in_steps=True)
    real = [one for one in found if one.family == REAL and one.steps and not one.label.endswith(WIDE)]
    going = tuple(goings(data, measured, np.random.default_rng(0)) for measured in _measured(data))
    return data, real, (going[0], going[1]), (fitted(constant, data), judged(constant, data))


def _measured(data: Sequence[Outcome]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of the epochs and of the steps."""
    return measured_epochs(data), np.log([one.typical_steps for one in data])


def chosen(data: Sequence[Outcome]) -> tuple[Line, Judged]:
    """The rule in steps that predicts families it has not seen best, of figures known to `train`."""
    possible = [one for one in candidates(data) if one.rule.in_steps and set(one.rule.figures) <= set(KNOWN_TO_TRAIN)]
    return fitted(possible[0].rule, data), possible[0]


def _candidates(data: Sequence[Outcome], used: Judged) -> list[dict[str, Any]]:
    """The best, each figure alone, constants, and what is used."""
    ranked = candidates(data)
    shown = ranked[:SHOWN] + [one for one in ranked[SHOWN:] if len(one.rule.figures) < 2 or one.rule == used.rule]
    return [
        {
            "rule": str(one.rule),
            "used": one.rule == used.rule,
            "factor": one.factor,
            "low": one.low,
            "high": one.high,
        }
        for one in shown
    ]


def _by_family(data: Sequence[Outcome], errors: Judged) -> dict[str, float]:
    """The held-out factor of each family, the worst first."""
    found: dict[str, list[float]] = {}
    for one, error in zip(data, errors.errors, strict=True):
        found.setdefault(one.family, []).append(error)
    factors = {family: float(np.exp(np.sqrt(np.mean(np.square(some))))) for family, some in found.items()}
    return dict(sorted(factors.items(), key=lambda pair: -pair[1]))


def _definitions(data: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Each definition's steps over all trainings, and how its epochs go with those of the first."""
    found = {}
    seen = [(one, moment) for one in data for moment in one.seen]
    first = [moment.tastes / one.steps_per_epoch for one, moment in seen if moment.tastes]
    for name, meaning in DEFINITIONS.items():
        steps = np.array([getattr(moment, name) for _, moment in seen], dtype=np.float64)
        epochs = steps / np.array([one.steps_per_epoch for one, _ in seen])
        low, median, high = np.quantile(steps, [0.05, 0.5, 0.95])
        found[name] = {
            "definition": meaning,
            "median": float(median),
            "low": float(low),
            "high": float(high),
            "rho": float(spearmanr(epochs, first).statistic),
        }
    return found


def _mixtures(data: Sequence[Outcome], line: Line) -> dict[str, Any] | None:
    """Random mixtures, predicted from the families in which one thing varies."""
    mixed = [one for one in data if one.family == MIXTURES]
    single = [one for one in data if one.family != MIXTURES]
    if not mixed:
        return None
    errors = measured_epochs(mixed) - fitted(line.rule, single).log_epochs(mixed)
    return {"n": len(mixed), "factor": float(np.exp(np.sqrt(np.mean(errors**2))))}


def _settings(records: Sequence[Record], scale: Mapping[str, float]) -> list[Trained]:
    base = base_of(records)
    own = Trained("the study's own", {}, steps_of(base), float(steps_of(base)))
    return [own, *trained(records, SETTINGS, scale, at_base={told(base.case): steps_of(base)})]


def _combined(records: Sequence[Record], scale: Mapping[str, float]) -> list[Trained]:
    own = {
        told(one.case): steps_of(one) for one in records if one.case.family in (BASE, "n_users") and not one.case.seed
    }
    return trained(records, COMBINED, scale, at_base=own)


def _real(one: Outcome, line: Line, errors: Judged, scale: Mapping[str, float]) -> dict[str, Any]:
    """Measured beside predicted. A label with two sizes in it is a training of the default network."""
    hidden = DEFAULTS["hidden"] if one.label.endswith(WIDE) else SCALED["hidden"]
    expected = float(np.exp(line.log_epochs([one])[0])) * scale_of({"hidden": hidden}, scale)
    return {
        "label": one.label,
        "steps_per_epoch": one.steps_per_epoch,
        "epochs": one.epochs,
        "expected": expected,
        "low": expected * errors.low,
        "high": expected * errors.high,
        "level": float(np.mean([seen.level for seen in one.seen])),
        "n_tastes": len(one.seen[0].carried),
        "rising": [seen.rising for seen in one.seen],
        "figures": one.figures,
    }


def _families(synthetic: Sequence[Outcome]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in synthetic:
        if one.steps:
            row = {
                "label": one.label,
                "steps": one.typical_steps,
                "epochs": one.typical_epochs,
                "by_seed": [asdict(seen) for seen in one.seen],
                "figures": one.figures,
            }
            found.setdefault(one.family, []).append(row)
    return found
