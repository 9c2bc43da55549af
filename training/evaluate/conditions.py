"""Does a list obey its condition, and is it still good? Over all pairs (user, value) with a held-out item of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Attribute
from training.data.split import HeldOut
from training.evaluate.answers import Figures, answers
from training.evaluate.by_user import mean_by_user
from training.evaluate.questions import Question, singles
from training.evaluate.result import Conditioned, Metrics
from training.evaluate.scorer import ModelScorer, Scorer
from training.models.base import LatentModel


def under(model: LatentModel, question: Question, *, shares: bool) -> ModelScorer:
    """The model asked a question, as the service asks it: 1 for each of its values.

    shares: 1/n for each of n when all are meant (bundle.manifest.Conditions)
    """
    share = 1.0 / len(question.values) if shares and question.match == "all" else 1.0
    return ModelScorer(model, question.values, share=share)


def evaluate_conditions(
    model: LatentModel,
    heldout: HeldOut,
    *,
    attribute: Attribute,
    baselines: Mapping[str, Scorer],
    rng: np.random.Generator,
) -> Conditioned:
    """satisfaction@10 and ndcg@100 for every value of the attribute by every way, and of the filtered baselines.

    One forward pass for every user, and one more for each pair of a user and a value.
    """
    asked = singles(attribute)
    found = answers(ModelScorer(model), heldout, asked, asking=lambda question: under(model, question, shares=False))
    if len(found.user) == 0:
        return Conditioned(attribute=attribute.name, overall={}, by_value={})
    ways = dict(found.ways)
    for name, scorer in baselines.items():
        ways[f"{name} strict"] = answers(scorer, heldout, asked).ways["strict"]
    by_value = {
        question.name: {
            way: _metrics(figures, found.user, found.question == place, rng) for way, figures in ways.items()
        }
        for place, question in enumerate(asked)
        if (found.question == place).any()
    }
    everything = np.ones(len(found.user), dtype=np.bool_)
    overall = {way: _metrics(figures, found.user, everything, rng) for way, figures in ways.items()}
    return Conditioned(attribute=attribute.name, overall=overall, by_value=by_value)


def _metrics(figures: Figures, user: NDArray[np.int64], which: NDArray[np.bool_], rng: np.random.Generator) -> Metrics:
    return {name: mean_by_user(values[None, which], user[which], rng) for name, values in figures.items()}
