"""What is tried: which data, which models, which seeds, and every setting of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from training.data.synth import FACTORS, SynthConfig
from training.decode.options import DecodeOptions
from training.guided.settings import NONE, GuideConfig
from training.models.registry import config_for
from training.options import FitConfig, fit_config

Numbers = Mapping[str, int | float]
DEFAULT: Final = "default"
SEEDS: Final = 20
VARIED_SEEDS: Final = 8
TUNING_SEEDS: Final = (1000, 1001, 1002, 1003)
"""Of data and training, to choose settings on; none of them is among the seeds of the study."""

_MODEL: Final[Numbers] = {"hidden": 100, "latent": 16}
_FIT: Final[Numbers] = {"epochs": 25, "patience": 25, "learning_rate": 3e-3, "anneal_steps": 200}


@dataclass(frozen=True, slots=True)
class Contender:
    """One model of the study. guide: the attributes its latents are tied to; none but those of `guided` are."""

    name: str
    kind: str
    model: Numbers
    fit: Numbers
    guide: tuple[str, ...] = ()

    def guide_config(self) -> GuideConfig:
        return GuideConfig(attributes=",".join(self.guide) or NONE)

    def fit_config(self) -> FitConfig:
        """The same training for all, but for what makes the contender what it is."""
        return fit_config(dict(self.fit))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Synthetic data with some settings of SynthConfig changed; the seed is the unit's."""

    name: str
    synth: Numbers = field(default_factory=dict)

    def config(self, seed: int) -> SynthConfig:
        return SynthConfig(**{**self.synth, "seed": seed})


@dataclass(frozen=True, slots=True)
class Unit:
    """One data set, one training, one map, and one map of shuffled attributes; seconds of work."""

    scenario: Scenario
    contender: Contender
    seed: int
    decode: DecodeOptions

    @property
    def name(self) -> str:
        return f"{self.scenario.name.replace(' ', '-')}-{self.contender.name}-{self.seed}"

    def asked(self) -> dict[str, object]:
        """What decides the figures, beside the code (which has the defaults, so that a new setting changes nothing)."""
        return {
            "synth": self.scenario.config(self.seed).model_dump(exclude_defaults=True),
            "kind": self.contender.kind,
            "model": config_for(self.contender.kind, self.contender.model).model_dump(exclude_defaults=True),
            "fit": self.contender.fit_config().model_dump(exclude_defaults=True),
            "guide": self.contender.guide_config().model_dump(exclude_defaults=True),
            "decode": self.decode.model_dump(exclude_defaults=True),
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True)
class Study:
    """seeds: of the default data; varied_seeds: of each variation; tuning: among which beta-vae was chosen."""

    contenders: tuple[Contender, ...]
    scenarios: tuple[Scenario, ...]
    seeds: int
    varied_seeds: int
    decode: DecodeOptions
    tuning: tuple[Contender, ...] = ()

    def units(self) -> list[Unit]:
        """The default data first, then seed by seed, the last scenario at the end: what is there first says most."""
        first, *varied, last = self.scenarios
        order = [(first, seed) for seed in range(self.seeds)]
        order += [(scenario, seed) for seed in range(self.varied_seeds) for scenario in varied]
        order += [(last, seed) for seed in range(self.varied_seeds)]
        chosen = [Unit(TUNING, c, seed, self.decode) for seed in TUNING_SEEDS for c in self.tuning]
        return chosen + [Unit(s, c, seed, self.decode) for s, seed in order for c in self.contenders]


CONTENDERS: Final = (
    Contender("autoencoder", "autoencoder", _MODEL, _FIT),
    Contender("mult-vae", "mult-vae", _MODEL, _FIT),
    Contender("beta-vae", "mult-vae", _MODEL, {**_FIT, "beta_cap": 1.0}),
    Contender("guided", "mult-vae", _MODEL, _FIT, guide=FACTORS),
)
SCENARIOS: Final = (
    Scenario(DEFAULT),
    *(Scenario(f"noise {value:g}", {"noise": value}) for value in (0.0, 0.6, 1.0)),
    *(Scenario(f"correlation {value:g}", {"correlation": value}) for value in (0.3, 0.6)),
    *(Scenario(f"skew {value:g}", {"popularity_skew": value}) for value in (0.0, 0.8, 1.2)),
    Scenario("equal strengths", dict.fromkeys(("genre_strength", "year_strength", "rating_strength"), 0.8)),
)

TUNING: Final = Scenario("tuning")
BETAS: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
_TRIED: Final = tuple(Contender(f"beta {beta:g}", "mult-vae", _MODEL, {**_FIT, "beta_cap": beta}) for beta in BETAS)

_QUICK_DATA: Final[Numbers] = {"n_users": 300, "n_items": 90, "mean_history": 15.0}
_QUICK_DECODE: Final = DecodeOptions(permutations=60, bootstraps=20, users=30, samples=12, top_k=30)


def full_study(*, seeds: int = SEEDS, varied_seeds: int = VARIED_SEEDS) -> Study:
    return Study(CONTENDERS, SCENARIOS, seeds, varied_seeds, DecodeOptions(), _TRIED)


def quick_study() -> Study:
    """Does it work? Tiny data, seconds in all, figures of no meaning."""
    contenders = tuple(
        Contender(c.name, c.kind, {**c.model, "hidden": 16}, {**c.fit, "epochs": 2, "patience": 2}, c.guide)
        for c in CONTENDERS
    )
    scenarios = (Scenario(DEFAULT, _QUICK_DATA), Scenario("noise 1", {**_QUICK_DATA, "noise": 1.0}))
    return Study(contenders, scenarios, seeds=2, varied_seeds=1, decode=_QUICK_DECODE)


assert FACTORS == ("genre", "year", "rating")  # the attributes of the items bear the names of the planted factors
