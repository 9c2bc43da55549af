"""Evaluate a run: the model, the baselines beside it, and the conditions it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from bundle.catalogue import Catalogue
from training.data.split import HeldOut, Split
from training.decode.posterior import aggregated_posterior
from training.evaluate import lists as list_figures
from training.evaluate.baselines import fit_baseline
from training.evaluate.baselines.baseline import Baseline
from training.evaluate.conditions import evaluate_conditions
from training.evaluate.intervals import list_metric, metric_of
from training.evaluate.measure import Measured, measurable, measure
from training.evaluate.neighbours import fit_neighbours
from training.evaluate.result import HEADLINE, NEIGHBOURS, Conditioned, Evaluation, Metrics, Part
from training.evaluate.scorer import ModelScorer, Scorer
from training.models.registry import entry_for
from training.objective import ACTIVE_NATS
from training.run_folder import LoadedRun, RunFolder

DEFAULT_BASELINES = ("popularity", "ease")
SEED = 20_180_223
"""Of the bootstrap: intervals are the same every time the same lists are evaluated."""


def evaluate_run(run: RunFolder, *, part: Part = "test", baselines: Sequence[str] = DEFAULT_BASELINES) -> Evaluation:
    """Evaluate on held-out users and write `evaluation.json`. DataError when no held-out user has a target.

    Baselines are fitted on the same training users; what they need chosen is chosen on the validation users.
    """
    loaded = run.load()
    evaluation = evaluate(loaded, part=part, baselines=baselines)
    run.write(run.evaluation, evaluation.to_json())
    return evaluation


def evaluate(loaded: LoadedRun, *, part: Part, baselines: Sequence[str] = DEFAULT_BASELINES) -> Evaluation:
    """See evaluate_run; nothing is written. Costs a forward pass for every held-out user (and condition), and EASE."""
    split = loaded.split
    heldout = measurable(split.test if part == "test" else split.validation, what=part)
    fitted = _beside(loaded, baselines)
    measured = measure(ModelScorer(loaded.model), heldout)
    beside = {name: measure(baseline.scorer, heldout) for name, baseline in fitted.items()}
    scorers = {name: baseline.scorer for name, baseline in fitted.items()}
    return Evaluation(
        kind=loaded.info.kind,
        part=part,
        fingerprint=split.fingerprint,
        model=metrics_of(measured, split, loaded.catalogue),
        baselines={name: metrics_of(found, split, loaded.catalogue) for name, found in beside.items()},
        gain={
            name: metric_of(measured.values[HEADLINE] - found.values[HEADLINE], _rng())
            for name, found in beside.items()
        },
        settings={name: baseline.settings for name, baseline in fitted.items()},
        conditioned=_conditioned(loaded, heldout, scorers),
        active_units=int(aggregated_posterior(loaded.model, heldout.fold_in, active_kl=ACTIVE_NATS).active.sum()),
        n_latent=loaded.model.n_latent,
    )


def _beside(loaded: LoadedRun, names: Sequence[str]) -> dict[str, Baseline]:
    """The baselines asked for, and the model's other way to recommend if it has one."""
    fitted = {name: fit_baseline(name, loaded.split) for name in dict.fromkeys(names)}
    if entry_for(loaded.info.kind).neighbours:
        fitted[NEIGHBOURS] = fit_neighbours(loaded.model, loaded.split)
    return fitted


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def metrics_of(measured: Measured, split: Split, catalogue: Catalogue) -> Metrics:
    """Every figure of science.md section 2, in its order."""
    top, n_items = measured.lists, len(catalogue)
    metrics = {name: metric_of(values, _rng()) for name, values in measured.values.items()}
    for name, figure in (("coverage@10", list_figures.coverage), ("gini@10", list_figures.gini)):
        metrics[name] = list_metric(top, partial(figure, n_items=n_items), _rng())
    metrics["novelty@10"] = metric_of(list_figures.novelty(top, list_figures.item_popularity(split.train)), _rng())
    features = list_figures.item_features(catalogue)
    if features is not None:
        metrics["ild@10"] = metric_of(list_figures.diversity(top, features), _rng())
    return metrics


def _conditioned(loaded: LoadedRun, heldout: HeldOut, scorers: dict[str, Scorer]) -> Conditioned | None:
    attribute = loaded.catalogue.attribute(loaded.info.conditions.attribute or "")
    if attribute is None or not loaded.model.n_conditions:
        return None
    return evaluate_conditions(loaded.model, heldout, attribute=attribute, baselines=scorers, rng=_rng())
