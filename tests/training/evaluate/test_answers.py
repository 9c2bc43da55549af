"""Questions and answers on a board that is worked out by hand: two values, six items, three users."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from bundle.catalogue import Attribute
from tests.training.boards import csr
from training.data.split import HeldOut
from training.errors import FitError
from training.evaluate.answers import Answers, answers
from training.evaluate.measure import measure
from training.evaluate.questions import Question, frequent_pairs, question, questions, singles
from training.evaluate.scorer import Scores

# items: 0 a, 1 a and b, 2 b, 3 nothing, 4 a, 5 b
GENRE = Attribute(
    name="genre", field="genres", kind="multilabel", values=("a", "b"), rows=((0,), (0, 1), (1,), (), (0,), (1,))
)
SCORES = np.array([9, 5, 8, 7, 6, 4], dtype=np.float32)
HELDOUT = HeldOut(
    ("u0", "u1", "u2"),
    csr(np.array([[1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0]])),
    csr(np.array([[0, 1, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0]])),
)
SECOND, THIRD, FOURTH = (1 / np.log2(rank + 1) for rank in (2, 3, 4))


class Same:
    """The same scores for everybody; `extra` [n_items] on top of them. Counts the users it is asked about."""

    def __init__(self, extra: np.ndarray | None = None) -> None:
        self.scores = SCORES if extra is None else SCORES + extra.astype(np.float32)
        self.n_scored = 0

    def score(self, fold_in: sparse.csr_matrix) -> Scores:
        self.n_scored += fold_in.shape[0]
        return np.tile(self.scores, (fold_in.shape[0], 1))


def obeying(question: Question) -> Same:
    return Same(100 * question.satisfying)


def asked() -> list[Question]:
    return questions(GENRE, HELDOUT, most_pairs=5)


def of(found: Answers, name: str) -> np.ndarray:
    """Which of the answers are to the question of that name."""
    return found.question == [q.name for q in asked()].index(name)


def test_questions_are_every_value_then_any_and_all_of_the_pairs() -> None:
    names = [(q.name, q.sort, np.flatnonzero(q.satisfying).tolist()) for q in asked()]
    assert names == [
        ("a", "single", [0, 1, 4]),
        ("b", "single", [1, 2, 5]),
        ("a or b", "any", [0, 1, 2, 4, 5]),
        ("a and b", "all", [1]),
    ]


def test_pairs_are_those_that_most_users_can_answer_and_no_more_than_asked() -> None:
    rows = ((0, 1), (0, 1, 2), (3, 1), (2,))
    genre = Attribute(name="genre", field="genres", kind="multilabel", values=("a", "b", "c", "d"), rows=rows)
    target = csr(np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]]))
    heldout = HeldOut(("u", "v", "w"), target, target)
    assert frequent_pairs(genre, heldout, most=9) == [(0, 1), (0, 2), (1, 2), (1, 3)]
    assert frequent_pairs(genre, heldout, most=1) == [(0, 1)]
    assert frequent_pairs(genre, heldout, most=0) == []


def test_only_those_with_a_target_that_satisfies_are_asked() -> None:
    found = answers(Same(), HELDOUT, asked())
    pairs = list(zip(found.question.tolist(), found.user.tolist(), strict=True))
    assert pairs == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (3, 0)]


def test_one_value_by_every_way_is_what_the_hand_works_out() -> None:
    found = answers(Same(), HELDOUT, asked(), asking=obeying)
    a = of(found, "a")
    # u0 lists 2 3 4 1 5 and wants 1; filtered 4 1. u1 lists 0 2 4 1 5 and wants 4; filtered 0 4 1
    assert found.ways["none"]["ndcg@100"][a] == pytest.approx([FOURTH, THIRD])
    assert found.ways["none"]["satisfaction@10"][a] == pytest.approx([2 / 5, 3 / 5])
    assert found.ways["strict"]["ndcg@100"][a] == pytest.approx([SECOND, SECOND])
    assert found.ways["strict"]["satisfaction@10"][a].tolist() == [1, 1]
    # obeyed softly: u0 lists 4 1 2 3 5, u1 0 4 1 2 5: as good as filtered, but the list goes on
    assert found.ways["soft"]["ndcg@100"][a] == pytest.approx([SECOND, SECOND])
    assert found.ways["soft"]["satisfaction@10"][a] == pytest.approx([2 / 5, 3 / 5])
    assert found.ways["both"]["satisfaction@10"][a].tolist() == [1, 1]
    assert found.reach[a] == pytest.approx([2 / 10, 3 / 10])


def test_any_of_two_values_takes_either_and_all_only_both() -> None:
    found = answers(Same(), HELDOUT, asked(), asking=obeying)
    either, both = of(found, "a or b"), of(found, "a and b")
    # u0 wants 1 and 5; filtered by either 2 4 1 5; by both 1, which is in place 4 of all
    assert found.ways["strict"]["ndcg@100"][either][0] == pytest.approx((THIRD + FOURTH) / (1 + SECOND))
    assert found.ways["strict"]["ndcg@100"][both] == pytest.approx([1.0])
    assert found.ways["none"]["ndcg@100"][both] == pytest.approx([FOURTH])
    assert found.ways["none"]["satisfaction@10"][both] == pytest.approx([1 / 5])
    assert found.reach[both] == pytest.approx([1 / 10])


def test_scorer_without_conditions_scores_every_user_once_for_all_questions() -> None:
    scorer = Same()
    found = answers(scorer, HELDOUT, asked())
    assert scorer.n_scored == 3
    assert set(found.ways) == {"none", "strict"}


def test_filter_is_what_measuring_with_a_filter_gives() -> None:
    """On random figures, batch by batch, against the code that evaluates everything else."""
    rng = np.random.default_rng(0)
    n_users, n_items = 700, 40
    likes = rng.random((n_users, n_items)) < 0.3
    shown = likes & (rng.random(likes.shape) < 0.5)
    heldout = HeldOut(tuple(map(str, range(n_users))), csr(shown), csr(likes & ~shown))
    table = rng.integers(0, 9, (n_items, n_items)).astype(np.float32)  # ties are broken alike, too
    genre = Attribute(
        name="g", field="g", kind="multilabel", values=("x", "y"), rows=tuple((j % 2,) for j in range(n_items))
    )

    class Random:
        def score(self, fold_in: sparse.csr_matrix) -> Scores:
            return np.asarray(fold_in @ table, dtype=np.float32)

    found = answers(Random(), heldout, singles(genre))
    for place, asked_for in enumerate(singles(genre)):
        target = csr(heldout.target.toarray() * asked_for.satisfying)
        rows = np.flatnonzero(np.diff(target.indptr))
        assert found.user[found.question == place].tolist() == rows.tolist()
        asking = HeldOut(tuple(heldout.users[r] for r in rows), heldout.fold_in[rows], target[rows])
        for way, allowed in (("none", None), ("strict", asked_for.satisfying)):
            expected = measure(Random(), asking, allowed=allowed).values["ndcg@100"]
            assert found.ways[way]["ndcg@100"][found.question == place] == pytest.approx(expected)


def test_question_that_nobody_has_a_target_for_has_no_answers() -> None:
    nobody = Question("nothing", (0,), "any", np.zeros(6, dtype=bool))
    assert len(answers(Same(), HELDOUT, [nobody]).user) == 0
    assert answers(Same(), HELDOUT, [nobody, question(GENRE, (0,))]).question.tolist() == [1, 1]


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(FitError, match="not finite"):
        answers(Same(np.array([np.nan] * 6)), HELDOUT, asked())
