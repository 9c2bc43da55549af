"""What every latent model must do. A model's test file inherits this and names its kind: ten lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.boards import TINY, blocks, catalogue_of, fitted, options
from training.batches import condition_rows
from training.models.base import LatentModel, SparseRows
from training.models.registry import config_for, make_model
from training.models.weights import load_model, weights_of
from training.run_folder import RunFolder

N_ITEMS = 24
HISTORIES = ([0, 5, 7], [], [3], [1, 2, 3, 4, 5, 6, 23])


def rows_of(histories: tuple[list[int], ...]) -> SparseRows:
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in histories])])
    flat = [ix for history in histories for ix in history]
    return SparseRows(torch.tensor(flat, dtype=torch.int64), torch.tensor(offsets, dtype=torch.int64))


class ModelContract:
    kind: str
    n_conditions: int = 0
    extra: dict[str, object] = {}  # noqa: RUF012 - overridden by a whole new one, never changed
    untrained: dict[str, object] = {}  # noqa: RUF012 - what switches off all that needs no training step

    @pytest.fixture
    def model(self) -> LatentModel:
        torch.manual_seed(1)
        config = config_for(self.kind, TINY | self.extra)
        model = make_model(self.kind, n_items=N_ITEMS, n_conditions=self.n_conditions, config=config).eval()
        board = blocks(40)
        genre = catalogue_of(board).attribute("genre")
        assert genre is not None
        model.prepare(board.train, genre.members[:, : self.n_conditions] if self.n_conditions else None)
        model.start_validation()
        return model

    def condition(self, n_rows: int) -> torch.Tensor | None:
        """Row b asks for value b, the last row for nothing."""
        if not self.n_conditions:
            return None
        values = np.full((n_rows, 2), -1)
        values[:-1, 0] = np.arange(n_rows - 1) % self.n_conditions
        return condition_rows(values, self.n_conditions)

    def test_model_says_what_it_is(self, model: LatentModel) -> None:
        assert (model.kind, model.n_items, model.n_latent) == (self.kind, N_ITEMS, TINY["latent"])
        assert model.n_conditions == self.n_conditions
        assert model.config == config_for(self.kind, TINY | self.extra)

    def test_encode_in_eval_mode_is_deterministic_and_finite(self, model: LatentModel) -> None:
        first = model.encode(rows_of(HISTORIES), self.condition(4))
        again = model.encode(rows_of(HISTORIES), self.condition(4))
        assert first.mu.shape == (4, model.n_latent)
        assert torch.equal(first.mu, again.mu)
        assert torch.isfinite(model.decode(first.mu)).all()
        assert model.decode(first.mu).shape == (4, N_ITEMS)

    def test_batch_equals_one_by_one(self, model: LatentModel) -> None:
        condition = self.condition(4)
        together = model.score(rows_of(HISTORIES), condition)
        for b, history in enumerate(HISTORIES):
            asked = None if condition is None else condition[b : b + 1]
            alone = model.score(rows_of((history,)), asked)
            torch.testing.assert_close(together[b], alone[0], rtol=1e-5, atol=1e-6)

    def test_other_axes_give_other_coordinates_and_the_same_scores(self, model: LatentModel) -> None:
        rows, condition = rows_of(HISTORIES), self.condition(4)
        mu, scores, points = model.encode(rows, condition).mu, model.score(rows, condition), torch.randn(5, 4)
        decoded = model.decode(points)
        forward = np.eye(4) + np.array([[0, 0.5, 0, 0], [0, 0, -1.0, 0], [0.3, 0, 0, 0], [0, 0, 2.0, 0]])
        model.hold_basis()
        assert model.basis is not None
        torch.testing.assert_close(model.score(rows, condition), scores)  # nothing is turned yet
        model.basis.set(forward, np.linalg.inv(forward))
        turn = torch.from_numpy(forward).float().T
        torch.testing.assert_close(model.encode(rows, condition).mu, mu @ turn)
        torch.testing.assert_close(model.score(rows, condition), scores, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.decode(points @ turn), decoded, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(model.decode(points), decoded, atol=1e-3)  # so the coordinates do matter

    def test_histories_of_two_users_give_two_answers(self, model: LatentModel) -> None:
        mu = model.encode(rows_of(HISTORIES)).mu
        assert not torch.allclose(mu[0], mu[2])  # otherwise every equality here would hold for a constant

    def test_order_of_history_does_not_matter(self, model: LatentModel) -> None:
        scores = model.score(rows_of(([0, 5, 7], [7, 0, 5])))
        torch.testing.assert_close(scores[0], scores[1], rtol=1e-5, atol=1e-6)

    def test_encode_padded_equals_encode(self, model: LatentModel) -> None:
        history = torch.zeros(4, 9, dtype=torch.int64)
        mask = torch.zeros(4, 9)
        history[:, :] = 11  # padding is any index
        for b, items in enumerate(HISTORIES):
            history[b, : len(items)] = torch.tensor(items, dtype=torch.int64)
            mask[b, : len(items)] = 1.0
        condition = self.condition(4)
        padded = model.encode_padded(history, mask, condition)
        torch.testing.assert_close(padded, model.encode(rows_of(HISTORIES), condition).mu, rtol=1e-5, atol=1e-6)

    def test_condition_none_equals_zeros(self, model: LatentModel) -> None:
        if not self.n_conditions:
            pytest.skip(f"{self.kind} takes no condition")
        zeros = torch.zeros(4, self.n_conditions)
        rows = rows_of(HISTORIES)
        torch.testing.assert_close(model.score(rows), model.score(rows, zeros))
        assert not torch.allclose(model.score(rows)[0], model.score(rows, self.condition(4))[0])

    def test_gradient_reaches_what_the_batch_touches_and_nothing_else(self, model: LatentModel) -> None:
        """Every parameter learns; the input rows of items and conditions that no row of the batch has stay at zero."""
        torch.manual_seed(0)
        rows = rows_of(([0, 5, 7] * 1, [2, 3]))
        condition = None if not self.n_conditions else condition_rows(np.array([[0, -1], [-1, -1]]), self.n_conditions)
        model.loss(rows, rows, condition=condition, beta=0.2).total.backward()
        learning = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        for name, parameter in learning.items():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().sum() > 0, name
        touched = {0, 2, 3, 5, 7}
        for name in (name for name in learning if name.endswith("item_in.weight")):
            assert set(torch.nonzero(learning[name].grad.abs().sum(1)).ravel().tolist()) == touched

    def test_weights_saved_and_loaded_change_nothing(self, model: LatentModel, tmp_path: Path) -> None:
        board = blocks(40)
        result = fitted(tmp_path / "run", board, options(self.kind, model=self.extra, epochs=1))
        run = RunFolder(tmp_path / "run")
        loaded = run.load().model
        copy = tmp_path / "copy.pt"
        copy.write_bytes(weights_of(loaded))
        again = load_model(result.info, copy, n_items=N_ITEMS)
        rows = rows_of(HISTORIES)
        assert torch.equal(loaded.score(rows), again.score(rows))
        assert not again.training

    def test_fit_twice_with_one_seed_equals_once_and_another_seed_differs(self, tmp_path: Path) -> None:
        board = blocks(40)
        weights = []
        for place, seed in enumerate((5, 5, 6)):
            fitted(tmp_path / str(place), board, options(self.kind, model=self.extra, epochs=2, seed=seed))
            weights.append(RunFolder(tmp_path / str(place)).load().model.state_dict())
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])

    def test_fit_solves_the_blocks_and_an_untrained_model_does_not(self, tmp_path: Path) -> None:
        board = blocks(120)
        settings = options(self.kind, model=self.extra, epochs=30, patience=30, beta_cap=0.05)
        result = fitted(tmp_path / "run", board, settings)
        assert result.summary.best_ndcg > 0.97
        without = options(self.kind, model=self.extra | self.untrained, epochs=1, learning_rate=1e-9)
        barely = fitted(tmp_path / "bare", board, without)
        assert barely.summary.best_ndcg < 0.8
