"""A linear term that follows who steers: what ranks or explains counts it, and who does not steer never meets it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.coldstarts.candidates import Asked, try_all
from service.coldstarts.picks import Pick
from service.coldstarts.samples import sample_points
from service.engine import LoadedBundle
from service.explaining.counterfactual import find_counterfactual
from service.explaining.explain import Extras, explain_item, explain_list
from service.explaining.fidelity import measure_fidelity
from service.explaining.profile import profile
from service.graphs import GraphRunner
from service.limits import LIMITS
from service.query import Query, Ranking
from tests.builders import BuilderModel
from tests.service.core.altered import tried as trials_of
from tests.service.core.cold import started

HISTORY = (4, 7, 13, 20, 31)
N = 50
UP = np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32)
MIXED = np.array([0.5, -1.0, 0.25, 2.0], dtype=np.float32)
histories = st.lists(st.integers(0, N - 1), min_size=1, max_size=12).map(tuple)
shifts = st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4).map(lambda s: np.array(s, dtype=np.float32))


def listed(answer: Ranking) -> list[int]:
    return [item.item_ix for item in answer.items]


def best(scores: np.ndarray, *, but: tuple[int, ...] = (), n: int = 10) -> list[int]:
    return [int(j) for j in np.argsort(-scores, kind="stable") if j not in but][:n]


def chances(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


def test_answers_without_steering_are_those_of_the_bundle_without_the_graph_to_the_bit(steered, direct) -> None:
    """The control: with any steering they are not."""
    asked = [None, direct.condition(["Comedy"]), direct.condition(["Comedy", "Drama"], match="all")]
    queries = [Query(history=HISTORY[:size], condition=asked[size % 3], n=N) for size in range(6)]
    for ours, theirs in zip(steered.recommend_batch(queries), direct.recommend_batch(queries), strict=True):
        assert ours.items == theirs.items
    query = Query(history=HISTORY, n=5)
    extras = Extras(counterfactual=True, fidelity_k=3)
    assert explain_item(steered, query, 21, extras=extras) == explain_item(direct, query, 21, extras=extras)
    assert steered.similar(8, 5) == direct.similar(8, 5)
    assert profile(steered, dataclasses.replace(query, shift=UP)) == profile(
        direct, dataclasses.replace(query, shift=UP)
    )
    moved = dataclasses.replace(query, shift=UP)
    assert steered.recommend(moved).items != direct.recommend(moved).items
    assert explain_item(steered, moved, 21) != explain_item(direct, moved, 21)


@given(history=histories, shift=shifts)
def test_scores_of_who_steers_gain_exactly_the_planted_term(steered, direct, steered_twin, history, shift) -> None:
    mu = steered.encode(history)
    gained = steered.scores(mu, history, shift=shift) - direct.scores(mu, history, shift=shift)
    assert np.allclose(gained, steered_twin.followed(shift.astype(float)), atol=1e-4)
    answer = steered.recommend(Query(history=history, shift=shift, n=N))
    truth = steered_twin.scores(tuple(set(history)), shift=shift.astype(float))
    assert np.allclose([i.score for i in answer.items], truth[listed(answer)], atol=1e-4)


def test_recommend_steered_along_a_planted_latent_lists_more_of_its_items(steered, direct) -> None:
    comedies = steered.catalogue.attribute("genre").members[:, 0]

    def share(bundle: LoadedBundle, shift: np.ndarray | None) -> float:
        return float(comedies[listed(bundle.recommend(Query(history=(2, 5, 8), shift=shift, n=10)))].mean())

    assert share(steered, None) == share(direct, None) < 0.5
    assert share(steered, UP) > share(direct, UP)


@pytest.mark.parametrize("cells", [60, 4_194_304])
def test_recommend_batch_of_some_who_steer_leaves_the_others_as_they_are(steered, direct, monkeypatch, cells) -> None:
    monkeypatch.setattr("service.graphs.LIMITS", dataclasses.replace(LIMITS, decode_cells=cells))
    moves = [None, UP, None, MIXED, None]
    queries = [Query(history=HISTORY[: b + 1], shift=move, n=N) for b, move in enumerate(moves)]
    together, without = steered.recommend_batch(queries), direct.recommend_batch(queries)
    for query, ours, theirs in zip(queries, together, without, strict=True):
        assert isinstance(ours, Ranking)
        alone = steered.recommend(query)
        assert listed(ours) == listed(alone)
        assert np.allclose([i.score for i in ours.items], [i.score for i in alone.items], atol=1e-5)
        assert (ours.items == theirs.items) == (query.shift is None)
        assert np.array_equal(ours.z, query.moved(steered.encode(query.history)))


class _Counting:
    """A session that notes how many shifts each run gets."""

    def __init__(self, session) -> None:
        self.session, self.rows = session, []

    def run(self, outputs, feed):
        self.rows.append(len(feed["shift"]))
        return self.session.run(outputs, feed)


def test_the_steering_graph_runs_only_for_who_steers(steered: LoadedBundle) -> None:
    runner = steered._graphs
    counting = _Counting(runner._sessions.steering)
    watched = GraphRunner(runner._graphs, runner._dims, dataclasses.replace(runner._sessions, steering=counting))
    bundle = LoadedBundle(steered.bundle, watched)
    still, moving = Query(history=HISTORY), Query(history=HISTORY, shift=UP)
    bundle.recommend_batch([still, still])
    explain_item(bundle, still, 21, extras=Extras(counterfactual=True, fidelity_k=5))
    assert counting.rows == []
    bundle.recommend_batch([still, moving, still])
    assert counting.rows == [1]
    trials_of(bundle, moving, 21, [(4, 7), (13,), (20, 31)])
    assert counting.rows == [1, 1], "one shift for all altered histories is asked of the graph once"


@given(history=histories, item=st.integers(0, N - 1), shift=shifts, asked=st.sampled_from([None, "any", "all"]))
def test_explain_item_of_who_steers_adds_up_in_both_views(steered, history, item, shift, asked) -> None:
    condition = None if asked is None else steered.condition(["Comedy", "Drama"], match=asked)
    told = explain_item(steered, Query(history=history, condition=condition, shift=shift), item)
    span = max(abs(told.score), abs(told.base_value), 1.0)
    assert abs(told.residual) <= 1e-5 * span
    parts = math.fsum(f.contribution for f in told.factors) + told.linear + told.residual
    assert told.base_value + parts == pytest.approx(told.score, abs=1e-9)
    assert abs(told.history_residual) <= 1e-4 * max(span, abs(told.history_base))


def test_explain_item_of_who_steers_equals_the_twin(steered: LoadedBundle, steered_twin: BuilderModel) -> None:
    told = explain_item(steered, Query(history=HISTORY, shift=MIXED), 21)
    move = MIXED.astype(float)
    truth = steered_twin.explain(HISTORY, (21,), shift=move)
    by_factor = {f.factor: f.contribution for f in told.factors}
    assert np.allclose([by_factor[i] for i in range(4)], truth.latent[0], atol=1e-5)
    assert told.history_base == pytest.approx(truth.history_base[0], abs=1e-4)
    assert told.score == pytest.approx(steered_twin.scores(HISTORY, shift=move)[21], abs=1e-4)
    still = dataclasses.replace(steered_twin, along=None).explain(HISTORY, (21,), shift=move)
    gained = truth.latent[0] - still.latent[0]
    assert np.allclose(gained, move * steered_twin.along[:, 21]) and np.abs(gained).max() > 0.5  # 21 is a comedy
    assert truth.latent_base[0] == still.latent_base[0] and np.array_equal(truth.linear, still.linear)


def test_explain_list_of_who_steers_credits_the_steered_factor(steered: LoadedBundle) -> None:
    query = Query(history=HISTORY, n=5, shift=3 * UP)
    answer = steered.recommend(query)
    for item, reasons in zip(answer.items, explain_list(steered, query, answer), strict=True):
        told = explain_item(steered, query, item.item_ix)
        assert reasons.factors == told.factors[:3] and reasons.factors[0].factor == 0


def test_trials_of_who_steers_are_those_of_the_whole_model(steered, direct, steered_twin) -> None:
    """Counterfactual and fidelity are made of these; without the term they would be others."""
    tried = [HISTORY, (4, 7), (20,)]
    query = Query(history=HISTORY, shift=MIXED, n=5)
    found = np.exp(trials_of(steered, query, 21, tried).log_probability)
    truth = np.array([steered_twin.scores(history, shift=MIXED.astype(float)) for history in tried])
    assert np.allclose(found, chances(truth)[:, 21], rtol=1e-4)
    assert not np.allclose(np.exp(trials_of(direct, query, 21, tried).log_probability), found, rtol=1e-2)


def test_counterfactual_and_fidelity_of_who_steers_hold_on_the_whole_model(steered, steered_twin) -> None:
    query = Query(history=HISTORY, shift=UP, n=3)
    told = explain_item(steered, query, 21)
    order = [h.item_ix for h in sorted(told.history, key=lambda h: -h.contribution)]

    def scores(history: list[int]) -> np.ndarray:
        return steered_twin.scores(history, shift=UP.astype(float))

    measured = measure_fidelity(steered, query, 21, order, k=2).explanation
    whole = chances(scores(order))[21]
    assert measured.del_at_k == pytest.approx(
        np.mean([chances(scores(order[j:]))[21] / whole for j in (1, 2)]), rel=1e-4
    )
    item = listed(steered.recommend(query))[2]
    supporting = [h.item_ix for h in sorted(explain_item(steered, query, item).history, key=lambda h: -h.contribution)]
    found = find_counterfactual(steered, query, item, supporting)
    kept = [ix for ix in HISTORY if ix not in found.remove]
    assert found.remove and found.valid
    assert item not in best(scores(kept), but=HISTORY, n=3)


@pytest.mark.parametrize("condition", [None, "Drama"])
def test_sample_coldstart_is_moved_all_the_way(steered, direct, steered_twin, condition) -> None:
    """A condition's move is no shift, so the term does not follow it."""
    asked = None if condition is None else steered.condition([condition])
    picks = [Pick(factor=0, half="positive", strength=1.0)]
    found = started(steered, picks, n=N, samples=8, seed=4, diversity=0.0, condition=asked)
    shift = sample_points(steered, found.picks, samples=8, seed=4).astype(float)
    inputs = () if condition is None else (1,)
    z = shift + steered_twin.encode((), inputs) - steered_twin.encode(())
    asked_input = np.array([0.0, float(bool(inputs)), 0.0])
    scores = steered_twin.logits(z) + steered_twin.followed(shift) + steered_twin.linear.scores((), asked_input)
    merged = chances(scores).mean(0)
    assert [item.item_ix for item in found.items] == best(merged, n=N)
    assert np.allclose([item.score for item in found.items], np.sort(np.log(merged))[::-1], atol=1e-3)
    without = started(direct, picks, n=N, samples=8, seed=4, diversity=0.0, condition=asked)
    assert [item.score for item in without.items] != [item.score for item in found.items]


def test_try_all_tries_what_a_coldstart_samples(steered: LoadedBundle, direct: LoadedBundle) -> None:
    asked = [Asked("genre", "Comedy", strength=1.0)]
    ours, theirs = (try_all(bundle, asked)[0] for bundle in (steered, direct))
    assert [one.candidate for one in ours] == [one.candidate for one in theirs]
    assert ours[0].share > theirs[0].share


def test_scores_of_points_and_shifts_in_any_number_of_rows_agree(steered: LoadedBundle) -> None:
    """One row for all, of either, is as good as the row repeated."""
    mu = steered.encode_many([HISTORY[:b] for b in (1, 3, 5)])
    moves = np.stack([UP, MIXED, -UP])
    rows = [HISTORY] * 3

    def scores(mu: np.ndarray, histories: list, shift: np.ndarray) -> np.ndarray:
        return np.concatenate(list(steered.scores_many(mu, histories, shift=shift)))

    assert np.allclose(scores(mu, rows, MIXED[None, :]), scores(mu, rows, np.stack([MIXED] * 3)), atol=1e-6)
    assert np.allclose(scores(mu[:1], [HISTORY], moves), scores(np.stack([mu[0]] * 3), rows, moves), atol=1e-5)
