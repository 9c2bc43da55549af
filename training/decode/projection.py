"""PCA of users' mu, alone and under each condition: the picture of the latent space. No user ids leave this module."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.factors import LatentMap
from training.encoding import encode
from training.models.base import LatentModel

_COMPONENTS = 5
_DIGITS = 4  # of a coordinate in the file: enough for a picture


@dataclass(frozen=True, slots=True)
class Projection:
    """The same users projected alone and under each condition, on the axes of all these points together.

    explained      [n_components] share of the variance
    unconditioned  [n_users, n_components]
    conditioned    [n_conditions, n_users, n_components]
    center, axes   [n_latent], [n_latent, n_components]: where the axes lie in the latent space
    centres        [n_conditions, n_latent] the mean mu under each condition, in the whole latent space
    scatter        [n_conditions] root mean square distance of the users from that, in the whole latent space
    """

    explained: NDArray[np.float64]
    unconditioned: NDArray[np.float64]
    conditioned: NDArray[np.float64]
    conditions: tuple[str, ...]
    center: NDArray[np.float64]
    axes: NDArray[np.float64]
    centres: NDArray[np.float64]
    scatter: NDArray[np.float64]

    def latent_map(self) -> LatentMap:
        """What is written and served: points without users' names, centroids and spreads of the conditions.

        spread = root mean square distance of a condition's users from their centroid.
        """
        centroids = self.conditioned.mean(axis=1)
        distances = ((self.conditioned - centroids[:, None]) ** 2).sum(axis=-1)
        return LatentMap(
            explained=_rounded(self.explained),
            points=tuple(_rounded(p) for p in self.unconditioned),
            conditions=self.conditions,
            centroids=tuple(_rounded(c) for c in centroids),
            spreads=_rounded(np.sqrt(distances.mean(axis=1))),
        )


def project(model: LatentModel, histories: sparse.csr_matrix, conditions: tuple[str, ...]) -> Projection:
    """PCA (up to 5 components) of histories CSR [n, n_items] under none and every condition.

    Costs n_conditions + 1 encodings and an eigendecomposition of [n_latent, n_latent]. Signs are fixed (the largest
    loading of an axis is positive), so that the same model gives the same picture.
    """
    alone = encode(model, histories).mu.astype(np.float64)
    clouds = [alone]
    for c in range(len(conditions)):
        asked = np.zeros(model.n_conditions, np.float32)
        asked[c] = 1.0
        clouds.append(encode(model, histories, condition=asked).mu.astype(np.float64))
    stacked = np.concatenate(clouds)
    center = stacked.mean(axis=0)
    values, vectors = np.linalg.eigh((stacked - center).T @ (stacked - center) / len(stacked))
    order = np.argsort(values)[::-1][:_COMPONENTS]
    axes = vectors[:, order]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    total = max(float(values.sum()), 1e-12)
    placed = [(cloud - center) @ axes for cloud in clouds]
    conditioned = np.stack(placed[1:]) if conditions else np.zeros((0, *placed[0].shape))
    centres = [cloud.mean(axis=0) for cloud in clouds[1:]]
    scatter = [np.sqrt(((cloud - c) ** 2).sum(axis=1).mean()) for cloud, c in zip(clouds[1:], centres, strict=True)]
    return Projection(
        explained=np.maximum(values[order], 0.0) / total,
        unconditioned=placed[0],
        conditioned=conditioned,
        conditions=conditions,
        center=center,
        axes=axes,
        centres=np.array(centres).reshape(len(conditions), model.n_latent),
        scatter=np.array(scatter, dtype=np.float64),
    )


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(v), _DIGITS) for v in values)
