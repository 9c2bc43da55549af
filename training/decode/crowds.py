"""Groups of users that the report compares: by condition of the model, or by what stands out most in their taste."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.catalogue import Catalogue
from training.decode.projection import Projection
from training.encoding import encode
from training.models.base import LatentModel
from training.tastes import Taste, taste_table

FEWEST = 20
"""Users a group needs: fewer would say more of these users than of the taste they share."""
MOST_GROUPS = 30
_DRAWN = 120  # points kept of a group for the picture


@dataclass(frozen=True, slots=True)
class Crowd:
    """One group of users. No user can be told from it.

    centre   [n_latent] their mean mu; scatter: their root mean square distance from it
    noise    expected squared distance of this centre from that of endlessly many such users: scatter^2 / size, or 0
             where all crowds hold the same users, whose chance makeup moves every centre alike
    points   [n <= 120, n_latent] some of them, for the picture; of a condition only where they lie on its axes
    """

    name: str
    size: int
    centre: NDArray[np.float64]
    scatter: float
    noise: float
    points: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Crowds:
    """Crowds of one kind; attribute: what the names are values of; conditioned: the same users under each condition."""

    attribute: str
    conditioned: bool
    members: tuple[Crowd, ...]

    def __bool__(self) -> bool:
        return len(self.members) > 1


def crowds_under_conditions(projection: Projection, attribute: str) -> Crowds:
    """The sampled users under each condition of the model. Costs nothing: the projection has them."""
    n_users = projection.unconditioned.shape[0]
    members = tuple(
        Crowd(
            name=name,
            size=n_users,
            centre=projection.centres[c],
            scatter=float(projection.scatter[c]),
            noise=0.0,
            points=projection.center + projection.conditioned[c, :_DRAWN] @ projection.axes.T,
        )
        for c, name in enumerate(projection.conditions)
    )
    return Crowds(attribute, True, members)


def crowds_by_taste(
    model: LatentModel,
    histories: sparse.csr_matrix,
    catalogue: Catalogue,
    *,
    preferred: Sequence[str] = (),
    max_values: int = 200,
) -> Crowds:
    """Users grouped by the value whose share of their history stands out most, in standard deviations over users.

    histories: CSR [n, n_items]. The attribute is the first of `preferred` that makes two groups or more, otherwise the
    one that makes most. Groups of fewer than 20 users are left out. One encoding of the users.
    """
    labels = dict(_labels(histories, catalogue, max_values))
    named = [name for name in preferred if name in labels and len(_groups(labels[name])) > 1]
    attribute = named[0] if named else max(labels, key=lambda name: len(_groups(labels[name])), default="")
    if not attribute:
        return Crowds("", False, ())
    mu = encode(model, histories).mu.astype(np.float64)
    found = labels[attribute]
    return Crowds(attribute, False, tuple(_crowd(name, mu[found == name]) for name in _groups(found)))


def _crowd(name: str, mu: NDArray[np.float64]) -> Crowd:
    centre = mu.mean(axis=0)
    scatter = float(np.sqrt(((mu - centre) ** 2).sum() / max(len(mu) - 1, 1)))
    return Crowd(name, len(mu), centre, scatter, scatter**2 / len(mu), mu[:_DRAWN])


def _groups(labels: NDArray[np.str_]) -> list[str]:
    """The names with enough users, the largest groups only where there are many, in order of name."""
    names, sizes = np.unique(labels, return_counts=True)
    large = [(-int(size), str(name)) for name, size in zip(names, sizes, strict=True) if size >= FEWEST]
    return sorted(name for _, name in sorted(large)[:MOST_GROUPS])


def _labels(
    histories: sparse.csr_matrix, catalogue: Catalogue, max_values: int
) -> Iterator[tuple[str, NDArray[np.str_]]]:
    """(attribute, [n] the group of each user) of every attribute that has tastes."""
    table = taste_table(catalogue, max_values=max_values)
    tastes = table.of(histories)
    spread = tastes.std(axis=0)
    scores = (tastes - tastes.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    for name in dict.fromkeys(t.attribute for t in table.tastes):
        at = [i for i, t in enumerate(table.tastes) if t.attribute == name and spread[i] > 0]
        if len(at) == 1:
            above, below = _sides(table.tastes[at[0]], catalogue)
            yield name, np.where(scores[:, at[0]] > 0, above, below)
        elif at:
            yield name, np.array([str(table.tastes[i].value) for i in at])[scores[:, at].argmax(axis=1)]


def _sides(taste: Taste, catalogue: Catalogue) -> tuple[str, str]:
    """What to call the users above and below the mean of a taste that is one number."""
    attribute = catalogue.attribute(taste.attribute)
    if taste.value is None or attribute is None:
        return f"{taste.attribute}: above the mean", f"{taste.attribute}: below the mean"
    return taste.value, next(v for v in attribute.values if v != taste.value)
