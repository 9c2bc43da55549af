"""Where options come from, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from prismrec.config import Config, build, keys_of, read_config, with_settings
from prismrec.failures import CommandError

KEYS = {"model": ["latent", "name", "seed"], "fit": ["epochs", "rate", "seed"]}


@dataclass(frozen=True)
class Options:
    epochs: int = 10
    rate: float = 0.1


def test_read_config_without_file_is_empty():
    assert read_config(None) == Config()


def test_read_config_with_sections_keeps_their_values(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[model]\nkind = "c-vae"\nlatent = 8\n[fit]\nepochs = 3\n')
    config = read_config(file)
    assert config.model == {"kind": "c-vae", "latent": 8}
    assert config.fit == {"epochs": 3}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[modle]\nlatent = 8\n", "'modle'"),
        ("latent = 8\n", "'latent'"),
        ("model = 8\n", "section"),
        ("[model\n", "not valid TOML"),
    ],
)
def test_read_config_with_a_defect_names_it(tmp_path, content, said):
    file = tmp_path / "c.toml"
    file.write_text(content)
    with pytest.raises(CommandError, match=said) as caught:
        read_config(file)
    assert caught.value.hint


def test_settings_go_over_the_file_and_are_typed(tmp_path):
    config = with_settings(
        Config(fit={"epochs": 3}), ["epochs=5", "latent=16", "model.name=plain text", "fit.rate=1e-3"], keys=KEYS
    )
    assert config.fit == {"epochs": 5, "rate": 0.001}
    assert config.model == {"latent": 16, "name": "plain text"}


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("latnt=3", "latent"),
        ("seed=3", "model.seed"),
        ("latent", "--set latent=32"),
        ("nowhere.latent=3", "known"),
        ("model.kind=mult-vae", "latent"),
    ],
)
def test_settings_that_name_no_single_key_are_refused_with_a_hint(setting, hint):
    with pytest.raises(CommandError) as caught:
        with_settings(Config(), [setting], keys=KEYS)
    assert hint in caught.value.hint


def test_build_later_layers_win_and_none_is_not_said():
    assert build(Options, "fit", {"epochs": 3, "rate": 0.5}, {"epochs": 7, "rate": None}) == Options(7, 0.5)


def test_build_unknown_key_is_refused():
    with pytest.raises(CommandError, match="unknown key 'epoch'") as caught:
        build(Options, "fit", {"epoch": 3})
    assert caught.value.hint.startswith("did you mean 'epochs'? known: ")


def test_keys_of_dataclass_are_its_fields():
    assert keys_of(Options) == ["epochs", "rate"]
