"""Mult-VAE as one would write it: dense inputs, torch's own layers, log_softmax, Adam, everything in float32.

Liang, Krishnan, Hoffman, Jebara 2018 (arXiv 1802.05814). The model, its initial values and its loss are those of
`training/models/mult_vae.py`; nothing else is shared with it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

HIDDEN, LATENT, DROPOUT = 600, 200, 0.5


class DenseMultVAE(nn.Module):
    def __init__(self, n_items: int, *, hidden: int = HIDDEN, latent: int = LATENT) -> None:
        super().__init__()
        self.encoder_in = nn.Linear(n_items, hidden)
        self.encoder_out = nn.Linear(hidden, 2 * latent)
        self.decoder_in = nn.Linear(latent, hidden)
        self.decoder_out = nn.Linear(hidden, n_items)
        self.latent = latent
        for layer in (self.encoder_in, self.decoder_in, self.decoder_out):
            nn.init.xavier_uniform_(layer.weight)
        for half in self.encoder_out.weight.split(latent):  # mu and logvar are a layer each in the paper's code
            nn.init.xavier_uniform_(half)
        for layer in (self.encoder_in, self.encoder_out, self.decoder_in, self.decoder_out):
            nn.init.trunc_normal_(layer.bias, std=0.001)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, n_items] of ones and zeros -> logits [B, n_items], mu, logvar [B, latent]."""
        h = functional.dropout(functional.normalize(x), DROPOUT, training=self.training)
        h = torch.tanh(self.encoder_in(h))
        mu, logvar = self.encoder_out(h).split(self.latent, dim=1)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return self.decoder_out(torch.tanh(self.decoder_in(z))), mu, logvar


class DenseTraining:
    """A model, its optimiser, and steps over a CSR of training users [n_users, n_items]."""

    def __init__(self, train: sparse.csr_matrix, *, batch_size: int, learning_rate: float, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.train, self.batch_size = train, batch_size
        self.model = DenseMultVAE(train.shape[1]).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=learning_rate)
        self.rng = np.random.default_rng(seed)
        self.waiting: list[NDArray[np.int64]] = []

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.train.shape[0] // self.batch_size)

    def step(self, beta: float) -> float:
        """One step on the next batch of users, who are shuffled anew in every epoch; the loss in nats."""
        if not self.waiting:
            order = self.rng.permutation(self.train.shape[0])
            self.waiting = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)][::-1]
        x = torch.from_numpy(self.train[self.waiting.pop()].toarray())
        logits, mu, logvar = self.model(x)
        nll = -(functional.log_softmax(logits, dim=1) * x).sum(dim=1).mean()
        kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(dim=1).mean()
        loss = nll + beta * kl
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def score(self, fold_in: sparse.csr_matrix) -> NDArray[np.float32]:
        """Logits [B, n_items] of held-out users."""
        self.model.eval()
        with torch.no_grad():
            scores: NDArray[np.float32] = self.model(torch.from_numpy(fold_in.toarray()))[0].numpy()
        self.model.train()
        return scores
