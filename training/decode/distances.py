"""Which groups of users sit together in the latent space: distances of their centres, ordered by clustering.

In the manner of Carraro, Polato and Aiolli, "A Look Inside the Black-Box" (UMAP 2020), who show that conditions on
related genres map users into close clusters. Their table holds distances; ours are in units that can be read, and are
corrected for groups of different size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from training.decode.crowds import Crowds


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One group and where it lies among the others: the two nearest and the farthest, with their distances."""

    name: str
    nearest: str
    distance: float
    second: str | None
    second_distance: float
    farthest: str
    farthest_distance: float


@dataclass(frozen=True, slots=True)
class DistanceTable:
    """Distances between the centres of groups, in the order of a clustering, so that neighbours stand together.

    values     [n, n] in units of `unit`, symmetric with a zero diagonal
    unit       the typical (root mean square) distance of a user from the centre of the group, in latent units:
               at 1.00 two centres are as far apart as a user is from the group's own
    """

    attribute: str
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    values: NDArray[np.float64]
    unit: float
    neighbours: tuple[Neighbour, ...]


def distance_table(crowds: Crowds) -> DistanceTable:
    """The table of two crowds or more. O(n^2 * n_latent) and a clustering of n points.

    Small groups' centres scatter by chance, which would make every small group look far from all others: the expected
    share of it (Crowd.noise) is taken off the squared distances.
    """
    members = crowds.members
    centres = np.stack([m.centre for m in members])
    noise = np.array([m.noise for m in members])
    squared = ((centres[:, None] - centres[None]) ** 2).sum(axis=-1) - noise[:, None] - noise[None]
    unit = float(np.sqrt(np.mean([m.scatter**2 for m in members])))
    distances = np.sqrt(np.maximum(squared, 0.0)) / (unit if unit > 0 else 1.0)
    np.fill_diagonal(distances, 0.0)
    order = clustered(distances)
    distances = distances[np.ix_(order, order)]
    names = tuple(members[i].name for i in order)
    return DistanceTable(
        attribute=crowds.attribute,
        names=names,
        sizes=tuple(members[i].size for i in order),
        values=distances,
        unit=unit,
        neighbours=tuple(_neighbour(i, names, distances) for i in range(len(names))),
    )


def clustered(distances: NDArray[np.float64]) -> list[int]:
    """The order of average-linkage clustering in which neighbouring leaves are as near as can be; [n, n] -> n."""
    if len(distances) < 3:
        return list(range(len(distances)))
    condensed = squareform(distances, checks=False)
    tree = optimal_leaf_ordering(linkage(condensed, method="average"), condensed)
    return [int(i) for i in leaves_list(tree)]


def _neighbour(at: int, names: tuple[str, ...], distances: NDArray[np.float64]) -> Neighbour:
    others = sorted((float(distances[at, j]), name) for j, name in enumerate(names) if j != at)
    second = others[1] if len(others) > 2 else None
    return Neighbour(
        name=names[at],
        nearest=others[0][1],
        distance=others[0][0],
        second=second[1] if second else None,
        second_distance=second[0] if second else 0.0,
        farthest=others[-1][1],
        farthest_distance=others[-1][0],
    )
