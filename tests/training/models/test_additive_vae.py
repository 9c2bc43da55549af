"""The flagship: the sum of its parts, their balance, and the condition as a rule on the scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from tests.training.boards import TINY, blocks, catalogue_of, fitted, options
from tests.training.models.contract import N_ITEMS, ModelContract, rows_of
from tests.training.test_fit_resume import assert_same_run
from training.errors import ConfigError
from training.evaluate.measure import measurable, measure, unseen_scores
from training.evaluate.scorer import ModelScorer
from training.fit import fit
from training.guided.settings import GuideConfig
from training.models import additive_vae
from training.models.additive_vae import BALANCES, AdditiveVAE, spread
from training.models.linear_term import closed_form
from training.models.registry import make_model
from training.objective import multinomial_nll
from training.rows import sparse_rows
from training.run_folder import RunFolder

BOARD = blocks(60, keep=0.7)
MEMBERS = np.zeros((N_ITEMS, 3), dtype=np.bool_)
MEMBERS[::2, 0] = MEMBERS[::3, 1] = MEMBERS[5, 2] = True
HISTORIES = ([0, 5, 7], [], [3], [1, 2, 3, 4, 5, 6, 23])


class TestAdditiveVAE(ModelContract):
    kind = "additive-vae"
    untrained = {"balance": 0.0}  # noqa: RUF012


class TestConditionedAdditiveVAE(ModelContract):
    kind = "additive-vae"
    n_conditions = 4
    extra = {"linear_items": 20}  # noqa: RUF012
    untrained = {"balance": 0.0}  # noqa: RUF012


def prepared(*, n_conditions: int = 3, seed: int = 0, **settings: object) -> AdditiveVAE:
    torch.manual_seed(seed)
    config = TINY | {"linear_ridge": 20.0} | settings
    model = make_model("additive-vae", n_items=N_ITEMS, n_conditions=n_conditions, config=config).eval()
    assert isinstance(model, AdditiveVAE)
    model.prepare(BOARD.train, MEMBERS if n_conditions else None)
    model.start_validation()
    return model


def dense(model: AdditiveVAE) -> torch.Tensor:
    """B as it is held, over all items."""
    whole = torch.zeros(N_ITEMS, N_ITEMS)
    items = model.linear_items
    whole[items[:, None], items[None, :]] = model.linear_values.float() * model.linear_scales
    return whole


def multi_hot(histories: tuple[list[int], ...]) -> torch.Tensor:
    x = torch.zeros(len(histories), N_ITEMS)
    for row, items in enumerate(histories):
        x[row, items] = 1.0
    return x


@pytest.mark.parametrize("linear_items", [10_000, 9, 1])
def test_score_is_the_decoders_plus_the_linear_term(linear_items: int) -> None:
    model = prepared(linear_items=linear_items)
    rows = rows_of(HISTORIES)
    expected = model.decode(model.encode(rows).mu) + model.scale * multi_hot(HISTORIES) @ dense(model)
    torch.testing.assert_close(model.score(rows), expected)


def test_linear_term_covers_the_most_popular_items_alone() -> None:
    model = prepared(linear_items=9)
    counts = np.bincount(BOARD.train.indices, minlength=N_ITEMS)
    assert model.linear_items.tolist() == sorted(np.argsort(-counts, kind="stable")[:9].tolist())
    others = torch.from_numpy(np.setdiff1d(np.arange(N_ITEMS), model.linear_items.numpy()))
    found = model.linear(rows_of((list(range(N_ITEMS)),)))
    assert not found[:, others].any()
    assert found[:, model.linear_items].all()
    assert not model.linear(rows_of((others.tolist(),))).any()


def test_linear_term_is_the_closed_form_in_a_byte_a_cell() -> None:
    model = prepared()
    expected = closed_form(BOARD.train, np.arange(N_ITEMS), model.config.linear)
    off = np.abs(dense(model).numpy() - expected)
    assert (off <= model.linear_scales.numpy() / 2 * (1 + 1e-5)).all()


@pytest.mark.parametrize("balance", [0.0, 0.5, 2.0])
def test_scale_makes_the_spread_of_the_linear_term_balance_times_the_decoders(balance: float) -> None:
    model, rows = prepared(balance=balance), sparse_rows(BOARD.train)
    ratio = spread(model.linear(rows)) / spread(model.decode(model.encode(rows).mu))
    assert ratio == pytest.approx(balance, rel=1e-4)


def test_balance_that_is_not_set_is_the_best_of_some_on_the_validation_users_and_a_set_one_stays() -> None:
    model, validation = prepared(balance=None), measurable(BOARD.validation, what="validation")
    at_one = float(model.scale)
    figures = {}
    for balance in BALANCES:
        model.scale.fill_(balance * at_one)
        figures[balance] = measure(ModelScorer(model), validation).values["ndcg@100"].mean()
    assert len({round(figure, 6) for figure in figures.values()}) > 1  # else any choice would pass
    model.scale.fill_(at_one)
    model.finish(BOARD.train, validation)
    assert balance_of(model) == pytest.approx(max(figures, key=lambda b: (round(figures[b], 9), -b)), rel=1e-4)
    fixed = prepared(balance=0.7)
    fixed.finish(BOARD.train, validation)
    assert balance_of(fixed) == pytest.approx(0.7, rel=1e-4)


def balance_of(model: AdditiveVAE) -> float:
    rows = sparse_rows(BOARD.train)
    return spread(model.linear(rows)) / spread(model.decode(model.encode(rows).mu))


def unlikeliness(model: AdditiveVAE, *, temperature: float = 1.0) -> float:
    """Mean -log probability of the validation users' targets among what they have not seen."""
    validation = measurable(BOARD.validation, what="validation")
    scores = torch.from_numpy(unseen_scores(ModelScorer(model), validation.fold_in))
    wanted = sparse_rows(validation.target)
    log_odds = torch.log_softmax(scores / temperature, dim=1)[wanted.row_of, wanted.indices]
    return -float(log_odds.mean())


def test_scores_are_divided_so_that_the_targets_are_likeliest_and_no_list_changes() -> None:
    model, validation = prepared(balance=1.0), measurable(BOARD.validation, what="validation")
    with torch.no_grad():
        for part in (model.decoder_out.weight, model.decoder_out.bias):
            part.mul_(200.0)  # far surer of itself than it is right
    model.start_validation()
    before, lists = unlikeliness(model), measure(ModelScorer(model), validation).lists
    model.finish(BOARD.train, validation)
    after = unlikeliness(model)
    assert after < 0.9 * before
    assert all(after <= unlikeliness(model, temperature=t) + 1e-6 for t in (0.5, 2.0))
    np.testing.assert_array_equal(measure(ModelScorer(model), validation).lists, lists)
    whole = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.finish(BOARD.train, validation)  # what is likeliest already stays, bit for bit
    assert all(torch.equal(tensor, whole[name]) for name, tensor in model.state_dict().items())


def test_run_that_is_finished_again_ends_in_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before run.json said complete, stopped by Ctrl-C or given more epochs: best.pt holds a choice already."""
    run, board = RunFolder(tmp_path / "run"), blocks(90, keep=0.3)
    monkeypatch.setattr(additive_vae, "BALANCES", (0.7, 1.4))  # each of which moves the scale, and no temperature back

    def scale(*, resume: bool = True) -> float:
        if resume:
            run.save_info(msgspec.structs.replace(run.load_info(), complete=False))
        fitted(run.path, board, options("additive-vae", epochs=3, seed=2, resume=resume))
        return float(run.load().model.scale)

    first = scale(resume=False)
    assert scale() == first
    monkeypatch.setattr(AdditiveVAE, "start_validation", lambda model: None)
    assert scale() != first  # positive control: chosen on top of what was chosen before


@pytest.mark.parametrize("size", [500, 7])
def test_few_users_at_a_time_of_a_large_catalogue_give_the_same_scale(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, validation = prepared(), measurable(BOARD.validation, what="validation")
    expected = float(model.scale)
    model.finish(BOARD.train, validation)
    chosen, real, scored = float(model.scale), AdditiveVAE.decode, []
    monkeypatch.setattr(additive_vae, "users_at_once", lambda n_items: size)
    monkeypatch.setattr(AdditiveVAE, "decode", lambda model, z: scored.append(len(z)) or real(model, z))
    model = prepared()
    assert float(model.scale) == pytest.approx(expected, rel=1e-5)
    model.finish(BOARD.train, validation)
    assert float(model.scale) == pytest.approx(chosen, rel=1e-5)
    assert max(scored) == min(size, len(BOARD.train_users))


def test_scale_follows_the_decoder_at_each_validation_and_the_mode_is_left_alone() -> None:
    model = prepared()
    before = float(model.scale)
    with torch.no_grad():
        model.decoder_out.weight.mul_(3.0)
        model.decoder_out.bias.mul_(3.0)
    model.train().start_validation()
    assert model.training
    assert float(model.scale) == pytest.approx(3.0 * before, rel=1e-5)


def test_scale_of_items_that_were_never_taken_together_is_zero_and_scores_are_finite() -> None:
    model = prepared()
    alone = blocks(60, n_blocks=24, width=1)  # one item for each user
    model.scale.zero_()
    model.prepare(alone.train, MEMBERS)
    model.start_validation()
    assert float(model.scale) == 0.0
    assert torch.isfinite(model.score(rows_of(HISTORIES))).all()


def condition(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float32)


def test_condition_of_ones_means_any_and_of_shares_means_all() -> None:
    model = prepared()
    any_of, all_of = MEMBERS[:, :2].any(1), MEMBERS[:, :2].all(1)
    assert (any_of != all_of).any()
    assert model.satisfying(condition(1, 1, 0))[0].bool().tolist() == any_of.tolist()
    assert model.satisfying(condition(0.5, 0.5, 0))[0].bool().tolist() == all_of.tolist()
    assert model.satisfying(condition(1, 0, 0))[0].bool().tolist() == MEMBERS[:, 0].tolist()
    assert not model.satisfying(condition(0, 0, 0)).any()


def test_condition_of_ten_tenths_is_met_by_an_item_with_all_ten() -> None:
    """Ten times 0.1 is not 1 in float32."""
    members = np.ones((N_ITEMS, 10), dtype=np.bool_)
    members[0, 3] = False
    model = prepared(n_conditions=3)
    model.members = torch.from_numpy(members)
    assert model.satisfying(torch.full((1, 10), 0.1))[0].tolist() == [0.0] + [1.0] * (N_ITEMS - 1)


def test_items_that_satisfy_come_first_and_the_others_keep_their_order() -> None:
    model, rows, asked = prepared(), rows_of(([0, 5, 7],)), condition(0, 1, 0)
    plain, found = model.score(rows)[0], model.score(rows, asked)[0]
    order = found.argsort(descending=True).tolist()
    n = int(MEMBERS[:, 1].sum())
    assert set(order[:n]) == set(np.flatnonzero(MEMBERS[:, 1]))
    assert order[n:] == [j for j in plain.argsort(descending=True).tolist() if not MEMBERS[j, 1]]
    without = prepared(gain=0.0).score(rows, asked)[0]
    assert set(without.argsort(descending=True)[:n].tolist()) != set(order[:n])  # it is the gain that does it


def test_condition_leaves_the_latents_alone() -> None:
    model, rows = prepared(), rows_of(HISTORIES)
    assert torch.equal(model.encode(rows, condition(1, 0, 0)).mu, model.encode(rows).mu)


def test_parts_of_an_explanation_are_the_terms_of_the_sum() -> None:
    model, history, items = prepared(linear_items=15), torch.tensor([0, 5, 7, 12]), torch.arange(N_ITEMS)
    parts, gained = model.linear_parts(history, condition(0, 1, 0), items)
    assert parts.shape == (N_ITEMS, 4)
    whole = model.linear(rows_of((history.tolist(),)), condition(0, 1, 0))[0]
    torch.testing.assert_close(parts.sum(1) + gained, whole, rtol=1e-5, atol=1e-5)
    for place, item in enumerate(history.tolist()):
        alone = model.linear(rows_of(([item],)), condition(0, 1, 0))[0]
        torch.testing.assert_close(parts[:, place] + gained, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["additive-vae", "mult-vae"])
@pytest.mark.parametrize("weighting", [0.0, 0.5, 1.0])
def test_user_weighting_weighs_each_users_reconstruction(kind: str, weighting: float) -> None:
    torch.manual_seed(0)
    config = TINY | {"user_weighting": weighting, "dropout": 0.0}
    model = make_model(kind, n_items=N_ITEMS, config=config).eval()
    model.prepare(BOARD.train, None)
    rows = rows_of(HISTORIES[2:])
    torch.manual_seed(1)
    found = model.loss(rows, rows, condition=None, beta=0.0).reconstruction
    torch.manual_seed(1)
    posterior = model.encode(rows)
    z = posterior.mu + torch.randn_like(posterior.mu) * (0.5 * posterior.logvar).exp()
    mean_length = BOARD.train.nnz / BOARD.train.shape[0]
    weights = torch.tensor([(1 / mean_length) ** -weighting, (7 / mean_length) ** -weighting])
    torch.testing.assert_close(found, (weights * multinomial_nll(model.decode(z), rows)).mean())


def test_only_the_network_learns_and_the_rest_is_saved(tmp_path: Path) -> None:
    """Parameters are Mult-VAE's; what is prepared travels in the state dict and not in the gradient."""
    model = prepared()
    mult_vae = make_model("mult-vae", n_items=N_ITEMS, config=TINY)
    assert dict(model.named_parameters()).keys() == dict(mult_vae.named_parameters()).keys()
    fitted(tmp_path / "run", BOARD, options("additive-vae", epochs=1, batch_size=16))
    saved = RunFolder(tmp_path / "run").load().model
    assert float(saved.scale) > 0
    assert saved.linear_values.any()
    assert saved.members.sum(0).tolist() == [6, 6, 6, 6]


def test_training_asks_for_no_value_though_the_model_has_conditions(tmp_path: Path) -> None:
    """Without the items' attribute the same weights come out: the condition is no part of the training."""
    asked = replace(options("additive-vae", epochs=2), guide=GuideConfig(attributes="none"))
    fitted(tmp_path / "with", BOARD, asked)
    bare = msgspec.structs.replace(catalogue_of(BOARD), attributes=())
    fit(RunFolder(tmp_path / "without"), BOARD, bare, asked)
    trained, plain = (RunFolder(tmp_path / name).load() for name in ("with", "without"))
    assert (trained.model.n_conditions, plain.model.n_conditions) == (4, 0)
    assert plain.info.conditions.attribute is None
    weights = plain.model.state_dict()
    assert all(
        torch.equal(value, weights[name]) for name, value in trained.model.state_dict().items() if name != "members"
    )


def test_an_attribute_that_was_named_must_be_there(tmp_path: Path) -> None:
    bare = msgspec.structs.replace(catalogue_of(BOARD), attributes=())
    with pytest.raises(ConfigError, match="the items have no 'colour'"):
        fit(RunFolder(tmp_path / "run"), BOARD, bare, replace(options("additive-vae"), condition="colour"))


def test_the_seconds_of_the_closed_form_count_as_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training import callbacks

    times = iter(float(n) for n in range(0, 10_000, 100))
    monkeypatch.setattr(callbacks.Keeper.__init__, "__kwdefaults__", {"clock": lambda: next(times)})
    summary = fitted(tmp_path / "run", BOARD, options("additive-vae", epochs=2)).summary
    assert summary.seconds == 300.0  # 100 for the closed form and 100 for each epoch


def test_resumed_run_ends_as_one_that_never_stopped(tmp_path: Path) -> None:
    """Weights and figures, the closed form and its scale with them."""
    settings = {"patience": 4}
    fitted(tmp_path / "whole", BOARD, options("additive-vae", epochs=4, **settings))
    fitted(tmp_path / "run", BOARD, options("additive-vae", epochs=2, **settings))
    halfway = float(RunFolder(tmp_path / "run").load().model.scale)
    fitted(tmp_path / "run", BOARD, options("additive-vae", epochs=4, resume=True, **settings))
    assert_same_run(tmp_path / "run", tmp_path / "whole")
    assert float(RunFolder(tmp_path / "run").load().model.scale) != halfway


def test_linear_term_follows_a_shift_as_it_goes_along_with_z() -> None:
    model = prepared(n_conditions=0)
    model.finish(BOARD.train, measurable(BOARD.validation, what="validation"))
    rows, shift = rows_of(HISTORIES), torch.tensor([[0.5, 0.0, -0.2, 0.0]])
    mu = model.encode(rows).mu
    gained = model.score_at(mu, rows, shift=shift) - model.decode(mu + shift) - model.linear(rows)
    expected = torch.zeros(N_ITEMS)
    expected[model.linear_items] = (model.scale * shift @ model.linear_along)[0]
    torch.testing.assert_close(gained, expected.expand(4, -1), rtol=1e-4, atol=1e-5)
    assert float(expected.abs().max()) > 1e-3
    assert torch.equal(model.score_at(mu, rows), model.score(rows))  # nobody who does not steer meets it


def test_linear_along_is_the_regression_of_the_term_on_z() -> None:
    """Over the training users it takes away most of what a line can, and never adds."""
    model = prepared(n_conditions=0)
    model.finish(BOARD.train, measurable(BOARD.validation, what="validation"))
    rows = sparse_rows(BOARD.train)
    mu, linear = model.encode(rows).mu.detach(), model.linear(rows)
    found = model.followed(mu - mu.mean(dim=0))
    centred = linear - linear.mean(dim=0)
    left = float((centred - found).square().sum() / centred.square().sum())
    assert left < 0.5
    shuffled = model.followed(
        (mu - mu.mean(dim=0))[torch.randperm(len(mu), generator=torch.Generator().manual_seed(0))]
    )
    assert float((centred - shuffled).square().sum() / centred.square().sum()) > 1.0


def test_weights_of_before_load_and_follow_nobody() -> None:
    model = prepared(n_conditions=0)
    old = {name: value for name, value in model.state_dict().items() if name != "linear_along"}
    model.linear_along.fill_(1.0)
    model.load_state_dict(old)
    assert not model.linear_along.any()
