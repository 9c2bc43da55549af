"""Trials of altered histories are those of the live model, linear term, condition and steering included."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from service import subsets
from service.engine import LoadedBundle
from service.explaining.trials import Target
from service.graphs import LITTLE, GraphRunner, _chunks
from service.limits import LIMITS
from service.query import Query
from service.ranking import log_normaliser, ranks_of
from tests.service.core.altered import tried as tried_of

HISTORY = (4, 7, 13, 20, 31, 33, 40, 1, 2, 16, 25, 44)
ITEM = 21
SHIFT = np.array([0.5, 0.0, -0.3, 0.1], dtype=np.float32)
TRIED = (
    *([ix for ix in HISTORY if ix != left] for left in HISTORY),
    HISTORY[:1],
    HISTORY[3:],
    HISTORY[:9],
    HISTORY,
    (),
)


def live(loaded: LoadedBundle, query: Query, tried=TRIED) -> np.ndarray:
    """What the engine says of each history, one by one."""
    rows = [
        loaded.scores(loaded.encode(history, query.condition), history, query.condition, shift=query.shift)
        for history in tried
    ]
    return np.stack(rows)


def agrees(loaded: LoadedBundle, query: Query) -> bool:
    found, truth = tried_of(loaded, query, ITEM, TRIED), live(loaded, query)
    logs = truth[:, ITEM].astype(np.float64) - log_normaliser(truth)
    allowed = loaded.allowed(query)
    allowed[ITEM] = False
    same_ranks = np.array_equal(found.rank, ranks_of(ITEM, truth, allowed))
    return same_ranks and np.allclose(found.log_probability, logs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", ["loaded", "direct", "steered"])
@pytest.mark.parametrize("asked", [None, "any", "all"])
@pytest.mark.parametrize("shift", [None, SHIFT])
def test_trials_are_the_live_models_scores(request, kind, asked, shift) -> None:
    loaded = request.getfixturevalue(kind)
    condition = None if asked is None else loaded.condition(["Comedy", "Drama"], match=asked)
    assert agrees(loaded, Query(history=HISTORY, condition=condition, shift=shift))


@pytest.mark.parametrize("lost", ["rows of no history", "parts"])
def test_trials_with_a_linear_row_left_out_would_be_noticed(direct, monkeypatch, lost) -> None:
    """The control: what a subset's row is put together from is not left out."""
    ask = subsets._Parts._ask

    def forgetful(self, needed):
        ask(self, needed)
        if lost == "parts":
            self._parts[-1] = 0
        else:
            self._base[0] = 0

    monkeypatch.setattr(subsets._Parts, "_ask", forgetful)
    assert not agrees(direct, Query(history=HISTORY, condition=direct.condition(["Comedy"])))


def test_a_conditions_gain_is_added_once_and_not_for_each_item(direct: LoadedBundle) -> None:
    """Of three items put together from their parts; a gain (of 30) in each part would put comedies 60 higher."""
    query = Query(history=HISTORY, condition=direct.condition(["Comedy"]))
    target = Target(direct, query, ITEM, HISTORY)
    tried = [HISTORY[:3], HISTORY[1:4]]
    assert direct._graphs.has_linear and target._subsets._parts.rows_of(target.only([*tried, HISTORY])) is not None
    found = np.concatenate(list(target.scores(target.only([*tried, HISTORY]))))
    assert np.allclose(found, live(direct, query, [*tried, HISTORY]), atol=2e-5)


@pytest.mark.parametrize("cells", [60, 1200])
def test_trials_of_little_room_are_the_same(direct, monkeypatch, cells) -> None:
    small = dataclasses.replace(LIMITS, decode_cells=cells, encode_cells=20)
    monkeypatch.setattr("service.graphs.LIMITS", small)
    monkeypatch.setattr("service.subsets.LIMITS", small)
    assert agrees(direct, Query(history=HISTORY, condition=direct.condition(["Comedy"])))


class _Counting:
    def __init__(self, session) -> None:
        self.session, self.gathered = session, 0

    def run(self, outputs, feed):
        self.gathered += int(feed["mask"].sum())
        return self.session.run(outputs, feed)


def test_the_linear_graph_gathers_the_history_once_and_each_altered_item_once(direct: LoadedBundle) -> None:
    runner = direct._graphs
    counting = _Counting(runner._sessions.linear)
    watched = GraphRunner(runner._graphs, runner._dims, dataclasses.replace(runner._sessions, linear=counting))
    bundle = LoadedBundle(direct.bundle, watched)
    target = Target(bundle, Query(history=HISTORY), ITEM, HISTORY)
    first = target.without([(ix,) for ix in HISTORY[:4]])
    assert len(list(target.scores(first))) == 1 and counting.gathered == len(HISTORY) + 4
    list(target.scores(target.without([(HISTORY[0], HISTORY[2]), (HISTORY[1], HISTORY[5])])))
    assert counting.gathered == len(HISTORY) + 5, "parts known already are not asked for again"


def test_trials_of_histories_that_overlap_in_nothing_are_the_same(steered: LoadedBundle) -> None:
    query, tried = Query(history=HISTORY, shift=SHIFT), [(4, 7), (13,), (20, 31), ()]
    truth = live(steered, query, tried)
    logs = truth[:, ITEM].astype(np.float64) - log_normaliser(truth)
    assert np.allclose(tried_of(steered, query, ITEM, tried).log_probability, logs, atol=2e-5)


def test_target_refuses_an_item_outside_its_history(loaded: LoadedBundle) -> None:
    target = Target(loaded, Query(history=HISTORY), ITEM, HISTORY)
    with pytest.raises(KeyError):
        target.without([(3,)])


@pytest.mark.parametrize("alike", [False, True])
def test_chunks_hold_every_row_once_and_what_is_alike_together(alike: bool) -> None:
    lengths = np.random.default_rng(0).integers(0, 300, size=80).tolist()
    chunks = list(_chunks([[0] * length for length in lengths], 2000, alike=alike))
    assert sorted(row for chunk in chunks for row in chunk) == list(range(80))
    spread = [(min(found), max(found)) for chunk in chunks if (found := [lengths[row] for row in chunk])]
    assert all(
        len(chunk) == 1 or len(chunk) * longest <= 2000 for chunk, (_, longest) in zip(chunks, spread, strict=True)
    )
    assert all(longest <= 2 * shortest + LITTLE for shortest, longest in spread) is alike
