"""A model with a linear term: whatever ranks counts it, against the numpy twin and the decoder alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.bundles.loader import load_bundle
from service.coldstarts.picks import Pick, resolve_picks
from service.coldstarts.samples import sample_points
from service.engine import LoadedBundle
from service.graphs import GraphRunner
from service.limits import LIMITS
from service.query import Condition, Query, Ranking
from tests.builders import BuilderModel, builder_model, make_bundle
from tests.service.core.cold import started

HISTORY = (4, 7, 13, 20, 31)
N = 50
histories = st.lists(st.integers(0, N - 1), min_size=1, max_size=12).map(tuple)


def listed(answer: Ranking) -> list[int]:
    return [item.item_ix for item in answer.items]


def best(scores: np.ndarray, *, but: tuple[int, ...] = (), n: int = 10) -> list[int]:
    return [int(j) for j in np.argsort(-scores, kind="stable") if j not in but][:n]


def test_recommend_ranks_by_decoder_and_linear_term_together(direct: LoadedBundle, direct_twin: BuilderModel) -> None:
    answer, truth = direct.recommend(Query(history=HISTORY)), direct_twin.scores(HISTORY)
    assert listed(answer) == best(truth, but=HISTORY)
    assert np.allclose([i.score for i in answer.items], truth[listed(answer)], atol=1e-5)
    shares = np.exp(truth) / np.exp(truth).sum()
    assert np.allclose([i.probability for i in answer.items], shares[listed(answer)], rtol=1e-4)
    assert listed(answer) != best(direct_twin.logits(direct_twin.encode(HISTORY)), but=HISTORY), (
        "the term makes no difference here"
    )


def test_recommend_puts_the_planted_next_item_first(direct: LoadedBundle, loaded: LoadedBundle) -> None:
    """The control: the same model without the term does not."""
    assert listed(direct.recommend(Query(history=(4,))))[0] == 5
    assert 5 not in listed(loaded.recommend(Query(history=(4,))))


@pytest.mark.parametrize("cells", [1, 400, 4_194_304])
def test_recommend_batch_equals_one_by_one_however_it_is_cut(direct, direct_twin, monkeypatch, cells) -> None:
    monkeypatch.setattr("service.graphs.LIMITS", dataclasses.replace(LIMITS, linear_cells=cells, decode_cells=200))
    rng = np.random.default_rng(3)
    asked = [None, direct.condition(["Comedy"]), direct.condition(["Comedy", "Drama"], match="all")]
    queries = [
        Query(history=tuple(int(j) for j in rng.integers(0, N, size=size)), condition=asked[size % 3])
        for size in (0, 9, 1, 30, 2, 2, 5, 17, 11)
    ]
    inputs = [((), 1.0), ((0,), 1.0), ((0, 1), 0.5)]
    for query, answer in zip(queries, direct.recommend_batch(queries), strict=True):
        assert isinstance(answer, Ranking)
        values, weight = inputs[asked.index(query.condition)]
        if answer.source == "model":
            truth = direct_twin.scores(tuple(set(query.history)), values, weight=weight)
            assert listed(answer) == best(truth, but=query.history)
        assert listed(answer) == listed(direct.recommend(query))


class _Counting:
    """A session that notes how many bytes of weights each run gathers."""

    def __init__(self, session) -> None:
        self.session, self.cells = session, []

    def run(self, outputs, feed):
        self.cells.append(feed["history"].size * N)
        return self.session.run(outputs, feed)


def test_scores_of_many_histories_gather_no_more_than_the_limit_at_once(direct: LoadedBundle, monkeypatch) -> None:
    runner = direct._graphs
    counting = _Counting(runner._sessions.linear)
    watched = GraphRunner(runner._graphs, runner._dims, dataclasses.replace(runner._sessions, linear=counting))
    bundle = LoadedBundle(direct.bundle, watched)
    rows = [tuple(range(size)) for size in (3, 40, 3, 1, 5, 8, 2, 40)]
    z = direct.encode_many(rows)
    for limit, runs in ((1000, 4), (4_194_304, 1)):
        counting.cells.clear()
        monkeypatch.setattr("service.graphs.LIMITS", dataclasses.replace(LIMITS, linear_cells=limit))
        assert np.allclose(
            np.concatenate(list(bundle.scores_many(z, rows, shift=None))),
            [direct.scores(*p, shift=None) for p in zip(z, rows, strict=True)],
        )
        assert len(counting.cells) == runs
        assert max(counting.cells) <= max(limit, 40 * N)  # one history always goes in one run
    counting.cells.clear()
    list(bundle.scores_many(z, [HISTORY], shift=None))
    assert counting.cells == [len(HISTORY) * N], "one history for all points is asked of the graph once"


def test_scores_of_points_without_their_histories_are_refused(direct: LoadedBundle) -> None:
    """What keeps the term from being forgotten: no histories, or another number of them, is no question."""
    z = np.zeros((3, 4), dtype=np.float32)
    for wrong in ([], [(1,), (2,)]):
        with pytest.raises(ValueError, match="histories"):
            list(direct.scores_many(z, wrong, shift=None))
    assert len(next(direct.scores_many(z, [(1,)], shift=None))) == 3


@pytest.mark.parametrize(("match", "weight"), [("any", 1.0), ("all", 0.5)])
def test_recommend_soft_pair_puts_what_satisfies_it_first_and_goes_on(direct, direct_twin, match, weight) -> None:
    asked = direct.condition(["Comedy", "Drama"], match=match)
    answer = direct.recommend(Query(history=(2, 5), n=48, condition=asked))
    truth = direct_twin.scores((2, 5), (0, 1), weight=weight)
    assert listed(answer) == best(truth, but=(2, 5), n=48)
    genre = direct.catalogue.attribute("genre")
    has = [{0, 1} & set(genre.rows[j]) if match == "any" else {0, 1} <= set(genre.rows[j]) for j in listed(answer)]
    satisfying = sum(map(bool, has))
    assert all(has[:satisfying]) and 0 < satisfying < 48
    first = direct.recommend(Query(history=(2, 5), n=min(satisfying, 10), condition=asked))
    assert first.condition_satisfied == 1.0


def test_recommend_soft_all_of_a_model_without_the_term_gets_whole_numbers(loaded: LoadedBundle) -> None:
    """It never saw a half in training; the answer is that of "any", as it always was."""
    plain = builder_model()
    answer = loaded.recommend(Query(history=(2, 5), condition=loaded.condition(["Comedy", "Drama"], match="all")))
    assert listed(answer) == best(plain.scores((2, 5), (0, 1)), but=(2, 5))
    halves = best(plain.scores((2, 5), (0, 1), weight=0.5), but=(2, 5))
    assert listed(answer) != halves, "the control: halves would show"


def test_recommend_soft_all_of_a_model_that_was_trained_on_shares_gets_them(loaded: LoadedBundle) -> None:
    manifest = loaded.manifest
    said = msgspec.structs.replace(manifest.conditions, shares=True)
    bundle = dataclasses.replace(loaded.bundle, manifest=msgspec.structs.replace(manifest, conditions=said))
    trained = LoadedBundle(bundle, loaded._graphs)
    for match, weight in (("all", 0.5), ("any", 1.0)):
        answer = trained.recommend(Query(history=(2, 5), condition=trained.condition(["Comedy", "Drama"], match=match)))
        assert listed(answer) == best(builder_model().scores((2, 5), (0, 1), weight=weight), but=(2, 5))


def test_recommend_soft_all_of_one_value_is_any_of_it(direct: LoadedBundle) -> None:
    one, same = (Query(history=(2, 5), condition=Condition((0,), match=m)) for m in ("any", "all"))
    assert direct.recommend(one).items == direct.recommend(same).items


def test_recommend_soft_condition_weighs_the_history_items_that_satisfy_it(direct, direct_twin) -> None:
    asked = direct.condition(["Comedy"])
    found = direct.explainer((3, 4), asked, None, (5, 6))
    assert np.allclose(found.linear, direct_twin.explain((3, 4), (5, 6), condition=(0,)).linear, atol=1e-5)
    without = direct.explainer((3, 4), None, None, (5, 6)).linear
    assert np.allclose(found.linear / without, [[1.5, 1.0]] * 2, atol=1e-5)  # 3 is a comedy, gamma = 0.5


@given(history=histories, shift=st.floats(-3, 3, width=32))
def test_recommend_steering_moves_the_latents_alone(direct, direct_twin, history, shift) -> None:
    step = np.array([shift, 0, 0, 0], dtype=np.float32)
    z = direct.encode(history)
    moved = direct.scores(z, history, shift=step) - direct.scores(z, history, shift=None)
    unique = tuple(set(history))
    assert np.allclose(
        moved,
        direct_twin.logits(direct_twin.encode(unique) + step) - direct_twin.logits(direct_twin.encode(unique)),
        atol=1e-4,
    )
    answer = direct.recommend(Query(history=history, shift=step, n=N))
    assert np.allclose(
        [i.score for i in answer.items], direct_twin.scores(unique, shift=step)[listed(answer)], atol=1e-4
    )


@pytest.mark.parametrize(("match", "weight"), [("any", 1.0), ("all", 0.5)])
def test_sample_coldstart_under_a_soft_condition_adds_its_gain(direct, direct_twin, match, weight) -> None:
    asked = direct.condition(["Comedy", "Drama"], match=match)
    picks = [Pick(factor=0, half="negative")]  # the opposite of what is asked
    found = started(direct, picks, n=N, samples=8, seed=4, diversity=0.0, condition=asked)
    z = sample_points(direct, found.picks, samples=8, seed=4).astype(float)
    z = z + direct_twin.encode((), (0, 1), weight=weight) - direct_twin.encode(())
    scores = direct_twin.logits(z) + direct_twin.linear.scores((), weight * np.array([1.0, 1.0, 0.0]))
    merged = (np.exp(scores) / np.exp(scores).sum(1, keepdims=True)).mean(0)
    assert [item.item_ix for item in found.items] == best(merged, n=N)
    assert np.allclose([item.score for item in found.items], np.sort(np.log(merged))[::-1], atol=1e-3)
    three = started(direct, picks, n=3, samples=8, seed=4, diversity=0.0, condition=asked)  # so many have both
    without = started(direct, picks, n=3, samples=8, seed=4, diversity=0.0)
    assert three.condition_satisfied == 1.0 > (direct.satisfied(asked, [i.item_ix for i in without.items]) or 0)


def test_sample_coldstart_orders_what_does_not_satisfy_even_below_the_smallest_probability(direct, monkeypatch) -> None:
    """A gain of thousands makes those probabilities 0 in float64; their order stays that of the scores."""
    asked = direct.condition(["Comedy"])
    mild = started(direct, [Pick(factor=1, half="positive")], n=N, samples=4, condition=asked)
    good = direct._graphs.scores
    satisfying = direct.catalogue.attribute("genre").members[:, 0]

    def extreme(*args, **options):
        for chunk in good(*args, **options):
            yield chunk + 4096 * satisfying.astype(np.float32)

    monkeypatch.setattr(direct._graphs, "scores", extreme)
    found = started(direct, [Pick(factor=1, half="positive")], n=N, samples=4, condition=asked)
    rest = [item for item in found.items if not satisfying[item.item_ix]]
    assert rest and all(item.probability == 0.0 and np.isfinite(item.score) for item in rest)
    assert [i.item_ix for i in rest] == [i.item_ix for i in mild.items if not satisfying[i.item_ix]]


def test_resolve_picks_without_a_condition_are_those_of_the_decoder(direct: LoadedBundle, loaded: LoadedBundle) -> None:
    """No history and no condition: the term is 0, so the same decoder resolves the same picks."""
    picks = [Pick(attribute="genre", value="Comedy"), Pick(attribute="year", value="2010s")]
    assert resolve_picks(direct, picks) == resolve_picks(loaded, picks)


def test_similar_items_are_those_of_the_latents(direct: LoadedBundle, loaded: LoadedBundle) -> None:
    assert direct.similar(8, 5) == loaded.similar(8, 5)


def test_recommend_of_a_model_without_conditions_counts_the_term(tmp_path: Path) -> None:
    plain, truth = (
        load_bundle(make_bundle(tmp_path, linear=True, n_conditions=0)),
        builder_model(linear=True, n_conditions=0),
    )
    assert listed(plain.recommend(Query(history=HISTORY))) == best(truth.scores(HISTORY), but=HISTORY)
