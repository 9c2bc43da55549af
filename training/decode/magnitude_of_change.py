"""The relative method: move one z_i of real users to the end of its spectrum and see what their lists gain.

Source: "Decoding Latent Factors" (magnitude of change of the information gain). Departure: beside it stands the
Jensen-Shannon divergence of the value shares, because entropy is blind to a shift between two equally mixed lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Half
from training.decode.attribute_table import AttributeTable
from training.decode.information_gain import information_gain, jensen_shannon
from training.decode.lists import TopLists, top_lists
from training.models.base import LatentModel

HALVES: tuple[Half, Half] = ("negative", "positive")


@dataclass(frozen=True, slots=True)
class Baseline:
    """The sampled users as they are: z [n, n_latent], their lists, shares [n, n_columns], ig [n, n_attributes]."""

    z: NDArray[np.float32]
    lists: TopLists
    shares: NDArray[np.float32]
    ig: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Change:
    """What moving one z_i to the end of one half does to the sampled users.

    lists       after the move
    mc, js      [n, n_attributes] change of the information gain and Jensen-Shannon divergence (bits), per user
    growth      [n_columns] mean change of each value's share
    item_gain   [n_items] mean change of each item's weight
    """

    factor: int
    half: Half
    lists: TopLists
    mc: NDArray[np.float32]
    js: NDArray[np.float32]
    growth: NDArray[np.float32]
    item_gain: NDArray[np.float32]


def baseline(model: LatentModel, z: NDArray[np.float32], table: AttributeTable, *, k: int) -> Baseline:
    """Read the sampled users' own lists, the reference of every change."""
    prior = table.prior()
    lists = top_lists(model, z, k=k)
    shares = table.read(lists.matrix, prior)
    return Baseline(z, lists, shares, table.per_attribute(information_gain, prior, shares))


def change(
    model: LatentModel, before: Baseline, table: AttributeTable, *, factor: int, half: Half, to: float
) -> Change:
    """Set z_factor of every sampled user to `to` and compare. Costs one decoding of the users."""
    moved = before.z.copy()
    moved[:, factor] = to
    prior = table.prior()
    lists = top_lists(model, moved, k=before.lists.items.shape[1])
    shares = table.read(lists.matrix, prior)
    return Change(
        factor=factor,
        half=half,
        lists=lists,
        mc=table.per_attribute(information_gain, prior, shares) - before.ig,
        js=table.per_attribute(jensen_shannon, before.shares, shares),
        growth=(shares - before.shares).mean(axis=0),
        item_gain=lists.mean_weights() - before.lists.mean_weights(),
    )
