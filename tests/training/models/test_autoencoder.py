from __future__ import annotations

from tests.training.models.contract import ModelContract


class TestAutoencoder(ModelContract):
    kind = "autoencoder"


class TestTiedSparseDenoisingAutoencoder(ModelContract):
    kind = "autoencoder"
    extra = {"tied": True, "sparse": 1e-3, "dropout": 0.3}  # noqa: RUF012 - as in the contract
