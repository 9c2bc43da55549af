"""The record of a search: every trial, on what, and nothing of single users."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.training.boards import blocks, options
from training.tune.record import Searched, write_record
from training.tune.study import Found, Search, Tried

SPLIT = blocks()
SPACE = {"fit.learning_rate": FloatDistribution(1e-4, 0.1, log=True), "model.latent": CategoricalDistribution((4, 8))}


def tried(number: int, state: str, ndcg: float | None, **more) -> Tried:
    return Tried(number, state, ndcg, 3, {"fit.learning_rate": 0.01 * (number + 1), "model.latent": 4}, **more)


TRIALS = (
    tried(0, "complete", 0.31, seconds=4.0, code="a1"),
    tried(1, "complete", 0.52, seconds=5.0, code="a1"),
    tried(2, "pruned", 0.6, seconds=1.0, code="b2"),
    tried(3, "fail", None, error="the loss is nan at step 3", code="b2"),
)


@pytest.fixture
def searched(tmp_path) -> Searched:
    search = Search(tmp_path / "study", options(epochs=3), SPACE)
    return Searched(search, Found(TRIALS, TRIALS[1]), SPLIT, "prismrec tune x", Path("there.npz"))


def test_record_says_every_trial_and_on_what(searched, tmp_path):
    page, twin = write_record(tmp_path / "search" / "mult-vae", searched)
    text, document = page.read_text(), json.loads(twin.read_text())
    assert [(t["trial"], t["state"], t["ndcg@100"]) for t in document["trials"]] == [
        (0, "complete", 0.31),
        (1, "complete", 0.52),
        (2, "pruned", 0.6),
        (3, "fail", None),
    ]
    assert document["best"] == 1 and "Best: trial 1, ndcg@100 0.5200" in text
    assert document["trials"][1]["settings"] == {"fit.learning_rate": 0.02, "model.latent": 4}
    assert document["trials"][3]["error"] == "the loss is nan at step 3"
    assert document["space"]["fit.learning_rate"] == {"distribution": "float", "log": True, "low": 1e-4, "high": 0.1}
    assert document["fixed"]["fit.epochs"] == 3 and "model.latent" not in document["fixed"]
    assert document["split"]["fingerprint"] == SPLIT.fingerprint and "there.npz" in text
    assert "12 validation users; the test users were taken out" in text
    assert "The sources changed during the search: a1, b2" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[0] for row in rows] == ["| 1", "| 0", "| 2", "| 3"]  # complete ones first, best first


def test_record_names_no_user_and_no_item(searched, tmp_path):
    content = "".join(path.read_text() for path in write_record(tmp_path / "r", searched))
    for name in (*SPLIT.train_users, *SPLIT.validation.users, *SPLIT.test.users, *SPLIT.item_ids):
        assert f'"{name}"' not in content and f" {name} " not in content
