"""From outcomes to rows to pages: seeds together, paired differences, and the same figures in every form."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bundle.manifest import Data, Metric
from tests.training.boards import blocks
from training.bench.document import Provenance
from training.bench.page import markdown, write_pages
from training.bench.rows import rows_of
from training.bench.task import Outcome
from training.evaluate.result import Conditioned

METRICS = ("ndcg@100", "recall@20", "recall@50", "coverage@10")


def metric(mean: float, n: int = 4) -> Metric:
    return Metric(mean=mean, se=0.01, low=mean - 0.02, high=mean + 0.02, n=n)


def outcome(model: str, per_user: list[float], *, seed: int = 0, baseline: bool = False, **changed) -> Outcome:
    mean = float(np.mean(per_user))
    made = Outcome(
        model=model,
        baseline=baseline,
        seed=seed,
        part="test",
        fingerprint="f",
        asked={} if baseline else {"config": {"latent": 8}, "fit": {"epochs": 3, "anneal_steps": None}},
        metrics=dict.fromkeys(METRICS, metric(mean, len(per_user))),
        per_user=dict.fromkeys(METRICS[:3], tuple(per_user)),
        seconds=12.3,
        peak_bytes=1_500_000_000,
        chosen={"lambda": 700.0, "weighting": "bm25"} if baseline else {},
        drawn=not baseline,
        libraries={"torch": "2"},
        ran_on="abacus, 2 cores",
        code="0123456789ab",
        commit="abcdef0123+",
    )
    return msgspec.structs.replace(made, **changed)


OUTCOMES = [
    outcome("ours", [0.5, 0.7, 0.6, 0.8], seed=0),
    outcome("ours", [0.7, 0.7, 0.8, 0.8], seed=1),
    outcome("other", [0.5, 0.6, 0.5, 0.6]),
    outcome("ease", [0.4, 0.4, 0.3, 0.3], baseline=True),
]


def test_rows_are_sorted_by_the_mean_over_seeds_and_users():
    rows = rows_of(list(reversed(OUTCOMES)), flagship="ours")
    assert [row.model for row in rows] == ["ours", "other", "ease"]
    ours = rows[0]
    assert ours.flagship and not rows[1].flagship
    assert ours.mean("ndcg@100") == pytest.approx(0.7)
    headline = ours.metrics["ndcg@100"]
    assert headline.se == pytest.approx(np.std([0.6, 0.7, 0.7, 0.8], ddof=1) / 2)
    assert headline.low < 0.7 < headline.high
    assert ours.metrics["coverage@10"] == metric(0.7)  # of all lists together: the seeds' own, averaged
    assert ours.seed_sd("ndcg@100") == pytest.approx(np.std([0.65, 0.75], ddof=1))
    assert rows[1].seed_sd("ndcg@100") is None


def test_gains_are_paired_against_the_best_peer_which_the_flagship_is_not():
    rows = rows_of(OUTCOMES, flagship="ours")
    assert [(row.model, row.against) for row in rows] == [("ours", "other"), ("other", None), ("ease", "other")]
    assert rows[0].gain is not None
    assert rows[0].gain.mean == pytest.approx(0.15)
    assert rows[0].gain.low > 0.0
    without = rows_of(OUTCOMES, flagship=None)
    assert [(row.model, row.against) for row in without] == [("ours", None), ("other", "ours"), ("ease", "ours")]


def test_flagships_other_way_is_a_row_but_no_peer_of_it():
    also = (outcome("ours (neighbours)", [0.7, 0.7, 0.7, 0.7]),)
    outcomes = [outcome("ours", [0.5, 0.7, 0.6, 0.8], also=also), *OUTCOMES[2:]]
    assert [(row.model, row.against) for row in rows_of(outcomes, flagship="ours")] == [
        ("ours (neighbours)", "other"),
        ("ours", "other"),
        ("other", None),
        ("ease", "other"),
    ]
    assert rows_of(outcomes, flagship=None)[1].against == "ours (neighbours)"


def conditioned(mean: float) -> Conditioned:
    return Conditioned(attribute="genre", overall={"soft": {"ndcg@100": metric(mean)}}, by_value={})


def test_conditioned_figures_are_averaged_over_the_seeds():
    outcomes = [outcome("c", [0.5, 0.5], seed=seed, conditioned=conditioned(0.4 + 0.2 * seed)) for seed in (0, 1)]
    (row,) = rows_of(outcomes, flagship=None)
    assert row.conditioned["soft"]["ndcg@100"].mean == pytest.approx(0.5)
    assert rows_of([outcomes[0], outcome("c", [0.5, 0.5], seed=1)], flagship=None)[0].conditioned == {}


def provenance() -> Provenance:
    data = Data(name="x", fingerprint="f", n_users=90, n_items=40, n_interactions=700, threshold=4.0, min_items=5)
    return Provenance(
        commands=("prismrec bench x", "prismrec bench x --add"),
        data=data,
        split=blocks(),
        split_file="there.npz",
        part="test",
        outcomes=("ours-0-1", "ours-1-1"),
        flagship="ours",
        ran_on={"processor": "abacus", "cores": 2, "memory_gb": 16.0, "python": "3.11", "torch": "2"},
        libraries={"torch": "2"},
        git=None,
        code="0123456789ab",
        note="Windy.",
    )


def test_pages_say_the_same_figures_and_where_they_are_from(tmp_path):
    page, twin, source = write_pages(tmp_path / "out" / "x.1m", rows_of(OUTCOMES, flagship="ours"), provenance())
    assert [path.name for path in (page, twin, source)] == ["x.1m.md", "x.1m.json", "x.1m.provenance.json"]
    text, rows, said = page.read_text(), json.loads(twin.read_text()), json.loads(source.read_text())
    assert [(row["model"], row["flagship"], row["baseline"], row["random"]) for row in rows] == [
        ("ours", True, False, True),
        ("other", False, False, True),
        ("ease", False, True, False),
    ]
    assert rows[0]["ndcg@100"]["mean"] == pytest.approx(0.7)
    assert rows[0]["ndcg@100"]["seeds"] == 2
    assert rows[0]["ndcg@100"]["by_seed"] == pytest.approx({"0": 0.65, "1": 0.75})
    assert rows[2]["seconds"] == [12.3] and rows[2]["peak_memory_mb"] == [1500]
    assert rows[0]["commits"] == ["abcdef0123+", "abcdef0123+"]
    assert "per_user" not in twin.read_text()
    for row in rows:
        found = row["ndcg@100"]
        assert f"{found['mean']:.4f} +- {found['se']:.4f}" in text
        assert f"{found['low']:.4f} to {found['high']:.4f}" in text
    gain = rows[0]["against"]
    assert gain["model"] == "other" and gain["low"] < gain["mean"] < gain["high"]
    assert f"{gain['mean']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})" in text
    assert rows[1]["against"] is None and "the best peer" in text and "less other, paired" in text
    assert "**ours** (flagship)" in text and "lambda 700, weighting bm25" in text and "anneal_steps" not in text
    assert "1 (nothing random)" in text and "abcdef0+" in text
    assert said["commands"] == ["prismrec bench x", "prismrec bench x --add"] and "    prismrec bench x --add" in text
    assert said["split"]["file"] == "there.npz" and "there.npz" in text and "abacus" in text
    assert said["note"] == "Windy." and "torch 2. Windy." in text
    assert said["seeds"] == {"ours": [0, 1], "other": [0], "ease": [0]} and "Training seeds: 0, 1" in text
    assert said["outcomes"] == ["ours-0-1", "ours-1-1"] and said["flagship"] == "ours"


def test_page_of_mixed_sources_or_machines_says_so():
    assert "Not all rows" not in markdown(rows_of(OUTCOMES, flagship="ours"), provenance())
    mixed = [*OUTCOMES[:3], outcome("ease", [0.4] * 4, baseline=True, code="ba9876543210", ran_on="fast, 64 cores")]
    text = markdown(rows_of(mixed, flagship="ours"), provenance())
    assert "Not all rows are of the same sources.** 0123456789ab: ours, other; ba9876543210: ease." in text
    assert "Not all rows are of the same machine.** abacus, 2 cores: ours, other; fast, 64 cores: ease." in text


def test_page_of_validation_users_says_that_they_were_chosen_on():
    text = markdown(rows_of(OUTCOMES, flagship="ours"), replace(provenance(), part="validation"))
    assert "the same 4 validation users" in text and "optimistic" in text and "test users were measured" not in text
