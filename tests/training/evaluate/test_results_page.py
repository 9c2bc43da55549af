"""The page and its twin say the same figures, and which command made them."""

from __future__ import annotations

import json

from bundle.manifest import Conditions, Data, Metric
from training.data.split import Protocol
from training.evaluate.result import Evaluation
from training.evaluate.results_page import write_results
from training.run_info import FitSummary, RunInfo

COMMAND = "prismrec evaluate data --results docs/results/x"


def metric(mean: float) -> Metric:
    return Metric(mean=mean, se=0.01, low=mean - 0.02, high=mean + 0.02, n=30)


COLUMNS = ("ndcg@100", "recall@20", "recall@50", "ndcg@10", "coverage@10", "gini@10", "novelty@10", "ild@10")
EVALUATION = Evaluation(
    kind="mult-vae",
    part="test",
    fingerprint="f",
    model={name: metric(0.4321) for name in COLUMNS},
    baselines={"popularity": {name: metric(0.1234) for name in COLUMNS}},
    gain={"popularity": metric(0.3087)},
    settings={},
)
INFO = RunInfo(
    name="x",
    kind="mult-vae",
    config={"latent": 8},
    fit={"epochs": 3},
    seeds={"train": 5, "split": 98765},
    device="cpu",
    data=Data(name="x", fingerprint="f", n_users=90, n_items=40, n_interactions=700, threshold=4.0, min_items=5),
    source="data",
    protocol=Protocol(n_heldout=30),
    conditions=Conditions(attribute=None, values=()),
    libraries={"torch": "2"},
    git=None,
    complete=True,
    summary=FitSummary(stopped="patience", epochs=3, best_epoch=2, best_ndcg=0.4, active_units=8, seconds=1.0),
)


def test_write_results_page_and_twin_say_the_same_figures(tmp_path):
    page, twin = write_results(tmp_path / "results" / "x.1m", INFO, EVALUATION, command=COMMAND)
    assert (page.name, twin.name) == ("x.1m.md", "x.1m.json")
    text, document = page.read_text(), json.loads(twin.read_text())
    assert document["command"] == COMMAND and COMMAND in text
    assert document["evaluation"]["model"]["ndcg@100"]["mean"] == 0.4321 and "0.4321 +- 0.0100" in text
    assert document["evaluation"]["gain"]["popularity"]["mean"] == 0.3087 and "+0.3087" in text
    assert "rating >= 4," in text and "30 users held out" in text and "Training seed 5" in text


def test_write_results_of_other_figures_gives_another_page(tmp_path):
    pages = []
    for name, mean in (("a", 0.2), ("b", 0.3)):
        changed = Evaluation(
            kind="mult-vae",
            part="test",
            fingerprint="f",
            model={column: metric(mean) for column in COLUMNS},
            baselines={},
            gain={},
            settings={},
        )
        pages.append(write_results(tmp_path / name, INFO, changed, command=COMMAND)[0].read_text())
    assert pages[0] != pages[1]
