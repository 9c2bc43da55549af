"""What --search says: ranges, choices, usual ranges, and what is refused before any trial."""

from __future__ import annotations

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tests.training.boards import options
from training.errors import ConfigError
from training.tune.asked import asked_space, check_space
from training.tune.space import FIT_SPACE, MODEL_SPACE, space_for

USUAL = space_for("mult-vae")


@pytest.mark.parametrize(
    ("said", "name", "found"),
    [
        ("latent=100,200", "model.latent", CategoricalDistribution((100, 200))),
        ("latent=16:64", "model.latent", IntDistribution(16, 64)),
        ("latent=16:64:log", "model.latent", IntDistribution(16, 64, log=True)),
        ("learning_rate=1e-3:1e-2", "fit.learning_rate", FloatDistribution(1e-3, 1e-2, log=True)),
        ("fit.weight_decay=0:1", "fit.weight_decay", None),
        ("dropout=0:0.5", "model.dropout", FloatDistribution(0.0, 0.5)),
        ("dropout", "model.dropout", MODEL_SPACE["dropout"]),
        ("fit.batch_size", "fit.batch_size", FIT_SPACE["batch_size"]),
        ("schedule=constant,one-cycle", "fit.schedule", CategoricalDistribution(("constant", "one-cycle"))),
        ("warmup=0.05:0.3", "fit.warmup", FloatDistribution(0.05, 0.3)),
    ],
)
def test_search_words_are_distributions(said, name, found):
    if found is None:  # the usual range is logarithmic, and 0 has no logarithm
        with pytest.raises(ConfigError, match="is no range"):
            asked_space("mult-vae", USUAL, [said])
    else:
        assert asked_space("mult-vae", USUAL, [said]) == {name: found}


def test_search_is_what_is_said_and_nothing_else():
    space = asked_space("mult-vae", USUAL, ["dropout", "latent=50,60"])
    assert space.keys() == {"model.dropout", "model.latent"}


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("latnt=3,4", "'latnt' is no setting", "did you mean 'latent'?"),
        ("learning_rate=high:low", "is no range", "e.g."),
        ("learning_rate=2e-3:1e-3", "is no range", "e.g."),
        ("learning_rate=1e-3:2e-3:lin", "'lin' is not log", "e.g."),
        ("latent=1,,2", "a value is empty", "e.g."),
        ("warmup", "no usual range", "latent=100,200"),
    ],
)
def test_search_for_what_is_not_there_is_refused(said, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        asked_space("mult-vae", USUAL, [said])
    assert hint in caught.value.hint


@pytest.mark.parametrize("said", ["latent=0:9", "dropout=0.5:1.5", "schedule=constant,steps", "hidden=1,10000000"])
def test_search_beyond_the_bounds_is_refused_before_any_trial(said):
    with pytest.raises(ConfigError, match=said.partition("=")[0]):
        check_space(options(), asked_space("mult-vae", USUAL, [said]))
    check_space(options(), asked_space("mult-vae", USUAL, ["latent=1:9"]))
