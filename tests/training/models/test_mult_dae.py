from __future__ import annotations

from tests.training.models.contract import ModelContract


class TestMultDAE(ModelContract):
    kind = "mult-dae"


class TestMultDAEWithoutHiddenLayers(ModelContract):
    kind = "mult-dae"
    extra = {"hidden": 0}  # noqa: RUF012 - as in the contract
