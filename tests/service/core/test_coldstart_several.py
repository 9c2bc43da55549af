"""Cold starts of several picks, of a short history, and the same in any order and process."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.coldstarts.picks import Pick
from service.coldstarts.samples import sample_points
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from tests.builders import BuilderModel
from tests.service.core.cold import started

COMEDY = Pick(attribute="genre", value="Comedy")


def test_sample_coldstart_value_whose_only_factor_is_claimed_contradicts(
    loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with its direction in the map the same two values are answered."""
    horror = Pick(attribute="genre", value="Horror")
    assert len(started(loaded, [COMEDY, horror]).picks) == 2
    without = msgspec.structs.replace(loaded.factors, directions=())
    monkeypatch.setattr(loaded, "bundle", dataclasses.replace(loaded.bundle, factors=without))
    for picks, pointer in (([COMEDY, horror], "/picks/1/value"), ([horror, COMEDY], "/picks/0/value")):
        with pytest.raises(InvalidRequestError, match="contradict") as caught:
            started(loaded, picks)
        assert caught.value.errors[0].pointer == pointer
    with pytest.raises(InvalidRequestError, match="contradict"):
        started(loaded, [Pick(factor=0, half="positive"), horror])


def test_sample_coldstart_joint_counts_items_that_have_all_that_was_picked(loaded: LoadedBundle) -> None:
    picks = [Pick(attribute="genre", value="Drama"), Pick(attribute="year", value="2010s")]
    found = started(loaded, picks, n=10)
    genre, year = loaded.catalogue.attributes[:2]
    both = genre.members[:, 1] & year.members[:, 4]
    assert found.joint is not None
    assert found.joint.in_catalogue == pytest.approx(both.mean())
    assert found.joint.in_list == pytest.approx(both[[item.item_ix for item in found.items]].mean())
    assert found.joint.in_list > 3 * found.joint.in_catalogue > 0
    assert started(loaded, picks[:1]).joint is None


def test_sample_coldstart_history_moves_the_samples_and_is_not_listed(loaded: LoadedBundle, twin: BuilderModel) -> None:
    history, pick = (2, 5, 8), [Pick(factor=0, half="positive")]
    found = started(loaded, pick, history=history, samples=8, seed=4, diversity=0.0, n=20)
    shift = sample_points(loaded, found.picks, samples=8, seed=4).astype(float)
    logits = twin.logits(twin.encode(history) + shift)
    merged = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).mean(0)
    merged[list(history)] = -1.0
    assert [item.item_ix for item in found.items] == np.argsort(-merged, kind="stable")[:20].tolist()
    alone = started(loaded, pick, samples=8, seed=4, diversity=0.0, n=20)
    assert [item.item_ix for item in alone.items] != [item.item_ix for item in found.items]


def test_sample_coldstart_pick_that_a_history_outweighs_is_not_called_undecoded(loaded: LoadedBundle) -> None:
    """Eight horror films; the pick alone, which is good, has no note."""
    films = tuple(range(2, 26, 3))
    found = started(loaded, [dataclasses.replace(COMEDY, strength=0.5)], history=films, diversity=0.0)
    assert found.shares[0].in_list < found.shares[0].in_catalogue
    assert found.picks[0].status == "decoded"
    assert "rest of the request" in (found.picks[0].note or "")
    assert started(loaded, [COMEDY]).picks[0].note is None


def test_sample_coldstart_history_counts_in_the_linear_term(steered: LoadedBundle, steered_twin: BuilderModel) -> None:
    history, pick = (2, 5, 8), [Pick(factor=0, half="positive")]
    found = started(steered, pick, history=history, samples=8, seed=4, diversity=0.0, n=10)
    shift = sample_points(steered, found.picks, samples=8, seed=4).astype(float)
    scores = np.stack([steered_twin.scores(history, shift=one) for one in shift])
    merged = (np.exp(scores) / np.exp(scores).sum(1, keepdims=True)).mean(0)
    merged[list(history)] = -1.0
    assert [item.item_ix for item in found.items] == np.argsort(-merged, kind="stable")[:10].tolist()
    without = np.stack([steered_twin.logits(steered_twin.encode(history) + one) for one in shift])
    assert not np.allclose(without, scores), "the control: the linear term says something"


def test_sample_coldstart_all_of_values_that_no_item_has_is_short_and_says_so(loaded: LoadedBundle) -> None:
    nothing = loaded.condition(["Comedy", "Horror"], match="all", mode="strict")
    found = started(loaded, [COMEDY], condition=nothing)
    assert found.items == () and found.condition_satisfied is None
    assert "0 of 10" in (found.short_reason or "")
    assert [share.in_list for share in found.shares] == [0.0]


@pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan")])
def test_sample_coldstart_diversity_out_of_bounds_is_refused(loaded: LoadedBundle, diversity: float) -> None:
    with pytest.raises(InvalidRequestError, match="between 0 and 1"):
        started(loaded, [COMEDY], diversity=diversity)


def test_sample_coldstart_says_how_it_merged(loaded: LoadedBundle) -> None:
    plain, diverse = (started(loaded, [COMEDY], diversity=diversity) for diversity in (0.0, 0.5))
    assert plain.merged_by.startswith("mean over the samples")
    assert "diversity 0.5" in diverse.merged_by and "32 samples" in diverse.merged_by
    assert diverse.picks[0].strength == 1.5 * plain.picks[0].strength
    said = started(loaded, [dataclasses.replace(COMEDY, strength=1.0)], diversity=0.5)
    assert said.picks[0].strength == 1.0, "what the caller named stays"


VALUES = [Pick(attribute=d, value=v) for d, v in (("genre", "Comedy"), ("genre", "Drama"), ("year", "2010s"))]
HALVES = [Pick(factor=1, half="negative", strength=0.7), Pick(factor=3, half="positive")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    picks=st.lists(st.sampled_from([*VALUES, *HALVES]), min_size=1, max_size=5, unique=True),
    seed=st.integers(0, 2**53 - 1),
    diversity=st.sampled_from([0.0, 0.25, 1.0]),
    history=st.lists(st.integers(0, 49), max_size=4),
    data=st.data(),
)
def test_sample_coldstart_order_of_picks_and_history_changes_nothing(
    loaded: LoadedBundle, picks, seed, diversity, history, data
) -> None:
    said = {"seed": seed, "diversity": diversity, "samples": 6}
    found = started(loaded, picks, history=tuple(history), **said)
    again = started(
        loaded, data.draw(st.permutations(picks)), history=tuple(data.draw(st.permutations(history))), **said
    )
    assert found.items == again.items
    assert sorted(map(repr, found.picks)) == sorted(map(repr, again.picks))
    assert not {item.item_ix for item in found.items} & set(history)
    assert len({item.item_ix for item in found.items}) == len(found.items) == 10


PROCESS = """
import sys
from pathlib import Path
from service.bundles.loader import load_bundle
from service.coldstarts.picks import Pick
from tests.service.core.cold import started
loaded = load_bundle(Path(sys.argv[1]))
picks = [Pick(attribute="genre", value="Drama"), Pick(factor=3, half="positive"), Pick(attribute="year", value="2010s")]
print(started(loaded, picks, seed=int(sys.argv[2]), diversity=0.5))
"""


def test_sample_coldstart_is_the_same_in_every_process(folder: Path) -> None:
    def told(hash_seed: str, seed: str) -> str:
        command = [sys.executable, "-c", PROCESS, str(folder), seed]
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout

    assert told("1", "7") == told("2", "7")
    assert told("1", "7") != told("1", "8")  # the control
