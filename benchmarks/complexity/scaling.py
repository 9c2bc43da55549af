"""How the steps until the latents are active go with the settings of training: a power of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.complexity.families import HISTORY, MODEL, SETTINGS, Case
from benchmarks.complexity.moments import moments
from benchmarks.complexity.study import Record
from training.options import FitConfig, fit_config
from training.too_short import worth

SCALED: Final[Mapping[str, float]] = {
    "learning_rate": FitConfig().learning_rate,
    "batch_size": FitConfig().batch_size,
    "hidden": MODEL["hidden"],
}
"""Settings that the rule has a power for, and what they are in the study."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One way of training: what was set, the steps it took, and what the rule says of it."""

    label: str
    asked: dict[str, Any]
    steps: int
    expected: float


def powers(records: Sequence[Record]) -> dict[str, float]:
    """Of each setting in SCALED: least squares in the logarithms through the point of the study's own setting.

    "guided" is no power but a factor: the steps of the guided training over those of the one that is not.
    """
    base = steps_of(base_of(records))
    found = {}
    for name, usual in SCALED.items():
        some = [record for record in records if record.case.family == SETTINGS and set(asked_of(record.case)) == {name}]
        x = np.log([asked_of(record.case)[name] / usual for record in some])
        y = np.log([steps_of(record) / base for record in some])
        found[name] = float(x @ y / (x @ x)) if some else 0.0
    guided = [record for record in records if record.case.family == SETTINGS and record.case.guided]
    return {**found, "guided": steps_of(guided[0]) / base if guided else 1.0}


def trained(
    records: Sequence[Record], family: str, found: Mapping[str, float], *, at_base: Mapping[str, float]
) -> list[Trained]:
    """The family's trainings beside the rule. at_base: by data (told), the steps with the study's own settings."""
    rows = []
    for record in records:
        if record.case.family == family:
            asked = asked_of(record.case)
            constant = at_base[told(record.case)] * scale_of(asked, found)
            rows.append(
                Trained(
                    record.case.label, asked, steps_of(record), _of_schedule(record, constant, found["learning_rate"])
                )
            )
    return rows


def scale_of(asked: Mapping[str, Any], found: Mapping[str, float]) -> float:
    """How many times the steps of the study's own settings the rule expects."""
    guided = found["guided"] if asked.get("guided") else 1.0
    factors: list[float] = [(asked.get(name, usual) / usual) ** found[name] for name, usual in SCALED.items()]
    return float(guided * math.prod(factors))


def asked_of(case: Case) -> dict[str, Any]:
    """Settings that differ from the study's; how long a one-cycle lasts is no setting of its own."""
    kind = {} if case.kind == "mult-vae" else {"kind": case.kind}
    guided = {"guided": True} if case.guided else {}
    return {**case.fit, **case.model, **kind, **guided}


def base_of(records: Sequence[Record]) -> Record:
    """The training on the defaults of `data synth` with the study's own settings, seed 0."""
    return next(one for one in records if one.case.family == "base" and one.case.seed == 0)


def told(case: Case) -> str:
    """The data of a case, in words."""
    differs = {key: value for key, value in case.synth.items() if key not in HISTORY}
    return ", ".join(f"{key} {value}" for key, value in differs.items())


def steps_of(record: Record) -> int:
    """The steps it took; all there were if nothing was learned."""
    return moments(record.curve).tastes or record.curve.steps[-1]


def _of_schedule(record: Record, constant: float, power: float) -> float:
    """Steps worth `constant` ones at the full rate; one more than there are when they are not enough."""
    fit = fit_config(dict(record.case.fit))
    if fit.schedule == "constant":
        return constant
    total = worth(fit, fit.epochs * record.curve.steps_per_epoch, power=power)
    return float(np.searchsorted(total, constant) + 1)
