"""From answers to figures: what lists that were asked for something are worth, and against which peer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Metric
from training.bench.contenders import Contender, Inquiry
from training.evaluate.answers import FIGURES
from training.evaluate.by_user import PerFigure, difference_by_user, mean_by_user
from training.evaluate.evaluate import SEED
from training.evaluate.questions import SORTS, Question, Sort
from training.evaluate.result import HEADLINE, Metrics

WAYS = ("none", "soft", "strict", "both")
FILTER = "strict"


@dataclass(frozen=True, slots=True)
class Against:
    """ndcg@100 of a model asked in one way, less that of the best other model behind a plain filter, paired."""

    model: str
    way: str
    peer: str
    difference: Metric


@dataclass(frozen=True, slots=True)
class Section:
    """All questions of one sort together.

    n_pairs  of a user and a question; reach: the mean satisfaction@10 that lists could have at most
    figures  model -> way -> figure; the best ndcg@100 behind a plain filter first
    """

    sort: Sort
    n_questions: int
    n_pairs: int
    reach: float
    figures: Mapping[str, Mapping[str, Metrics]]
    against: tuple[Against, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One question: figures as model -> way -> figure -> mean over its users and the seeds."""

    question: Question
    n_users: int
    means: Mapping[str, Mapping[str, Mapping[str, float]]]


def sections(inquiry: Inquiry, *, flagship: str | None) -> list[Section]:
    """A section for every sort that somebody was asked; costs a bootstrap for each figure."""
    found = ((sort, inquiry.of_sort(sort)) for sort in SORTS)
    return [_section(inquiry, sort, which, flagship) for sort, which in found if which.any()]


def lines(inquiry: Inquiry) -> list[Line]:
    """A line for every question that somebody was asked, in their order."""
    found = []
    for place, question in enumerate(inquiry.asked):
        which = inquiry.question == place
        if which.any():
            means = {
                one.model: {
                    way: {name: float(values[:, which].mean()) for name, values in one.ways[way].items()}
                    for way in WAYS
                    if way in one.ways
                }
                for one in inquiry.contenders
            }
            found.append(Line(question, int(which.sum()), means))
    return found


def _section(inquiry: Inquiry, sort: Sort, which: NDArray[np.bool_], flagship: str | None) -> Section:
    ranked = sorted(inquiry.contenders, key=lambda one: -float(_ndcg(one, FILTER, which).mean()))
    return Section(
        sort=sort,
        n_questions=len(np.unique(inquiry.question[which])),
        n_pairs=int(which.sum()),
        reach=float(inquiry.reach[which].mean()),
        figures={one.model: _figures(one, which, inquiry.user[which]) for one in ranked},
        against=tuple(
            found for one in ranked if one.conditioned for found in _against(one, ranked, which, inquiry, flagship)
        ),
    )


def _figures(one: Contender, which: NDArray[np.bool_], user: NDArray[np.int64]) -> dict[str, Metrics]:
    return {
        way: {name: mean_by_user(one.ways[way][name][:, which], user, _rng()) for name in FIGURES}
        for way in WAYS
        if way in one.ways
    }


def _against(
    one: Contender, ranked: list[Contender], which: NDArray[np.bool_], inquiry: Inquiry, flagship: str | None
) -> list[Against]:
    """Against the first of `ranked` that is neither the model itself nor the flagship; nothing when there is none."""
    peer = next((other for other in ranked if other.model not in (one.model, flagship)), None)
    if peer is None:
        return []
    theirs, user = _ndcg(peer, FILTER, which), inquiry.user[which]
    return [
        Against(one.model, way, peer.model, difference_by_user(_ndcg(one, way, which), theirs, user, _rng()))
        for way in ("soft", FILTER, "both")
    ]


def _ndcg(one: Contender, way: str, which: NDArray[np.bool_]) -> PerFigure:
    return one.ways[way][HEADLINE][:, which]


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)
