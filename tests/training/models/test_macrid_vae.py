from __future__ import annotations

import math

import pytest
import torch

from tests.training.models.contract import N_ITEMS, ModelContract, rows_of
from training.errors import ConfigError
from training.models.macrid_vae import MacridVAE
from training.models.registry import make_model


class TestMacridVAE(ModelContract):
    kind = "macrid-vae"
    extra = {"concepts": 2, "tau": 0.3}  # noqa: RUF012 - as in the contract; warm, because blocks of two are coarse


ROWS = rows_of(([0, 5, 7], [2, 3], [1]))


@pytest.fixture
def model() -> MacridVAE:
    torch.manual_seed(0)
    made = make_model("macrid-vae", n_items=N_ITEMS, config={"hidden": 8, "latent": 6, "concepts": 3})
    assert isinstance(made, MacridVAE)
    return made.eval()


def test_shares_follow_the_prototypes_and_sum_to_one(model: MacridVAE) -> None:
    with torch.no_grad():
        model.prototypes.copy_(torch.tensor([[1.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))
        model.items[:3] = torch.tensor([[5.0, 0.0], [0.0, 0.1], [1.0, 1.0]])
        shares = model.shares()
    torch.testing.assert_close(shares.sum(1), torch.ones(N_ITEMS))
    assert shares[0, 0] > 0.999 and shares[1, 1] > 0.999  # a tenth of a unit of temperature: nearly hard
    assert shares[2, 0].item() == pytest.approx(shares[2, 1].item()) and shares[2, 2] < 1e-3
    torch.testing.assert_close(model.shares(torch.tensor([[2, 0]]))[0], shares[[2, 0]])


def test_each_concept_reads_its_own_part_of_the_history(model: MacridVAE) -> None:
    """Items that belong to concept 0 only move block 0 of mu and leave the others where no history leaves them."""
    with torch.no_grad():
        model.prototypes.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
        model.items.copy_(torch.tensor([[1.0, 0.0]]).expand(N_ITEMS, 2))
        model.bias_in.normal_()
        mu = model.encode(rows_of(([0, 5, 7], []))).mu.unflatten(1, (3, 2))
    assert not torch.allclose(mu[0, 0], mu[1, 0], atol=1e-3)
    torch.testing.assert_close(mu[0, 2], mu[1, 2], atol=1e-4, rtol=1e-4)


def test_mu_is_a_unit_vector_per_concept_and_only_directions_of_z_count(model: MacridVAE) -> None:
    with torch.no_grad():
        mu = model.encode(ROWS).mu
        torch.testing.assert_close(mu.unflatten(1, (3, 2)).norm(dim=2), torch.ones(3, 3))
        torch.testing.assert_close(model.decode(mu), model.decode(7.0 * mu))
        assert not torch.allclose(model.decode(mu), model.decode(-mu))
        torch.testing.assert_close(model.decode(torch.zeros(1, 6)), torch.zeros(1, N_ITEMS), atol=1e-6, rtol=0)


def test_decode_is_the_papers_mixture_over_concepts(model: MacridVAE) -> None:
    with torch.no_grad():
        z = torch.randn(4, 6)
        total = torch.zeros(4, N_ITEMS)
        for k in range(3):
            cosine = torch.cosine_similarity(z[:, None, 2 * k : 2 * k + 2], model.items[None], dim=2)
            total += model.shares()[:, k] * torch.exp(cosine / 0.1)
        torch.testing.assert_close(model.decode(z), total.log(), atol=1e-4, rtol=1e-4)


def test_concepts_are_drawn_while_training_only_and_around_their_mean(model: MacridVAE) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        assert torch.equal(model.drawn_shares(), model.shares())
        model.train()
        first, second = model.drawn_shares(), model.drawn_shares()
        assert not torch.equal(first, second)
        torch.testing.assert_close(first.sum(1), torch.ones(N_ITEMS))
        drawn = torch.stack([model.drawn_shares().argmax(1) for _ in range(2000)])
        often = torch.stack([(drawn == k).float().mean(0) for k in range(3)], dim=1)
    torch.testing.assert_close(often, model.shares(), atol=0.06, rtol=0)  # Gumbel-max: argmax has the shares' odds


def test_kl_is_zero_at_the_priors_spread_and_grows_away_from_it(model: MacridVAE) -> None:
    with torch.no_grad():
        model.to_spread.weight.zero_()
        model.to_spread.bias.zero_()
        assert model.loss(ROWS, ROWS, condition=None, beta=1.0).kl.item() == pytest.approx(0.0, abs=1e-3)
        model.to_spread.bias.fill_(1.0)
        expected = 6 * 0.5 * (math.exp(-1.0) - 1.0 + 1.0)
        assert model.loss(ROWS, ROWS, condition=None, beta=1.0).kl.item() == pytest.approx(expected, abs=1e-3)


def test_latents_that_the_concepts_cannot_share_are_refused() -> None:
    with pytest.raises(ConfigError, match="7 latents cannot be shared evenly by 3") as caught:
        make_model("macrid-vae", n_items=9, config={"latent": 7, "concepts": 3})
    assert "9" in caught.value.hint
