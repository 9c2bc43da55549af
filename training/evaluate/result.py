"""What an evaluation found, as it is saved in the run's `evaluation.json`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from bundle.manifest import Metric, encode
from training.errors import FitError

Part = Literal["test", "validation"]
Metrics = dict[str, Metric]
HEADLINE = "ndcg@100"
"""The metric on which models are chosen and compared."""
COLLAPSED_SHARE = 0.1
"""Fewer active latents than this share are reported as a collapse."""
NEIGHBOURS = "neighbours"
"""The row of a model's other way to recommend: a vote of the nearest users in its latent space."""


ROWS = ("none", "soft", "strict", "both", NEIGHBOURS, "popularity", "item-knn", "ease")
"""Ways to ask for a condition, the model's own neighbours, then baselines, in the order of every table; what is not
here comes after, by name."""


def collapse(active_units: int, n_latent: int) -> bool:
    """Whether so few latents carry anything that the posterior has collapsed onto the prior."""
    return active_units < COLLAPSED_SHARE * n_latent


def in_order(names: Iterable[str]) -> list[str]:
    """Ways and baselines ("ease", "ease strict") as tables have them: files of figures sort their keys."""

    def place(row: str) -> tuple[int, str]:
        name = row.removesuffix(" strict")
        return (ROWS.index(name), row) if name in ROWS else (len(ROWS), row)

    return sorted(names, key=place)


class Conditioned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How well a list obeys a condition, over all pairs (user, value) with a held-out item of that value.

    attribute  whose values are the conditions ("genre")
    overall    way -> metric -> figure. Ways of the model: `none` (condition ignored), `soft` (the model's condition
               input), `strict` (condition input 0 and a plain filter), `both`; of a baseline: "<name> strict"
    by_value   value -> way -> metric -> figure
    """

    attribute: str
    overall: dict[str, Metrics]
    by_value: dict[str, dict[str, Metrics]]


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model and the baselines beside it, on the same held-out users.

    model, baselines  metric name -> figure (mean over users, standard error, 95 % bootstrap interval)
                      baselines[NEIGHBOURS] is there for a model that has that way to recommend
    gain              baseline -> paired difference of ndcg@100 per user, model minus baseline
    settings          baseline -> what was chosen for it on the validation part ({"lambda": 700})
    fingerprint       of the split
    active_units      latents with KL > 0.01 nats on these users (without a posterior: that vary), of n_latent
    """

    kind: str
    part: Part
    fingerprint: str
    model: Metrics
    baselines: dict[str, Metrics]
    gain: Metrics
    settings: dict[str, dict[str, float | str]]
    conditioned: Conditioned | None = None
    active_units: int | None = None
    n_latent: int | None = None

    @property
    def latents_in_words(self) -> str | None:
        """How many latents carry anything, and whether that is a collapse; None when it was not measured."""
        if self.active_units is None or self.n_latent is None:
            return None
        collapsed = collapse(self.active_units, self.n_latent)
        return f"{self.active_units} of {self.n_latent} latents active" + (": posterior collapse" if collapsed else "")

    @property
    def above_popularity(self) -> bool | None:
        """Whether the model's mean ndcg@100 is above popularity's; None when popularity was not evaluated."""
        popularity = self.baselines.get("popularity")
        return None if popularity is None else self.model[HEADLINE].mean > popularity[HEADLINE].mean

    def to_json(self) -> bytes:
        return encode(self)

    @staticmethod
    def load(path: Path) -> Evaluation:
        """Read `evaluation.json`; FitError when it is not one."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=Evaluation)
        except (OSError, msgspec.DecodeError) as error:
            raise FitError(
                f"{path} is not a readable evaluation: {error}", hint="make it again with `prismrec evaluate <run>`"
            ) from error
