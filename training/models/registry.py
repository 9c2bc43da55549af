"""The models by name: one entry here is all that train, evaluate, decode and export need to know a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from training.checked import checked
from training.errors import ConfigError
from training.models.additive_vae import AdditiveVAE, AdditiveVAEConfig
from training.models.autoencoder import Autoencoder, AutoencoderConfig
from training.models.base import LatentModel, ModelConfig
from training.models.c_vae import CVAE, CVAEConfig
from training.models.contrastive import Contrastive, ContrastiveConfig
from training.models.macrid_vae import MacridVAE, MacridVAEConfig
from training.models.mult_dae import MultDAE, MultDAEConfig
from training.models.mult_vae import MultVAE, MultVAEConfig
from training.models.rec_vae import RecVAE, RecVAEConfig


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A kind of model.

    make         (n_items, config, n_conditions=...) builds it
    conditioned  it takes condition values
    by_rule      its condition is a rule on the scores: no row of training asks for a value, and data without the
                 attribute will do
    guided       its latents are tied to the items' attributes unless the user says otherwise (training/guided)
    neighbours   it also recommends by a vote of the nearest users in its latent space, and is evaluated by that, too
    """

    config: type[ModelConfig]
    make: Callable[..., LatentModel]
    conditioned: bool = False
    by_rule: bool = False
    guided: bool = False
    neighbours: bool = False


MODELS: Mapping[str, ModelEntry] = {
    AdditiveVAE.kind: ModelEntry(AdditiveVAEConfig, AdditiveVAE, conditioned=True, by_rule=True, guided=True),
    Autoencoder.kind: ModelEntry(AutoencoderConfig, Autoencoder),
    Contrastive.kind: ModelEntry(ContrastiveConfig, Contrastive, neighbours=True),
    MacridVAE.kind: ModelEntry(MacridVAEConfig, MacridVAE),
    MultDAE.kind: ModelEntry(MultDAEConfig, MultDAE),
    MultVAE.kind: ModelEntry(MultVAEConfig, MultVAE),
    RecVAE.kind: ModelEntry(RecVAEConfig, RecVAE),
    CVAE.kind: ModelEntry(CVAEConfig, CVAE, conditioned=True),
}


def entry_for(kind: str) -> ModelEntry:
    """The registry's entry; ConfigError lists the kinds there are."""
    if kind not in MODELS:
        raise ConfigError(f"there is no model {kind!r}", hint=f"choose one of {', '.join(sorted(MODELS))}")
    return MODELS[kind]


def config_for(kind: str, overrides: Mapping[str, object] | None = None) -> ModelConfig:
    """The model's defaults with `overrides` on top; ConfigError for an unknown key or a value out of bounds."""
    return checked(entry_for(kind).config, overrides or {}, what=f"model {kind}")


def make_model(
    kind: str,
    *,
    n_items: int,
    n_conditions: int = 0,
    config: ModelConfig | Mapping[str, Any] | None = None,
    guided: bool = False,
) -> LatentModel:
    """A new model with random weights, drawn from torch's global generator. guided: with room for other axes."""
    entry = entry_for(kind)
    if not isinstance(config, ModelConfig):
        config = config_for(kind, config)
    if not isinstance(config, entry.config):
        raise ConfigError(
            f"{kind} takes {entry.config.__name__}, got {type(config).__name__}",
            hint=f"build it with config_for({kind!r}, ...)",
        )
    if n_items < 1:
        raise ConfigError(f"a model needs at least one item, got {n_items}", hint="check the data")
    if n_conditions and not entry.conditioned:
        raise ConfigError(
            f"{kind} takes no condition values, got {n_conditions}", hint="train an additive-vae or c-vae"
        )
    model = entry.make(n_items, config, n_conditions=n_conditions)
    if guided:
        model.hold_basis()
    return model
