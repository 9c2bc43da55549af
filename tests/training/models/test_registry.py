from __future__ import annotations

import pytest

from training.errors import ConfigError
from training.models.mult_vae import MultVAEConfig
from training.models.registry import MODELS, config_for, make_model


def test_registry_names_are_the_kinds_the_models_say() -> None:
    for kind, entry in MODELS.items():
        sizes = {"hidden": 4, "latent": 2} | ({"concepts": 2} if "concepts" in entry.config.model_fields else {})
        model = make_model(kind, n_items=5, n_conditions=2 if entry.conditioned else 0, config=sizes)
        assert model.kind == kind
        assert isinstance(model.config, entry.config)


def test_config_unknown_key_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="'latents'") as caught:
        config_for("mult-vae", {"latents": 3})
    assert "'latent'" in caught.value.hint


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"latent": 0}, "latent"),
        ({"dropout": 1.0}, "dropout"),
        ({"hidden": "wide"}, "hidden"),
        ({"dropout": float("nan")}, "dropout"),
    ],
)
def test_config_value_out_of_bounds_is_refused_by_name(overrides: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        config_for("mult-vae", overrides)
    assert caught.value.hint.startswith(f"{named}: ")


def test_config_text_from_the_command_line_becomes_a_number() -> None:
    assert config_for("mult-vae", {"hidden": "32"}) == MultVAEConfig(hidden=32)


def test_unknown_kind_is_refused_with_the_kinds_there_are() -> None:
    with pytest.raises(ConfigError, match="'vae'") as caught:
        config_for("vae")
    assert "mult-vae" in caught.value.hint


def test_conditions_for_an_unconditioned_model_are_refused() -> None:
    with pytest.raises(ConfigError, match="takes no condition"):
        make_model("mult-vae", n_items=5, n_conditions=2)


def test_config_of_another_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="CVAEConfig"):
        make_model("c-vae", n_items=5, n_conditions=2, config=MultVAEConfig())


def test_model_of_no_items_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one item"):
        make_model("mult-vae", n_items=0)
