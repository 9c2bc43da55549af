"""What held-out users are recommended when they ask for something, and how good it is, by every way to ask.

A user's targets are the held-out items that satisfy what is asked; who has none is not asked. The ways, as the API has
them: `none` (nothing is asked of the model and nothing filtered: the control), `strict` (nothing asked of the model, a
plain filter), `soft` (the model's condition input) and `both`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.data.split import HeldOut
from training.evaluate import ranking
from training.evaluate.lists import satisfaction
from training.evaluate.measure import DEPTH, LIST_LENGTH, unseen_scores, users_at_once
from training.evaluate.questions import Question
from training.evaluate.result import HEADLINE
from training.evaluate.scorer import Scorer, Scores

SATISFACTION = f"satisfaction@{LIST_LENGTH}"
FIGURES = (SATISFACTION, HEADLINE)

Figures = dict[str, NDArray[np.float64]]
Asking = Callable[[Question], Scorer]
"""The scorer that a question turns a model into."""


@dataclass(frozen=True, slots=True)
class Answers:
    """n pairs of a user and a question, question by question and the users in their order.

    question, user  int64 [n]: indices into the questions asked and the held-out users
    reach           float64 [n]: the largest satisfaction@10 there could be, below 1 where few unseen items satisfy
    ways            way -> figure (FIGURES) -> float64 [n]
    """

    question: NDArray[np.int64]
    user: NDArray[np.int64]
    reach: NDArray[np.float64]
    ways: Mapping[str, Figures]


def answers(
    scorer: Scorer, heldout: HeldOut, questions: Sequence[Question], *, asking: Asking | None = None
) -> Answers:
    """Ask every user every question that the user has a target for; asking: None = the scorer takes no condition.

    Without a condition every user is scored once, whatever the number of questions; with one, once more for each.
    Holds users_at_once(n_items) * n_items scores at a time, twice. FitError when a score is not finite.
    """
    found: list[list[_Part]] = [[] for _ in questions]
    size = users_at_once(heldout.target.shape[1])
    for start in range(0, len(heldout.users), size):
        rows = slice(start, start + size)
        batch = _Batch(scorer, heldout.fold_in[rows], heldout.target[rows], first_user=start)
        for parts, question in zip(found, questions, strict=True):
            part = batch.ask(question, None if asking is None else asking(question))
            if part is not None:
                parts.append(part)
    return _joined(found)


@dataclass(frozen=True, slots=True)
class _Part:
    """The answers of one batch to one question."""

    user: NDArray[np.int64]
    reach: NDArray[np.float64]
    ways: dict[str, Figures]


class _Batch:
    """Some users, scored once without a condition; the best items of all are ranked once, too."""

    def __init__(
        self, scorer: Scorer, fold_in: sparse.csr_matrix, target: sparse.csr_matrix, *, first_user: int
    ) -> None:
        self.fold_in, self.target, self.first_user = fold_in, target, first_user
        self.plain = unseen_scores(scorer, fold_in)
        self.best = ranking.top_items(self.plain, DEPTH)

    def ask(self, question: Question, asked: Scorer | None) -> _Part | None:
        """None when nobody here has a target. asked: the model under the question's condition."""
        answering = np.flatnonzero(question.satisfying)
        rows = np.flatnonzero(np.diff(self.target[:, answering].indptr))
        if len(rows) == 0:
            return None
        judge = _Judge(question.satisfying, answering, self.target[rows])
        ways = {
            "none": judge.listed(self.best[rows]),
            "strict": judge.filtered(self.plain[rows[:, None], answering]),
        }
        if asked is not None:
            scores = unseen_scores(asked, self.fold_in[rows])
            ways["soft"] = judge.listed(ranking.top_items(scores, DEPTH))
            ways["both"] = judge.filtered(scores[:, answering])
        n_open = len(answering) - np.diff(self.fold_in[rows][:, answering].indptr)
        return _Part(rows + self.first_user, np.minimum(n_open, LIST_LENGTH) / LIST_LENGTH, ways)


class _Judge:
    """Figures of lists for the users who are asked one question; target CSR [B, n_items], all of it."""

    def __init__(self, satisfying: NDArray[np.bool_], answering: NDArray[np.int64], target: sparse.csr_matrix) -> None:
        self.satisfying, self.answering = satisfying, answering
        self.wanted = sparse.csr_matrix(target[:, answering])
        self.n_wanted = np.diff(self.wanted.indptr).astype(np.int64)
        self.target = target

    def listed(self, lists: ranking.Lists) -> Figures:
        """Of lists of any items [B, k]: an item that does not satisfy is no hit, it only takes a place."""
        hits = ranking.hits_of(lists, self.target) & self.satisfying[np.maximum(lists, 0)]
        return self._figures(satisfaction(lists[:, :LIST_LENGTH], self.satisfying), hits)

    def filtered(self, scores: Scores) -> Figures:
        """Of the scores of the satisfying items alone [B, n_answering]: the plain filter."""
        lists = ranking.top_items(scores, DEPTH)
        everything = np.ones(len(self.answering), dtype=np.bool_)
        return self._figures(satisfaction(lists[:, :LIST_LENGTH], everything), ranking.hits_of(lists, self.wanted))

    def _figures(self, satisfied: ranking.PerUser, hits: NDArray[np.bool_]) -> Figures:
        return {SATISFACTION: satisfied, HEADLINE: ranking.ndcg(hits, self.n_wanted, DEPTH)}


def _joined(found: Sequence[Sequence[_Part]]) -> Answers:
    parts = [(place, part) for place, of_question in enumerate(found) for part in of_question]
    ways = parts[0][1].ways if parts else {}
    return Answers(
        question=_flat([np.full(len(part.user), place) for place, part in parts], np.int64),
        user=_flat([part.user for _, part in parts], np.int64),
        reach=_flat([part.reach for _, part in parts], np.float64),
        ways={
            way: {name: _flat([part.ways[way][name] for _, part in parts], np.float64) for name in FIGURES}
            for way in ways
        },
    )


def _flat(parts: Sequence[NDArray[np.generic]], kind: type[np.generic]) -> NDArray[np.generic]:
    return np.concatenate(parts).astype(kind) if parts else np.empty(0, dtype=kind)
