"""Both methods and their null over every active dimension: all the numbers the map is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.decode.attribute_table import AttributeTable
from training.decode.magnitude_of_change import HALVES, Baseline, Change, baseline, change
from training.decode.nulls import Null, benjamini_hochberg, permutation_null
from training.decode.options import DecodeOptions
from training.decode.posterior import AggregatedPosterior
from training.decode.spectrum import Sampled, origin_shares, sample_half, sampled
from training.models.base import LatentModel


@dataclass(frozen=True, slots=True)
class Streams:
    """One random stream per purpose, so that a larger sample of one does not change the others."""

    users: np.random.Generator
    samples: np.random.Generator
    null: np.random.Generator
    bootstrap: np.random.Generator
    picture: np.random.Generator
    probes: np.random.Generator

    @classmethod
    def of(cls, seed: int) -> Streams:
        return cls(*(np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(6)))


@dataclass(frozen=True, slots=True)
class Cell:
    """One half of one active factor, measured by both methods."""

    change: Change
    sampled: Sampled


@dataclass(frozen=True, slots=True)
class Measurements:
    """cells in order (factor, then negative, positive); null, js_q and ig_q are [n_cells, n_attributes].

    js_q, ig_q: Benjamini-Hochberg over all cells and attributes of the relative and of the absolute method.
    """

    baseline: Baseline
    cells: tuple[Cell, ...]
    null: Null
    js_q: NDArray[np.float64]
    ig_q: NDArray[np.float64]


def pick(n: int, at_most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Up to `at_most` of n users without replacement, in ascending order."""
    return np.sort(rng.choice(n, size=min(n, at_most), replace=False))


def measure(
    model: LatentModel, posterior: AggregatedPosterior, table: AttributeTable, options: DecodeOptions, streams: Streams
) -> Measurements:
    """Cost: two decodings of the sampled users per active dimension, and the null (see permutation_null)."""
    users = posterior.mu[pick(len(posterior.mu), options.users, streams.users)]
    before = baseline(model, users, table, k=options.top_k)
    origin = origin_shares(model, table, k=options.top_k)
    cells = []
    for factor in np.flatnonzero(posterior.active).tolist():
        mu = posterior.mu[:, factor]
        ends = np.quantile(mu, [options.tail, 1.0 - options.tail])
        for half, end in zip(HALVES, ends, strict=True):
            moved = change(model, before, table, factor=factor, half=half, to=float(end))
            points = sample_half(mu, half, n=options.samples, rng=streams.samples)
            drawn = sampled(model, points, table, factor=factor, half=half, origin=origin, k=options.top_k)
            cells.append(Cell(moved, drawn))
    null = permutation_null(
        table,
        before.lists,
        [(cell.change.lists, cell.sampled.lists) for cell in cells],
        permutations=options.permutations,
        rng=streams.null,
        threads=torch.get_num_threads(),
    )
    return Measurements(before, tuple(cells), null, benjamini_hochberg(null.js_p), benjamini_hochberg(null.ig_p))
