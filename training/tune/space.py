"""What is searched, in one place. A model searches those of MODEL_SPACE that its config has, and those of FIT_SPACE."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from training.errors import ConfigError
from training.models.registry import config_for, entry_for
from training.options import FitConfig, FitOptions, fit_config

Space = Mapping[str, BaseDistribution]
"""Names are `model.<key>` and `fit.<key>`, as --set takes them."""

MODEL_SPACE: Space = {
    "hidden": CategoricalDistribution((200, 400, 600, 1000)),
    "latent": CategoricalDistribution((50, 100, 200, 300)),
    "dropout": FloatDistribution(0.1, 0.8),
}
FIT_SPACE: Space = {
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "batch_size": CategoricalDistribution((50, 100, 200, 500)),
    "beta_cap": FloatDistribution(0.02, 1.0, log=True),
    "weight_decay": FloatDistribution(1e-8, 1e-3, log=True),
}
EXTRA: Mapping[str, Space] = {
    "additive-vae": {
        "balance": FloatDistribution(0.3, 3.0, log=True),
        "user_weighting": FloatDistribution(0.0, 1.0),
        "linear_ridge": FloatDistribution(10.0, 3000.0, log=True),
        "linear_user_exponent": FloatDistribution(0.0, 0.8),
        "linear_item_exponent": FloatDistribution(0.0, 0.5),
        "linear_dropout": FloatDistribution(0.0, 0.6),
        "linear_power": FloatDistribution(0.8, 1.5),
    },
    "autoencoder": {"sparse": FloatDistribution(1e-4, 10.0, log=True), "tied": CategoricalDistribution((False, True))},
    "contrastive": {"weight": FloatDistribution(1.0, 1000.0, log=True), "positive": FloatDistribution(0.1, 0.9)},
    "c-vae": {"fit.combined": FloatDistribution(0.0, 1.0)},
    "macrid-vae": {
        "latent": CategoricalDistribution((100, 200, 300, 400)),  # each can be divided by any of the concepts
        "concepts": CategoricalDistribution((2, 5, 10, 20)),
        "tau": FloatDistribution(0.05, 0.5, log=True),
        "prior_std": FloatDistribution(0.03, 0.5, log=True),
    },
    "rec-vae": {"gamma": FloatDistribution(1e-3, 2e-2, log=True)},
}
"""For one kind, beside those or in their place. A key that the kind's config does not have is left out."""
WITHOUT_BETA = frozenset({"autoencoder", "mult-dae", "contrastive", "rec-vae"})
"""Kinds whose loss has no KL term, or weighs it by other means."""


def space_for(kind: str, *, fixed: Collection[str] = ()) -> dict[str, BaseDistribution]:
    """The space of a model. fixed: names ("model.latent") that the user has set; they are not searched.

    ConfigError for an unknown model, or when nothing is left to search.
    """
    config = entry_for(kind).config.model_fields
    space = {f"model.{key}": found for key, found in MODEL_SPACE.items() if key in config}
    space |= {f"fit.{key}": found for key, found in FIT_SPACE.items() if key in FitConfig.model_fields}
    if kind in WITHOUT_BETA:
        space.pop("fit.beta_cap", None)
    for key, found in EXTRA.get(kind, {}).items():
        if key.startswith("fit."):
            space[key] = found
        elif key in config:
            space[f"model.{key}"] = found
    space = {name: found for name, found in space.items() if name not in fixed}
    if not space:
        raise ConfigError(
            f"everything of {kind} that tune would search is set already",
            hint="leave some of it out of -c and --set",
        )
    return space


def options_of(base: FitOptions, settings: Mapping[str, object]) -> FitOptions:
    """The base with the settings of a trial ("model.latent": 50) put over it."""
    parts: dict[str, dict[str, object]] = {"model": base.model.model_dump(), "fit": base.fit.model_dump()}
    for name, value in settings.items():
        section, _, key = name.partition(".")
        parts[section][key] = value
    return replace(base, model=config_for(base.kind, parts["model"]), fit=fit_config(parts["fit"]))
