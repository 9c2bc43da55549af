"""Which tastes are tied to latents: those of the attributes asked for, as far as the data and the latents allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.catalogue import Catalogue
from bundle.factors import Guide
from training.errors import ConfigError
from training.guided.settings import AUTO, NONE, GuideConfig
from training.models.base import ModelConfig
from training.tastes import Taste, TasteTable, taste_table

LEAST_USERS = 10
LEAST_SHARE = 0.005
"""A value that fewer users (or a smaller share of them) have in their history has nobody to learn from."""
MOST_OF_LATENTS = 0.5
"""At most this share of the latents is tied: what the attributes do not say needs room, too."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """The tied tastes, one for each of the first g latents.

    mean, sd  float64 [g] of the tastes over the training users; weight, separation: see GuideConfig
    """

    table: TasteTable
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    weight: float
    separation: float

    @property
    def guides(self) -> tuple[Guide, ...]:
        return tuple(Guide(attribute=taste.attribute, value=taste.value) for taste in self.table.tastes)

    def standardised(self, histories: sparse.csr_matrix) -> NDArray[np.float64]:
        """The users' tastes [n, g], in standard deviations from the training users' mean."""
        return (self.table.of(histories) - self.mean) / self.sd


def guidance_of(
    config: GuideConfig, model: ModelConfig, train: sparse.csr_matrix, catalogue: Catalogue
) -> Guidance | None:
    """What to tie; None when nothing is asked for, or auto finds nothing that could be.

    auto takes numbers first, then values in the order of how many training users have them, up to half of the latents.
    ConfigError when a named attribute is not there or carries nothing, or when the named ones need too many latents.
    """
    if config.attributes in (None, NONE):
        return None
    named = None if config.attributes == AUTO else config.named
    if named == ():
        raise ConfigError(
            f"--guide {config.attributes!r} names no attribute", hint="name some with commas between them, or say none"
        )
    table = _table(catalogue, named)
    tastes = table.of(train)
    users = _users_with(table, train)
    alive = (tastes.std(axis=0) > 1e-9) & (users >= max(LEAST_USERS, LEAST_SHARE * train.shape[0]))
    places = np.flatnonzero(alive)
    room = max(1, int(MOST_OF_LATENTS * int(getattr(model, "latent", 0))))
    if named is not None:
        _check(named, [table.tastes[p] for p in places], room)
    elif len(places) > room:
        first = sorted(places, key=lambda p: (table.tastes[p].value is not None, -users[p], p))
        places = np.sort(np.array(first[:room], dtype=np.int64))
    if not len(places):
        return None
    return Guidance(
        table=table.only(places.tolist()),
        mean=tastes[:, places].mean(axis=0),
        sd=tastes[:, places].std(axis=0),
        weight=config.weight,
        separation=config.separation,
    )


def _table(catalogue: Catalogue, named: tuple[str, ...] | None) -> TasteTable:
    try:
        return taste_table(catalogue, named)
    except KeyError as error:
        there = ", ".join(a.name for a in catalogue.attributes) or "none"
        raise ConfigError(
            f"the items have no attribute {error.args[0]!r} to guide by, or it has one value, or too many",
            hint=f"the attributes are: {there}; name some of them, or say auto or none",
        ) from error


def _users_with(table: TasteTable, train: sparse.csr_matrix) -> NDArray[np.int64]:
    """[g]: training users with an item that has the value; for a number, with one whose number is known."""
    ones = sparse.csr_matrix((np.ones(train.nnz, dtype=np.float32), train.indices, train.indptr), shape=train.shape)
    numeric = np.array([taste.value is None for taste in table.tastes], dtype=np.bool_)
    having = np.where(numeric[None, :], table.known > 0, table.amounts > 0).astype(np.float32)
    return np.asarray((np.asarray(ones @ having) > 0).sum(axis=0), dtype=np.int64)


def _check(named: tuple[str, ...], found: list[Taste], room: int) -> None:
    without = [name for name in named if all(taste.attribute != name for taste in found)]
    if without:
        raise ConfigError(
            f"attribute {without[0]!r} cannot guide: too few users have its values, they do not differ, or it has too "
            "many values",
            hint="leave it out, or say auto",
        )
    if len(found) > room:
        raise ConfigError(
            f"{len(found)} values of {', '.join(named)} cannot be tied to {room} latents, half of those there are",
            hint=f"set latent to {2 * len(found)} or more, name fewer attributes, or say auto",
        )
