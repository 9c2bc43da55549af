"""Additive VAE, our flagship: a Mult-VAE whose scores get a linear item-to-item term, so that both parts add up.

    score_j = decode(z)_j + scale * sum over history items i of B_ij + gain * s_j + scale * d' along_j

decode(z) is Mult-VAE's (mult_vae.py), trained alone and by its own loss. B is a closed form of the training matrix
(linear_term.py), held in one byte a cell; items outside the `linear_items` most popular have none of it. The two err
differently, which is why their sum ranks better than either; and because the term is linear in the history, an
explanation of the sum is still exact.

`scale` makes the spread of the linear term over the items `balance` times the decoder's, both measured on a sample of
training users before each validation. What balance is best depends on the data: on few users a VAE has little to say.
Unless it is set, it is 1 while training, and chosen among BALANCES on the validation users at the end. Two opinions
added up are surer of themselves than they are right: all scores are then divided by the temperature under which the
validation users' targets are likeliest. That changes no list and no share of an explanation, but gives probabilities
a meaning.

d is by how much somebody moves z from where the history puts it (steering; a cold start, which has no history, is moved
all the way). The linear part knows nothing of z, and would hold the list where it is. But over users it goes along with
z: `along` is its regression on z over a sample of training users, and with it the sum goes where its parts would go for
somebody of that taste. Nobody who does not steer meets it.

s_j in {0, 1} says whether item j satisfies the condition: sum over values v of c_v member[j, v] >= 1. So c = 1 for each
value asked means any of them, 1/n for each of n values means all. The rule acts on the scores alone: no row of training
asks for a value, the network has no input for it, and data without item attributes train as well.

Cost: Mult-VAE's, the closed form once, and n_linear^2 bytes; a score takes as many additions as n_linear times the
items of the histories.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from training.data.split import HeldOut
from training.evaluate.measure import ndcg_of, users_at_once
from training.models.base import SparseRows
from training.models.following import regression
from training.models.linear_term import LinearSettings, closed_form, most_popular, quantised
from training.models.mult_vae import MultVAE, MultVAEConfig
from training.rows import sparse_rows

SAMPLE = 500
"""Training users on whom the spreads of the two parts are compared."""
BALANCES = (0.5, 0.7, 1.0, 1.4, 2.0)
"""What is tried when no balance is set: flat around its best, so a coarse grid does, and users few enough to overfit a
finer one. More than 2 would leave the latents, and whoever moves them, little to say."""
TEMPERATURES = tuple(2.0**k for k in range(-3, 7))
"""What the scores are divided by. A power of two costs no bit, so a model that is finished again stays as it is; the
likelihood is flat enough for steps of two."""
FOLLOWED = 3000
"""Training users over whom the linear term is regressed on z."""
SATISFIED = 1.0 - 1e-3
"""So much of the condition an item must have: n times 1/n is not always 1 in float32."""
COLUMNS = 2048
"""The linear term is worked out so many columns at a time: a block of B in float32 instead of all of it."""


class AdditiveVAEConfig(MultVAEConfig):
    user_weighting: float = Field(
        default=0.5, ge=0.0, le=1.0, description=MultVAEConfig.model_fields["user_weighting"].description
    )
    balance: float | None = Field(
        default=None,
        ge=0.0,
        le=1000.0,
        description="spread over the items of the linear term, in spreads of the decoder's logits; 0 = no linear term; "
        "none = chosen on the validation users when training has ended",
    )
    linear_items: int = Field(
        default=10_000, ge=1, le=50_000, description="the linear term covers so many of the most popular items"
    )
    linear_user_exponent: float = Field(
        default=0.4, ge=0.0, le=2.0, description="a user weighs (length / mean length)^-this in the linear term"
    )
    linear_item_exponent: float = Field(
        default=0.2, ge=0.0, le=1.0, description="an item is scaled by (count / mean count)^-this in the linear term"
    )
    linear_dropout: float = Field(
        default=0.33, ge=0.0, lt=1.0, description="p of the linear term's ridge p / (1 - p) * G_ii, as of input dropout"
    )
    linear_ridge: float = Field(default=400.0, gt=0.0, le=1e9, description="what the linear term's ridge adds to that")
    linear_power: float = Field(
        default=1.15, gt=0.0, le=4.0, description="each weight of the linear term is taken to this power, sign kept"
    )
    gain: float = Field(
        default=200.0,
        ge=0.0,
        le=1000.0,
        description="added to the score of items that satisfy the condition: they come first when it is large",
    )

    @property
    def linear(self) -> LinearSettings:
        return LinearSettings(
            user_exponent=self.linear_user_exponent,
            item_exponent=self.linear_item_exponent,
            p=self.linear_dropout,
            ridge=self.linear_ridge,
            power=self.linear_power,
        )


class AdditiveVAE(MultVAE):
    """See TanhNetwork for the layers. Beside them, in the state dict and never trained, with m covered items:

    linear_values int8 [m, m] and linear_scales [m]: B, row = history item, column = scored item
    linear_items int64 [m]: which items those are, ascending; linear_rows int64 [n_items]: an item's row, 0 for those
    without one; linear_covered [n_items]: 1 for items that have one
    linear_along [n_latent, m]: what the term gains, at scale 1, as each z_i grows by 1
    members bool [n_items, n_conditions]; scale, linear_spread scalars
    """

    kind: ClassVar[str] = "additive-vae"
    config: AdditiveVAEConfig
    linear_values: Tensor
    linear_scales: Tensor
    linear_items: Tensor
    linear_rows: Tensor
    linear_covered: Tensor
    linear_along: Tensor
    members: Tensor
    scale: Tensor
    linear_spread: Tensor

    def __init__(self, n_items: int, config: AdditiveVAEConfig, *, n_conditions: int = 0) -> None:
        super().__init__(n_items, config)
        self.n_conditions = n_conditions
        m = min(n_items, config.linear_items)
        self.register_buffer("linear_values", torch.zeros(m, m, dtype=torch.int8))
        self.register_buffer("linear_scales", torch.zeros(m))
        self.register_buffer("linear_items", torch.arange(m))
        self.register_buffer("linear_rows", torch.zeros(n_items, dtype=torch.int64))
        self.register_buffer("linear_covered", torch.zeros(n_items))
        self.register_buffer("linear_along", torch.zeros(self.n_latent, m))
        self.register_load_state_dict_pre_hook(_without_along)
        self.register_buffer("members", torch.zeros(n_items, n_conditions, dtype=torch.bool))
        self.register_buffer("scale", torch.zeros(()))
        self.register_buffer("linear_spread", torch.zeros(()))
        self.sample: sparse.csr_matrix | None = None

    def prepare(self, train: sparse.csr_matrix, members: NDArray[np.bool_] | None) -> None:
        """See LatentModel.prepare. ConfigError when memory is not enough for the closed form (linear_term.py)."""
        super().prepare(train, members)
        items = most_popular(train, len(self.linear_items))
        found = quantised(closed_form(train, items, self.config.linear))
        rows = np.zeros(self.n_items, dtype=np.int64)
        rows[items] = np.arange(len(items))
        self.linear_values.copy_(torch.from_numpy(found.values))
        self.linear_scales.copy_(torch.from_numpy(found.scales))
        self.linear_items.copy_(torch.from_numpy(items))
        self.linear_rows.copy_(torch.from_numpy(rows))
        self.linear_covered.zero_()[self.linear_items] = 1.0
        if members is not None:
            self.members.copy_(torch.from_numpy(members))
        self.sample = _sample(train)
        self.linear_spread.fill_(self._spread(self.sample, lambda rows: self.linear(rows, scale=1.0)))

    def start_validation(self) -> None:
        """See LatentModel.start_validation: sets `scale` by the decoder as it is now."""
        if self.sample is None or self.linear_spread == 0.0:
            return  # nothing to scale: not prepared, or no two items were ever taken together
        training = self.training
        self.eval()
        balance = 1.0 if self.config.balance is None else self.config.balance
        decoded = self._spread(self.sample, lambda rows: self.decode(self.encode(rows).mu))
        self.scale.copy_(balance * decoded / self.linear_spread)
        self.train(training)

    @torch.no_grad()
    def _spread(self, sample: sparse.csr_matrix, scored: Callable[[SparseRows], Tensor]) -> float:
        """spread of what the sample is scored, as many users at a time as the catalogue allows."""
        size, n = users_at_once(self.n_items), sample.shape[0]
        parts = (sample[start : start + size] for start in range(0, n, size))
        sums = [spread(scored(sparse_rows(part).to(self.scale.device))) * part.shape[0] for part in parts]
        return float(sum(sums) / n)

    @torch.no_grad()
    def finish(self, train: sparse.csr_matrix, validation: HeldOut) -> bool:
        """See LatentModel.finish: the balance, by ndcg@100 (ties go to more of the decoder), then the temperature."""
        self.sample = _sample(train)
        self.start_validation()  # balance 1 again, whatever was chosen before
        if self.config.balance is None and self.scale != 0.0:
            found = _summed(self._ndcg_sums, validation, self.n_items)
            self.scale.mul_(BALANCES[int(found.argmax())])
        found = _summed(self._likelihoods, validation, self.n_items)
        temperature = TEMPERATURES[int(found.argmax())]
        for part in (self.scale, self.decoder_out.weight, self.decoder_out.bias):
            part.div_(temperature)
        self._follow(train)
        return True

    def _follow(self, train: sparse.csr_matrix) -> None:
        """Set linear_along, over FOLLOWED training users; O(FOLLOWED * n_latent * m)."""
        sample, size = _sample(train, FOLLOWED), users_at_once(self.n_items)
        starts = range(0, sample.shape[0], size)
        rows = [sparse_rows(sample[start : start + size]).to(self.scale.device) for start in starts]
        mu = torch.cat([self.encode(part).mu.double() for part in rows])
        terms = (self.linear(part, scale=1.0)[:, self.linear_items] for part in rows)
        self.linear_along.copy_(regression(terms, mu))

    def _likelihoods(self, fold_in: sparse.csr_matrix, target: sparse.csr_matrix) -> NDArray[np.float64]:
        """Log-likelihood of these users' targets among the items they have not seen, for each of TEMPERATURES."""
        scores = self.score(sparse_rows(fold_in).to(self.scale.device)).float().cpu()
        seen, wanted = sparse_rows(fold_in), sparse_rows(target)
        scores[seen.row_of, seen.indices] = -torch.inf
        log_odds = [torch.log_softmax(scores / t, dim=1)[wanted.row_of, wanted.indices] for t in TEMPERATURES]
        return np.array([float(found.double().sum()) for found in log_odds])

    def _ndcg_sums(self, fold_in: sparse.csr_matrix, target: sparse.csr_matrix) -> NDArray[np.float64]:
        """Summed ndcg@100 of these users for each of BALANCES."""
        rows = sparse_rows(fold_in).to(self.scale.device)
        decoded, linear = self.decode(self.encode(rows).mu), self.linear(rows)
        scored = ((decoded + balance * linear).float().cpu().numpy() for balance in BALANCES)
        return np.array([ndcg_of(scores, fold_in, target).sum() for scores in scored])

    def score_at(
        self, mu: Tensor, rows: SparseRows, condition: Tensor | None = None, *, shift: Tensor | None = None
    ) -> Tensor:
        """See LatentModel.score_at."""
        scores = super().score_at(mu, rows, shift=shift) + self.linear(rows, condition)
        return scores if shift is None else scores + self.followed(shift)

    def scores_of_point(self, z: Tensor) -> Tensor:
        """See LatentModel.scores_of_point: all of z is a shift."""
        return self.decode(z) + self.followed(z)

    def followed(self, shift: Tensor) -> Tensor:
        """What the linear term gains where z is moved by shift [B, n_latent]: [B, n_items]."""
        gained = torch.zeros(shift.shape[0], self.n_items, device=shift.device)
        return gained.index_copy(1, self.linear_items, self.scale * (shift @ self.linear_along))

    def linear(self, rows: SparseRows, condition: Tensor | None = None, *, scale: float | None = None) -> Tensor:
        """What the history adds to the scores directly: [B, n_items]. condition float32 [B, n_conditions] or None.

        scale: in the place of self.scale. Sums of B's integers are exact up to 10^5 items in a history.
        """
        weights = self.linear_covered[rows.indices]
        found = torch.zeros(len(rows), self.n_items, device=self.scale.device)
        factors = self.linear_scales * (self.scale if scale is None else scale)
        for start in range(0, len(self.linear_items), COLUMNS):
            columns = slice(start, start + COLUMNS)
            table = self.linear_values[:, columns].float()
            found[:, self.linear_items[columns]] = factors[columns] * functional.embedding_bag(
                self.linear_rows[rows.indices],
                table,
                rows.offsets,
                mode="sum",
                per_sample_weights=weights,
                include_last_offset=True,
            )
        if condition is None or not self.n_conditions:
            return found
        return found + self.config.gain * self.satisfying(condition)

    def linear_parts(self, history: Tensor, condition: Tensor | None, item_ix: Tensor) -> tuple[Tensor, Tensor]:
        """What each history item adds to each explained item's score [K, L], and what the condition adds to it [K].

        history int64 [L], condition float32 [1, n_conditions] or None, item_ix int64 [K]. Gathers only, so it exports.
        """
        history_weights = self.linear_covered.index_select(0, history)
        gained = torch.zeros_like(item_ix, dtype=torch.float32)
        if condition is not None and self.n_conditions:
            satisfying = self.satisfying(condition).squeeze(0)
            gained = self.config.gain * satisfying.index_select(0, item_ix)
        columns = self.linear_rows.index_select(0, item_ix)
        cells = self.linear_values.index_select(0, self.linear_rows.index_select(0, history)).index_select(1, columns)
        factors = self.linear_scales.index_select(0, columns) * self.linear_covered.index_select(0, item_ix)
        return cells.float().T * (factors * self.scale)[:, None] * history_weights[None, :], gained

    def satisfying(self, condition: Tensor) -> Tensor:
        """1 for each item that satisfies the row's condition [B, n_conditions], else 0: float32 [B, n_items]."""
        return (condition @ self.members.float().T >= SATISFIED).float()


def _summed(
    figures: Callable[[sparse.csr_matrix, sparse.csr_matrix], NDArray[np.float64]], heldout: HeldOut, n_items: int
) -> NDArray[np.float64]:
    """figures(fold_in, target) summed over as many users at a time as the catalogue allows."""
    size = users_at_once(n_items)
    parts = [slice(start, start + size) for start in range(0, len(heldout.users), size)]
    return np.sum([figures(heldout.fold_in[part], heldout.target[part]) for part in parts], axis=0)


def spread(scores: Tensor) -> float:
    """Mean over rows of the standard deviation over items: [B, n_items] -> a number."""
    return float(scores.detach().std(dim=1, correction=0).double().mean())


def _sample(train: sparse.csr_matrix, n: int = SAMPLE) -> sparse.csr_matrix:
    """n training rows, the same for the same data."""
    rows = np.random.default_rng(0).permutation(train.shape[0])[:n]
    return train[np.sort(rows)]


def _without_along(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Weights from before there was linear_along: their linear term follows nobody."""
    assert isinstance(module, AdditiveVAE)
    state.setdefault(f"{prefix}linear_along", torch.zeros_like(module.linear_along))
