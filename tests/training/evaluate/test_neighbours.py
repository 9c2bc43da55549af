from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.boards import blocks, csr, fitted, options
from training.data.split import Split
from training.evaluate import neighbours
from training.evaluate.baselines import fit_baseline
from training.evaluate.evaluate import evaluate_run
from training.evaluate.measure import measure
from training.evaluate.neighbours import Nearest, Neighbours, UserSpace, fit_neighbours
from training.evaluate.table import table
from training.models.base import LatentModel, Posterior, SparseRows
from training.models.registry import make_model
from training.run_folder import RunFolder

HISTORIES = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=bool)


class Counting(LatentModel):
    """z of a history is (its length, 0)."""

    kind = "counting"

    def __init__(self) -> None:
        super().__init__()
        self.n_items, self.n_latent, self.n_conditions = 4, 2, 0
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def encode(self, rows: SparseRows, condition: torch.Tensor | None = None) -> Posterior:
        return Posterior(torch.stack([rows.lengths.float(), torch.zeros(len(rows))], dim=1), None)

    def encode_padded(self, history, mask, condition=None) -> torch.Tensor:
        raise NotImplementedError

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


@pytest.fixture
def space() -> UserSpace:
    return UserSpace(Counting(), csr(HISTORIES))


def test_nearest_users_are_found_in_order_and_ties_go_to_the_first(space: UserSpace) -> None:
    found = space.nearest(csr(HISTORIES[[0, 3]]), 3)
    assert found.users.tolist() == [[0, 1, 2], [3, 4, 2]]
    np.testing.assert_allclose(found.distances, [[0.0, 1.0, 2.0], [0.0, 0.0, 1.0]], atol=1e-6)
    between = space.nearest(csr(np.array([[0, 1, 1, 0]])), 5)
    assert between.users.tolist() == [[1, 0, 2, 3, 4]]
    assert space.nearest(csr(HISTORIES[:1]), 99).users.shape == (1, 5)


def test_nearest_in_blocks_equals_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    split = blocks(50, keep=0.5)
    space = UserSpace(make_model("contrastive", n_items=24, config={"hidden": 8, "latent": 3}), split.train)
    whole = space.nearest(split.test.fold_in, 7)
    monkeypatch.setattr(neighbours, "_BLOCK", 12 * 4)  # four users at a time
    parts = space.nearest(split.test.fold_in, 7)
    assert np.array_equal(whole.users, parts.users)
    np.testing.assert_allclose(whole.distances, parts.distances, atol=1e-5)
    by_hand = np.linalg.norm(space.encoded(split.test.fold_in)[:, None] - space.points[None], axis=2)
    np.testing.assert_allclose(whole.distances, np.sort(by_hand, axis=1)[:, :7], atol=1e-4)


def test_votes_are_counted_or_weighed_by_similarity(space: UserSpace) -> None:
    nearest = Nearest(np.array([[0, 1, 2]]), np.array([[0.0, 1.0, 3.0]], dtype=np.float32))
    assert space.votes(nearest, "count").tolist() == [[3.0, 2.0, 1.0, 0.0]]
    np.testing.assert_allclose(space.votes(nearest, "similarity"), [[1.75, 0.75, 0.25, 0.0]])
    assert np.array_equal(Neighbours(space, 2, "count").score(csr(HISTORIES[:1])), [[2.0, 1.0, 0.0, 0.0]])


@pytest.fixture(scope="module")
def split() -> Split:
    return blocks(120, n_items=96, keep=0.7)


@pytest.fixture(scope="module")
def run(split: Split, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs") / "contrastive"
    fitted(folder, split, options("contrastive", epochs=12, patience=12, model={"hidden": 32}))
    return RunFolder(folder)


def test_neighbours_beat_popularity_and_an_untrained_space_hardly_does(run: RunFolder, split: Split) -> None:
    def ndcg(model: LatentModel) -> float:
        return float(measure(fit_neighbours(model, split).scorer, split.test).values["ndcg@100"].mean())

    popular = float(measure(fit_baseline("popularity", split).scorer, split.test).values["ndcg@100"].mean())
    assert ndcg(run.load().model) > 0.95 > popular + 0.2
    blind = run.load().model
    blind.item_in.weight.data.zero_()  # type: ignore[union-attr] - everybody is everybody's neighbour
    assert ndcg(blind) < popular + 0.1, "the control: in a space that knows no tastes, neighbours are as good as anyone"


def test_number_and_vote_are_those_that_rank_the_validation_users_best(run: RunFolder, split: Split) -> None:
    found = fit_neighbours(run.load().model, split)
    assert isinstance(found.scorer, Neighbours)
    assert found.settings == {"k": float(found.scorer.k), "vote": found.scorer.vote}
    tried = {
        (k, vote): float(measure(Neighbours(found.scorer.space, k, vote), split.validation).values["ndcg@100"].mean())
        for k in (10, 25, 50, 100, 120)
        for vote in ("count", "similarity")
    }
    assert tried[found.scorer.k, found.scorer.vote] == max(tried.values())
    assert min(tried.values()) < max(tried.values())


def test_evaluation_of_a_contrastive_run_has_both_ways_side_by_side(run: RunFolder) -> None:
    evaluation = evaluate_run(run, baselines=("popularity",))
    assert evaluation.baselines.keys() == {"neighbours", "popularity"}
    assert evaluation.baselines["neighbours"].keys() == evaluation.model.keys()
    difference = evaluation.model["ndcg@100"].mean - evaluation.baselines["neighbours"]["ndcg@100"].mean
    assert evaluation.gain["neighbours"].mean == pytest.approx(difference)
    lines = table(evaluation).splitlines()
    assert lines[2].startswith("contrastive ")
    assert lines[3].startswith("neighbours (k ") and "vote " in lines[3]
    assert evaluate_run(run, baselines=("popularity",)).to_json() == evaluation.to_json()


def test_other_models_have_no_neighbours(tmp_path: Path, split: Split) -> None:
    fitted(tmp_path / "run", split, options("mult-dae", epochs=1))
    assert evaluate_run(RunFolder(tmp_path / "run"), baselines=()).baselines == {}
