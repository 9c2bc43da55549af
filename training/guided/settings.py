"""What may be chosen about guiding a model's latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from training.models.base import ModelConfig

AUTO, NONE = "auto", "none"


class GuideConfig(ModelConfig):
    """Which attributes are tied to latents, and how firmly; saved in the run."""

    attributes: str | None = Field(
        default=None,
        min_length=1,
        max_length=10_000,
        description="item attributes tied to latents of their own: names with commas between them, auto = all that "
        "fit, none; not said = what the model does by itself",
    )
    weight: float = Field(
        default=1.0,
        ge=0.0,
        le=1e4,
        description="what the squared error of reading the users' tastes off the latents counts in the loss, in nats; "
        "0 = the axes are turned towards them all the same, in latents that were trained without",
    )
    separation: float = Field(
        default=0.25,
        ge=0.0,
        le=1.0,
        description="how far tied latents are made independent of each other: 0 = each reads its taste as well as it "
        "can, 1 = no two are correlated",
    )

    @classmethod
    def recorded(cls, settings: Mapping[str, Any]) -> GuideConfig:
        """As a run.json has it. One from before there were guided latents says nothing of a guide: it had none."""
        return cls(**settings) if settings else cls(attributes=NONE)

    @property
    def named(self) -> tuple[str, ...]:
        """The names, when it is neither auto nor none."""
        if self.attributes in (None, AUTO, NONE):
            return ()
        return tuple(dict.fromkeys(name.strip() for name in str(self.attributes).split(",") if name.strip()))
