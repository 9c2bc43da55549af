"""How well the lists of one trained model can be controlled: steering by dose, locks, and cold starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bundle.factors import FactorMap
from training.data.split import HeldOut
from training.decode.attribute_table import AttributeTable, attribute_table
from training.decode.directions import Users, directions
from training.encoding import encode
from training.evaluate.control.coldstarts import ColdStarts, Draws, scores_of_nobody
from training.evaluate.control.doses import Steering
from training.evaluate.control.result import Control, Drift
from training.evaluate.control.ways import Way, ways_of
from training.evaluate.measure import SCORES, measurable
from training.evaluate.result import Part
from training.run_folder import LoadedRun
from training.tastes import TasteTable, taste_table

SEED = 0
"""Of the bootstrap intervals; the cold starts have seeds of their own, from 0."""
MOST_USERS = 1000


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from: code, digest of the sources; weights, of the run's best.pt."""

    code: str
    weights: str


def control(
    run: LoadedRun,
    factors: FactorMap,
    sources: Sources,
    *,
    part: Part = "test",
    draws: Draws | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Control:
    """Measure one model with its map (cold starts by name go by it), on the part's users who have a target.

    Every taste is steered along an axis and along a direction, found on training users (ways_of). Costs 7 decodings of
    the users for each of these, 3 more for each with each attribute that can be locked; and some 2,000 decodings of an
    empty history for each value of each attribute, some 700 for each two values. At most MOST_USERS users, fewer of a
    large catalogue, the first.
    DataError when no user has a target.
    """
    started, draws = clock(), draws or Draws()
    split, catalogue, model = run.split, run.catalogue, run.model.eval()
    heldout = _few(measurable(split.test if part == "test" else split.validation, what=part), model.n_items)
    table, tastes = attribute_table(catalogue, max_values=200), _varying(run, taste_table(catalogue))
    mu = encode(model, split.train).mu
    ways = ways_of(mu, split.train, tastes, run.info.guides)
    steering = Steering(model, heldout, tastes, catalogue)
    rng = np.random.default_rng(SEED)
    responses = tuple(steering.response(way, rng) for way in ways)
    users = Users(mu, split.train)
    cold = ColdStarts(scores_of_nobody(model), factors, catalogue, draws)
    return Control(
        kind=run.info.kind,
        seed=run.info.seeds["train"],
        guided=bool(run.info.guides),
        part=part,
        n_users=len(heldout.users),
        n_seeds=draws.seeds,
        samples=draws.samples,
        responses=responses,
        drifts=_drifts(steering, ways, users, table),
        cold=cold.measured(table),
        pairs=cold.paired(table),
        code=sources.code,
        weights=sources.weights,
        seconds=clock() - started,
    )


def _drifts(steering: Steering, ways: tuple[Way, ...], users: Users, table: AttributeTable) -> tuple[Drift, ...]:
    """Every way of every taste with every other attribute locked."""
    found = directions(users, users, table) if table.columns else ()
    locked = {column.name: [d for d in found if d.attribute == column.name] for column in table.columns}
    return tuple(
        steering.drift(way, name, those, table)
        for way in ways
        for name, those in locked.items()
        if name != way.taste.attribute and those
    )


def _varying(run: LoadedRun, tastes: TasteTable) -> TasteTable:
    """The tastes in which training users differ."""
    spread = tastes.of(run.split.train).std(axis=0)
    return tastes.only([place for place, sd in enumerate(spread) if sd > 1e-9])


def _few(heldout: HeldOut, n_items: int) -> HeldOut:
    """The first users, so many that their scores fit in memory; all of any usual split."""
    n = max(1, min(MOST_USERS, SCORES // max(n_items, 1)))
    return HeldOut(heldout.users[:n], heldout.fold_in[:n], heldout.target[:n])
