"""From outcomes to rows to pages: seeds together, paired differences, and the same figures in every form."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bundle.manifest import Data, Metric
from tests.training.boards import blocks
from training.bench.page import Provenance, write_pages
from training.bench.rows import rows_of
from training.bench.task import Outcome

METRICS = ("ndcg@100", "recall@20", "recall@50", "coverage@10")


def outcome(model: str, per_user: list[float], *, seed: int = 0, baseline: bool = False) -> Outcome:
    mean = float(np.mean(per_user))
    metric = Metric(mean=mean, se=0.01, low=mean - 0.02, high=mean + 0.02, n=len(per_user))
    return Outcome(
        model=model,
        baseline=baseline,
        seed=seed,
        fingerprint="f",
        asked={} if baseline else {"config": {"latent": 8}, "fit": {"epochs": 3, "anneal_steps": None}},
        metrics=dict.fromkeys(METRICS, metric),
        per_user=tuple(per_user),
        seconds=12.3,
        peak_bytes=1_500_000_000,
        chosen={"lambda": 700.0, "weighting": "bm25"} if baseline else {},
        libraries={"torch": "2"},
        commit="abc+",
    )


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
    assert ours.per_user.tolist() == pytest.approx([0.6, 0.7, 0.7, 0.8])
    assert ours.se("ndcg@100") == pytest.approx(np.std([0.6, 0.7, 0.7, 0.8], ddof=1) / 2)
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


def provenance() -> Provenance:
    data = Data(name="x", fingerprint="f", n_users=90, n_items=40, n_interactions=700, threshold=4.0, min_items=5)
    ran_on = {"processor": "abacus", "cores": 2, "memory_gb": 16.0, "python": "3.11", "torch": "2"}
    return Provenance("prismrec bench x", data, blocks(), "there.npz", (0, 1), ran_on, {"torch": "2"}, None, "Windy.")


def test_pages_say_the_same_figures_and_where_they_are_from(tmp_path):
    page, twin, source = write_pages(tmp_path / "out" / "x.1m", rows_of(OUTCOMES, flagship="ours"), provenance())
    assert [path.name for path in (page, twin, source)] == ["x.1m.md", "x.1m.json", "x.1m.provenance.json"]
    text, rows, said = page.read_text(), json.loads(twin.read_text()), json.loads(source.read_text())
    assert [(row["model"], row["flagship"], row["baseline"]) for row in rows] == [
        ("ours", True, False),
        ("other", False, False),
        ("ease", False, True),
    ]
    assert rows[0]["ndcg@100"]["mean"] == pytest.approx(0.7)
    assert rows[0]["ndcg@100"]["seeds"] == 2
    assert rows[0]["ndcg@100"]["by_seed"] == pytest.approx({"0": 0.65, "1": 0.75})
    assert rows[2]["seconds"] == [12.3] and rows[2]["peak_memory_mb"] == [1500]
    assert rows[0]["commits"] == ["abc+", "abc+"]
    assert "per_user" not in twin.read_text()
    for row in rows:
        assert f"{row['ndcg@100']['mean']:.4f} +- {row['ndcg@100']['se']:.4f}" in text
    assert "**ours** (flagship)" in text and "lambda 700, weighting bm25" in text and "anneal_steps" not in text
    assert said["command"] == "prismrec bench x" and "prismrec bench x" in text
    assert said["split"]["file"] == "there.npz" and "there.npz" in text and "abacus" in text
    assert said["note"] == "Windy." and "torch 2. Windy." in text
    assert said["seeds"] == [0, 1] and "Training seeds: 0, 1" in text
