"""Lists of the planted bundle, against its numpy twin and against what must hold of any list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import LoadedBundle
from service.errors import InvalidRequestError, NonFiniteScoreError, ServiceError, UnknownItemError
from service.graphs import GraphRunner
from service.limits import LIMITS
from service.query import Condition, Query, Ranking
from tests.builders import BuilderModel

histories = st.lists(st.integers(0, 49), min_size=1, max_size=12).map(tuple)


def listed(answer: Ranking) -> list[int]:
    return [item.item_ix for item in answer.items]


def expected_list(twin: BuilderModel, history: tuple[int, ...], n: int) -> list[int]:
    logits = twin.logits(twin.encode(history))
    return [int(j) for j in np.argsort(-logits, kind="stable") if j not in history][:n]


def test_recommend_known_history_equals_the_twin(loaded: LoadedBundle, twin: BuilderModel) -> None:
    answer = loaded.recommend(Query(history=(0, 3, 6), n=10))
    logits = twin.logits(twin.encode((0, 3, 6)))
    assert listed(answer) == expected_list(twin, (0, 3, 6), 10)
    assert np.allclose([i.score for i in answer.items], logits[listed(answer)], atol=1e-5)
    shares = np.exp(logits) / np.exp(logits).sum()
    assert np.allclose([i.probability for i in answer.items], shares[listed(answer)], rtol=1e-4)
    assert (answer.source, answer.returned, answer.short_reason) == ("model", 10, None)
    assert [i.rank for i in answer.items] == list(range(1, 11))


@given(history=histories, n=st.integers(1, 60), offset=st.integers(0, 60))
def test_recommend_any_history_gives_a_list_that_keeps_its_promises(loaded, history, n, offset) -> None:
    answer = loaded.recommend(Query(history=history, n=n, offset=offset))
    items = listed(answer)
    scores = [i.score for i in answer.items]
    assert len(items) == len(set(items)) == min(n, max(0, 50 - len(set(history)) - offset))
    assert not set(items) & set(history)
    assert all(0 <= ix < 50 for ix in items)
    assert np.isfinite(scores).all()
    assert scores == sorted(scores, reverse=True)
    assert (answer.short_reason is None) == (len(items) == n)


@given(history=histories, data=st.data())
def test_recommend_permuted_or_repeated_history_gives_the_same_bits(loaded, history, data) -> None:
    shuffled = tuple(data.draw(st.permutations(history + history[:2])))
    assert loaded.recommend(Query(history=history)).items == loaded.recommend(Query(history=shuffled)).items


def test_recommend_second_page_continues_the_first(loaded: LoadedBundle) -> None:
    whole = loaded.recommend(Query(history=(0, 3), n=20))
    page = loaded.recommend(Query(history=(0, 3), n=10, offset=10))
    assert page.items == whole.items[10:]


def test_recommend_history_of_every_item_gives_an_empty_list_that_says_so(loaded: LoadedBundle) -> None:
    answer = loaded.recommend(Query(history=tuple(range(50)), n=5))
    assert answer.items == ()
    assert "0 of 5" in (answer.short_reason or "")


def test_recommend_empty_history_declares_popularity(loaded: LoadedBundle) -> None:
    answer = loaded.recommend(Query(history=(), n=5))
    assert (answer.source, answer.z) == ("popularity", None)
    assert listed(answer) == [0, 1, 2, 3, 4]  # the builder's popularity falls with the index
    assert answer.items[0].score == loaded.catalogue.popularity[0]


def test_recommend_empty_history_with_a_soft_condition_is_the_model(loaded: LoadedBundle, twin: BuilderModel) -> None:
    answer = loaded.recommend(Query(history=(), n=10, condition=loaded.condition(["Comedy"])))
    best = np.argsort(-twin.logits(twin.encode((), (0,))), kind="stable")[:10]
    assert (answer.source, listed(answer)) == ("model", best.tolist())


def test_recommend_soft_condition_moves_the_list_and_states_its_share(loaded: LoadedBundle, twin: BuilderModel) -> None:
    query = Query(history=(2, 5), n=10, condition=loaded.condition(["Comedy"]))
    answer, without = loaded.recommend(query), loaded.recommend(Query(history=(2, 5), n=10))
    genre = loaded.catalogue.attribute("genre")
    assert genre is not None
    assert answer.condition_satisfied == pytest.approx(np.mean([0 in genre.rows[ix] for ix in listed(answer)]))
    comedies = sum(0 in genre.rows[ix] for ix in listed(without))
    assert comedies < 10 * (answer.condition_satisfied or 0)
    assert without.condition_satisfied is None


@pytest.mark.parametrize("mode", ["strict", "both"])
def test_recommend_strict_condition_lists_only_what_satisfies_it(loaded: LoadedBundle, mode) -> None:
    answer = loaded.recommend(Query(history=(2, 5), n=50, condition=loaded.condition(["Comedy"], mode=mode)))
    genre = loaded.catalogue.attribute("genre")
    assert genre is not None
    assert sorted(listed(answer)) == [ix for ix in range(50) if 0 in genre.rows[ix]]
    assert answer.condition_satisfied == 1.0
    assert answer.short_reason


def test_recommend_match_all_is_narrower_than_any(loaded: LoadedBundle) -> None:
    lists = [
        loaded.recommend(
            Query(history=(2,), n=50, condition=loaded.condition(["Comedy", "Drama"], match=match, mode="strict"))
        )
        for match in ("all", "any")
    ]
    assert 0 < lists[0].returned < lists[1].returned
    assert set(listed(lists[0])) < set(listed(lists[1]))


def test_condition_soft_on_a_model_without_conditions_is_refused(plain: LoadedBundle) -> None:
    with pytest.raises(InvalidRequestError, match="no condition input") as caught:
        plain.condition(["Comedy"])
    assert caught.value.errors[0].pointer == "/condition/mode"
    strict = plain.recommend(Query(history=(2,), condition=plain.condition(["Comedy"], mode="strict")))
    assert strict.condition_satisfied == 1.0


def test_condition_unknown_value_names_field_and_allowed_values(loaded: LoadedBundle) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        loaded.condition(["Comedy", "Western"])
    assert caught.value.errors[0].pointer == "/condition/genres/1"
    assert "Comedy, Drama, Horror" in caught.value.detail
    assert "Western" not in caught.value.detail  # input is never echoed


def test_recommend_shift_moves_the_decoded_point(loaded: LoadedBundle, twin: BuilderModel) -> None:
    shift = np.array([-4.0, 0.0, 0.0, 0.0], dtype=np.float32)
    answer = loaded.recommend(Query(history=(0, 3), n=10, shift=shift))
    logits = twin.logits(twin.encode((0, 3)) + shift)
    assert listed(answer) == [int(j) for j in np.argsort(-logits, kind="stable") if j not in (0, 3)][:10]
    assert answer.z is not None
    assert np.allclose(answer.z, twin.encode((0, 3)) + shift, atol=1e-5)


@pytest.mark.parametrize("bad", [-1, 50, -50, 2**40])
@pytest.mark.parametrize("field", ["history", "exclude", "candidates"])
def test_recommend_index_outside_the_catalogue_never_reaches_a_graph(loaded, field, bad) -> None:
    query = Query(**{"history": (1,), field: frozenset({bad}) if field == "exclude" else (1, bad)})
    with pytest.raises(InvalidRequestError):
        loaded.recommend(query)


@pytest.mark.parametrize("bad", [-1, 3])
def test_recommend_condition_index_outside_the_attribute_is_refused(loaded: LoadedBundle, bad: int) -> None:
    with pytest.raises(InvalidRequestError):
        loaded.recommend(Query(history=(1,), condition=Condition((bad,), mode="strict")))


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        (Query(history=(1,), n=0), "/n"),
        (Query(history=(1,), n=LIMITS.n + 1), "/n"),
        (Query(history=(1,), offset=-1), "/offset"),
        (Query(history=(1,), offset=LIMITS.offset + 1), "/offset"),
        (Query(history=(1,) * (LIMITS.history + 1)), "/history"),
        (Query(history=(1,), shift=np.zeros(3, dtype=np.float32)), "/steer"),
        (Query(history=(1,), shift=np.full(4, np.nan, dtype=np.float32)), "/steer"),
    ],
)
def test_recommend_past_a_limit_names_the_field(loaded: LoadedBundle, query: Query, pointer: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        loaded.recommend(query)
    assert caught.value.errors[0].pointer == pointer


def test_recommend_at_every_limit_answers(loaded: LoadedBundle) -> None:
    query = Query(history=(1,) * LIMITS.history, n=LIMITS.n, offset=LIMITS.offset)
    assert loaded.recommend(query).returned == 0
    assert loaded.recommend(Query(history=(1,), n=1)).returned == 1


def test_recommend_batch_equals_one_by_one_with_errors_in_place(loaded: LoadedBundle) -> None:
    rng = np.random.default_rng(3)
    queries = [Query(history=tuple(int(j) for j in rng.integers(0, 50, size=size)), n=7) for size in range(12)]
    queries.insert(5, Query(history=(-1,)))
    queries.append(Query(history=(4, 2), n=3, condition=loaded.condition(["Horror"], mode="both")))
    answers = loaded.recommend_batch(queries)
    for query, answer in zip(queries, answers, strict=True):
        if query.history == (-1,):
            assert isinstance(answer, ServiceError)
            continue
        assert isinstance(answer, Ranking)
        alone = loaded.recommend(query)
        assert listed(answer) == listed(alone)
        assert answer.source == alone.source
        assert np.allclose([i.score for i in answer.items], [i.score for i in alone.items], atol=1e-5)


def test_encode_many_cut_into_chunks_gives_the_same_points(loaded, twin, monkeypatch) -> None:
    rows = [tuple(range(size)) for size in (7, 1, 0, 30, 2, 2, 11)]
    monkeypatch.setattr("service.graphs.LIMITS", type(LIMITS)(encode_cells=12, decode_cells=60))
    found = loaded.encode_many(rows)
    assert np.allclose(found, [twin.encode(row) for row in rows], atol=1e-5)
    chunks = list(loaded.scores_many(found, rows, shift=None))
    assert [len(chunk) for chunk in chunks] == [1] * 7
    assert np.allclose(np.concatenate(chunks), twin.logits(found), atol=1e-5)


class _Broken(GraphRunner):
    """A runner whose model gives NaN for the second row of a batch."""

    def __init__(self, good: GraphRunner) -> None:
        self.__dict__.update(good.__dict__)

    def scores(self, *args, **options):
        for chunk in super().scores(*args, **options):
            chunk[min(1, len(chunk) - 1), 7] = np.nan
            yield chunk


def test_recommend_non_finite_score_is_an_error_of_that_query_alone(loaded: LoadedBundle) -> None:
    broken = LoadedBundle(loaded.bundle, _Broken(loaded._graphs))
    answers = broken.recommend_batch([Query(history=(0,)), Query(history=(1,)), Query(history=(2,))])
    assert [isinstance(answer, NonFiniteScoreError) for answer in answers] == [False, True, False]
    with pytest.raises(NonFiniteScoreError):
        broken.scores(np.zeros(4, dtype=np.float32), (), shift=None)


def test_similar_item_equals_the_twins_cosines(loaded: LoadedBundle, twin: BuilderModel) -> None:
    alone = np.array([twin.encode((j,)) for j in range(50)]) - twin.encode(())
    alone /= np.linalg.norm(alone, axis=1, keepdims=True)
    cosine = alone @ alone[8]
    best = [int(j) for j in np.argsort(-cosine, kind="stable") if j != 8][:5]
    found = loaded.similar(8, 5)
    assert [s.item_ix for s in found] == best
    assert np.allclose([s.similarity for s in found], cosine[best], atol=1e-4)


@pytest.mark.parametrize("bad", [-1, 50])
def test_similar_and_explainer_of_an_unknown_item_are_refused(loaded: LoadedBundle, bad: int) -> None:
    with pytest.raises(UnknownItemError):
        loaded.similar(bad)
    with pytest.raises(UnknownItemError):
        loaded.explainer((1,), None, None, (bad,))
