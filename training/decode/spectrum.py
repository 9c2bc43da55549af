"""The absolute method: sample one half of one z_i with every other coordinate at 0 and read the lists.

Source: "Decoding Latent Factors" (spectrum sampling). It says which half to sample in a cold start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Half
from training.decode.attribute_table import AttributeTable
from training.decode.information_gain import information_gain
from training.decode.lists import TopLists, top_lists
from training.models.base import LatentModel


@dataclass(frozen=True, slots=True)
class Sampled:
    """One half of one z_i.

    lists   at the sampled points
    ig      [n_samples, n_attributes] information gain at each point
    lift    [n_columns] p_a(v|half) / p_a(v|z=0), both with `floor` added: the weight of one average listed item, so
            that a value that z = 0 does not list at all has a finite lift and a stray item does not make the largest
    """

    factor: int
    half: Half
    lists: TopLists
    ig: NDArray[np.float32]
    lift: NDArray[np.float32]


def origin_shares(model: LatentModel, table: AttributeTable, *, k: int) -> NDArray[np.float32]:
    """p_a(v|z=0) [n_columns]."""
    lists = top_lists(model, np.zeros((1, model.n_latent), np.float32), k=k)
    return np.asarray(table.read(lists.matrix, table.prior())[0])


def sample_half(mu: NDArray[np.float32], half: Half, *, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """n draws from one half of a dimension's aggregated posterior mu [n_users]: below its median, or not below it.

    When nobody lies below the median (more than half the users share the lowest value) the negative half is that value.
    """
    below = mu < np.median(mu)
    half_of = mu[below] if half == "negative" else mu[~below]
    return rng.choice(half_of if len(half_of) else mu.min(keepdims=True), size=n)


def sampled(
    model: LatentModel,
    points: NDArray[np.float32],
    table: AttributeTable,
    *,
    factor: int,
    half: Half,
    origin: NDArray[np.float32],
    k: int,
) -> Sampled:
    """Read the lists at z = 0 but for z_factor = points [n_samples]. Costs one decoding of the samples."""
    z = np.zeros((len(points), model.n_latent), np.float32)
    z[:, factor] = points
    prior = table.prior()
    lists = top_lists(model, z, k=k)
    shares = table.read(lists.matrix, prior)
    floor = 1.0 / lists.items.shape[1]
    lift = (shares.mean(axis=0) + floor) / (origin + floor)
    return Sampled(factor, half, lists, table.per_attribute(information_gain, prior, shares), lift)
