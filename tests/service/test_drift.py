"""Do the figures move when they should: scores of another population, explanations by an explainer that is broken?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.telemetry.drift import ScoreRange, range_of, score_range
from service.telemetry.stages import TimedSession
from tests.builders import make_bundle
from tests.builders.catalogue import item_genres
from tests.service.app_client import AppClient, open_client
from tests.service.test_metrics import value, values_of

N_ITEMS = 50
COMEDIES, HORROR = ([j for j in range(N_ITEMS) if item_genres(j)[:1] == (genre,)] for genre in (0, 2))
LISTS = 300
DRIFTED = 0.5
"""What PrismrecScoresDrift tells of, in half ranges."""
Buckets = dict[float, float]


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[AppClient]:
    make_bundle(tmp_path / "models", n_items=N_ITEMS)
    with open_client(tmp_path, slot=Slot()) as client:
        assert client.state.watcher.check() is not None
        yield client


def test_score_range_holds_its_own_golden_histories(tmp_path: Path) -> None:
    loaded = load_bundle(make_bundle(tmp_path))
    found = score_range(loaded)
    assert found is not None
    assert found.half > 0
    asked = [case for case in loaded.manifest.golden if case.history and not case.condition]
    assert asked


@pytest.mark.parametrize(("certainties", "expected"), [([], None), ([-4.0, -2.0, -3.5], ScoreRange(-3.0, 1.0))])
def test_range_of_values_is_their_middle_and_half_width(certainties: list[float], expected: ScoreRange | None) -> None:
    assert range_of(certainties) == expected


def test_range_of_equal_values_keeps_a_width() -> None:
    found = range_of([-2.0, -2.0])
    assert found is not None
    assert found.half == 0.1


def test_position_is_in_half_ranges_from_the_middle() -> None:
    found = ScoreRange(middle=-3.0, half=1.5)
    assert found.position(math.exp(-1.5)) == pytest.approx(1.0)
    assert found.position(0.0) is None


def buckets(client: AppClient) -> Buckets:
    """Upper bound -> lists placed below it."""
    samples = values_of(client.get("/metrics").text)
    return {
        float(dict(labels)["le"]): count
        for (name, labels), count in samples.items()
        if name == "prismrec_list_score_position_bucket"
    }


def median_between(before: Buckets, after: Buckets) -> float:
    """As histogram_quantile(0.5, increase(...)): linear within the bucket where half of the new lists are reached."""
    rise = {bound: count - before.get(bound, 0.0) for bound, count in sorted(after.items())}
    half, low, reached = rise[np.inf] / 2, -np.inf, 0.0
    assert half > 0, "no list was placed"
    for bound, count in rise.items():
        if count >= half:
            break
        low, reached = bound, count
    if np.isinf(bound):
        return low
    return bound if np.isinf(low) else low + (bound - low) * (half - reached) / (count - reached)


def ask(client: AppClient, kinds: Sequence[Sequence[int]], rng: np.random.Generator) -> float:
    """Lists for histories of three items of each kind; the median of their positions."""
    before = buckets(client)
    for _ in range(LISTS):
        history = [f"m{j}" for kind in kinds for j in rng.choice(kind, 3, replace=False)]
        assert client.post("/recommend", {"history": history, "n": 1}).status_code == 200
    return median_between(before, buckets(client))


def test_scores_of_another_population_drift_and_of_the_same_do_not(observed: AppClient) -> None:
    rng = np.random.default_rng(7)
    yesterday = ask(observed, [COMEDIES, HORROR], rng)
    today = ask(observed, [COMEDIES, HORROR], rng)
    others = ask(observed, [COMEDIES], rng)
    print(f"median position: {yesterday:.2f}, again {today:.2f}, of another population {others:.2f}")
    assert abs(today - yesterday) < DRIFTED < abs(others - yesterday)


def fidelity_of(client: AppClient, rng: np.random.Generator) -> tuple[float, float]:
    """Mean del@k of 30 explanations, and of the random orders beside them, as the recorded figure has it."""

    def so_far(order: str, part: str) -> float:
        return value(client, f"explanation_del_at_k_{part}", order=order, model="demo")

    orders, parts = ("explanation", "random"), ("sum", "count")
    before = {(order, part): so_far(order, part) for order in orders for part in parts}
    for _ in range(30):
        liked, other = rng.choice(COMEDIES, 4, replace=False), rng.choice(HORROR, 4, replace=False)
        asked = {"history": [f"m{j}" for j in (*liked[1:], *other)], "item_id": f"m{liked[0]}", "fidelity_k": 3}
        assert client.post("/explain", asked).status_code == 200
    rise = {key: so_far(*key) - old for key, old in before.items()}
    assert rise["explanation", "count"] == rise["random", "count"] == 30
    return tuple(rise[order, "sum"] / rise[order, "count"] for order in orders)  # type: ignore[return-value]


def test_fidelity_falls_behind_chance_when_the_explainer_breaks(
    observed: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, chance = fidelity_of(observed, np.random.default_rng(3))
    assert good < 0.8 * chance
    run = TimedSession.run

    def broken(self: TimedSession, outputs: Sequence[str], feed: Any) -> list[Any]:
        found = run(self, outputs, feed)
        if self._stage == "explain":
            parts = found[2]  # of the history: upside down, with the same sum
            found[2] = 2 * parts.mean(axis=-1, keepdims=True) - parts
        return found

    monkeypatch.setattr(TimedSession, "run", broken)
    bad, still = fidelity_of(observed, np.random.default_rng(3))
    print(f"del@3: {good:.3f} beside {chance:.3f} by chance; of a broken explainer {bad:.3f} beside {still:.3f}")
    assert bad >= still  # what PrismrecUnfaithful asks
