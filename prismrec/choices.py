"""What training and decoding shall be: code defaults < the file of -c < `--set` < the flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from prismrec.config import Config, keys_of, read_config, refuse_unknown_keys, with_settings
from prismrec.inputs import Prepared
from prismrec.session import Session

if TYPE_CHECKING:
    from training.decode.options import DecodeOptions
    from training.guided.settings import GuideConfig
    from training.options import FitOptions, RunOptions

Device = Literal["auto", "cpu", "cuda"]
Tracker = Literal["mlflow", "wandb"]

SMALL_USERS = 2000
"""Training users below which the model is small unless its size is said."""
SMALL_MODEL = {"hidden": 200, "latent": 16}
SMALL_WEIGHT = 5.0
"""Of the guide on such data, where an epoch is a handful of steps: at 1 the tied axes read and steer less (seen on the
validation users of MovieLens latest-small, whose lists were no worse at 5)."""
MOST_SMALL = 64
"""Latents of a small model with many tastes."""
WITH_LINEAR_TERM = "additive-vae"


@dataclass(frozen=True, slots=True)
class TrainFlags:
    """The command line's part of training (None = not said)."""

    model: str | None = None
    condition: str | None = None
    guide: str | None = None
    settings: Sequence[str] = ()
    device: Device = "auto"
    threads: int | None = None
    tracker: Tracker | None = None
    resume: bool = False
    devices: int | None = None
    nodes: int | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """The merged options. kind: the model's; condition: the attribute a conditioned model takes."""

    kind: str
    condition: str
    config: Config
    flags: TrainFlags

    def fit_options(self, session: Session, prepared: Prepared, *, name: str | None = None) -> FitOptions:
        """Checked options for `training.fit.fit`; name: what the model will be called."""
        from training.checked import checked
        from training.guided.settings import GuideConfig
        from training.models.registry import config_for
        from training.options import FitOptions, fit_config

        said, n_users = _without(self.config.model, "kind", "condition"), prepared.split.train.shape[0]
        weight = {"weight": SMALL_WEIGHT} if n_users < SMALL_USERS else {}
        guide = checked(GuideConfig, {**weight, **self.config.guide}, what="guiding")
        tied = _tied(self.kind, guide, prepared)
        model = config_for(self.kind, _sized(session, self.kind, said, n_users, tied=tied))
        fit = fit_config(_patient(self.kind, self.config.fit, n_users))
        return FitOptions(
            name=name or prepared.dataset.name,
            data_name=prepared.dataset.name,
            source=str(prepared.path),
            kind=self.kind,
            model=model,
            fit=fit,
            guide=guide,
            run=self.run_options(session),
            condition=self.condition,
            reading=prepared.reading,
        )

    def run_options(self, session: Session) -> RunOptions:
        """How training is carried out. ConfigError for devices or nodes that are not there."""
        from training.options import RunOptions
        from training.start import device_of
        from training.world import world_of

        former = self.config.former
        run = RunOptions(
            seed=self._seed(session),
            device=self._device(),
            devices=self.flags.devices or (None if former is None else former.info.devices),
            nodes=self.flags.nodes or (1 if former is None else former.info.nodes),
            threads=self._threads(),
            progress="none" if session.quiet else "auto" if session.bars else "plain",
            tracker=self.flags.tracker,
            resume=self.flags.resume,
        )
        world_of(run, device=device_of(run.device))
        return run

    def _seed(self, session: Session) -> int:
        former = self.config.former
        if session.seed is None and former is not None:
            return former.info.seeds["train"]
        return session.seed or 0

    def _device(self) -> Device:
        """Where the former run was trained, unless told: its numbers come out again only there."""
        former = self.config.former
        if self.flags.device == "auto" and former is not None:
            return "cuda" if former.info.device == "cuda" else "cpu"
        return self.flags.device

    def _threads(self) -> int | None:
        """As many as the former run had, unless told: sums in another order are other numbers."""
        former = self.config.former
        return former.info.threads if self.flags.threads is None and former is not None else self.flags.threads

    def decode_options(self, session: Session) -> DecodeOptions:
        return decode_options(session, self.config)


def choose(session: Session, flags: TrainFlags, *, default_kind: str = "additive-vae") -> Choices:
    """Merge file, `--set` and flags.

    Raises CommandError or ConfigError for a model, section or key that is unknown and for a value out of bounds, before
    any data are read.
    """
    config = read_config(session.config)
    kind = flags.model or str(config.model.get("kind", default_kind))
    keys = known_keys(kind)
    refuse_unknown_keys(config, {**keys, "model": [*keys["model"], "kind"]}, where=str(session.config))
    config = with_settings(config, flags.settings, keys=keys)
    if flags.guide is not None:
        config = replace(config, guide={**config.guide, "attributes": flags.guide})
    _check_values(kind, config)
    condition = flags.condition or str(config.model.get("condition", "genre"))
    return Choices(kind, condition, config, flags)


def _check_values(kind: str, config: Config) -> None:
    from training.checked import checked
    from training.decode.options import DecodeOptions
    from training.guided.settings import GuideConfig
    from training.models.registry import config_for
    from training.options import fit_config

    config_for(kind, _without(config.model, "kind", "condition"))
    fit_config(config.fit)
    checked(GuideConfig, config.guide, what="guiding")
    checked(DecodeOptions, config.decode, what="decoding")


def decode_options(session: Session, config: Config) -> DecodeOptions:
    """Checked options for decoding; --seed is theirs too."""
    from training.checked import checked
    from training.decode.options import DecodeOptions

    seed = {} if session.seed is None else {"seed": session.seed}
    return checked(DecodeOptions, {**config.decode, **seed}, what="decoding")


def known_keys(kind: str) -> dict[str, list[str]]:
    """Every key that `--set` may name, by section."""
    from training.data.split import Protocol
    from training.decode.options import DecodeOptions
    from training.guided.settings import GuideConfig
    from training.models.registry import entry_for
    from training.options import FitConfig

    return {
        "model": [*keys_of(entry_for(kind).config), "condition"],
        "fit": keys_of(FitConfig),
        "guide": keys_of(GuideConfig),
        "protocol": keys_of(Protocol),
        "decode": keys_of(DecodeOptions),
    }


def _tied(kind: str, guide: GuideConfig, prepared: Prepared) -> int:
    """How many tastes are to be tied to latents, if there is room."""
    from training.guided.settings import AUTO
    from training.models.registry import entry_for
    from training.tastes import taste_table

    asked = guide.attributes or (AUTO if entry_for(kind).guided else "")
    there = {attribute.name for attribute in prepared.catalogue.attributes}
    named = [name for name in guide.named if name in there]  # an unknown one is refused when the run begins
    return len(taste_table(prepared.catalogue, None if asked == AUTO else named))


def _sized(session: Session, kind: str, said: Mapping[str, Any], n_users: int, *, tied: int = 0) -> dict[str, Any]:
    """`said`, with a small latent space where the data are small and nothing was said of it.

    The papers' 200 latents on some hundred users all stay active and carry next to nothing each: no factor can be read,
    and the lists are no better for it. Of a guided model's latents at least half are free of the tied ones.
    """
    from training.models.registry import config_for, entry_for

    fits = {*SMALL_MODEL} <= set(keys_of(entry_for(kind).config))
    if n_users >= SMALL_USERS or not fits or any(key in said for key in SMALL_MODEL):
        return dict(said)
    blocks = int(getattr(config_for(kind, said), "concepts", 1))  # that many equal parts of z
    latent = max(SMALL_MODEL["latent"], min(2 * tied, MOST_SMALL))
    small = {**SMALL_MODEL, "latent": blocks * max(1, latent // blocks)}
    sizes = ", ".join(f"{key} {value}" for key, value in small.items())
    session.note(f"{n_users} training users: a small model ({sizes}); --set hidden=... or latent=... for another")
    return {**said, **small}


def _patient(kind: str, said: Mapping[str, Any], n_users: int) -> dict[str, Any]:
    """`said`, with all epochs trained where the data are small, the model has a linear term and nothing was said of it.

    That term ranks well from the first epoch, and an epoch of small data is a handful of steps: the usual patience ends
    training before the network has learned anything, with latents that mean nothing. More epochs take seconds there.
    """
    from training.options import fit_config

    if n_users >= SMALL_USERS or kind != WITH_LINEAR_TERM or "patience" in said:
        return dict(said)
    return {**said, "patience": fit_config(said).epochs}


def _without(section: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in names}
