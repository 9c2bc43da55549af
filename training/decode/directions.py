"""Probe directions: where in the latent space an attribute value lies, whether or not one axis carries it.

A ridge regression of the users' standardised share of the value on mu; in the manner of concept activation vectors
(Kim et al. 2018, arXiv 1711.11279). Served beside the axes, because one z_i seldom carries a real attribute alone.
Directions of correlated values are made uncorrelated on request (probes.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.factors import Direction
from training.decode.attribute_table import AttributeTable
from training.decode.probes import Points, fit_probes, judged, made_orthogonal, without
from training.errors import DecodeError

Floats = NDArray[np.float64]
_LEFT = 1e-3  # of a reading's sd: what is left of a value that others say as well is no direction


@dataclass(frozen=True, slots=True)
class Users:
    """Some users' latent points mu [n, n_latent] and histories CSR [n, n_items], row by row the same users."""

    mu: NDArray[np.float32]
    histories: sparse.csr_matrix


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """Which directions are to be uncorrelated.

    among  attributes: all their values' directions with each other, symmetrically, so that no order decides
    to     ("attribute", or "attribute:value"): projected out of every direction of another attribute and, of single
           values, of every other value
    """

    among: tuple[str, ...] = ()
    to: tuple[str, ...] = ()


def history_shares(histories: sparse.csr_matrix, table: AttributeTable) -> Floats:
    """[n, n_columns]: the share of each attribute value among the user's items whose value is known."""
    return np.asarray(table.read(histories, table.prior()), dtype=np.float64)


def directions(
    fitting: Users, held_out: Users, table: AttributeTable, *, orthogonal: Orthogonal | None = None
) -> tuple[Direction, ...]:
    """One direction per attribute value whose share differs between users. O(n_users * n_latent^2).

    r2 is measured on users whom neither the model nor the probe was fitted on; below ten of them it is 0: not shown.
    Raises DecodeError for an attribute or a value in `orthogonal` that the table does not have.
    """
    mu = fitting.mu.astype(np.float64)
    shares = history_shares(fitting.histories, table)
    probes = fit_probes(mu, shares)
    usable = (shares.std(axis=0) > 1e-9) & (np.linalg.norm(probes.weights, axis=0) > 0)
    weights = _orthogonalised(probes.weights, probes.covariance, table, orthogonal or Orthogonal())
    before, after = (np.einsum("ik,ij,jk->k", w, probes.covariance, w) for w in (probes.weights, weights))
    usable &= after > _LEFT**2 * before
    lengths = np.linalg.norm(weights, axis=0)
    units = weights / np.where(lengths > 0, lengths, 1.0)
    patterns, along = probes.pattern(units), mu @ units
    known = history_shares(held_out.histories, table)
    r2 = judged(Points(along, shares), Points(held_out.mu @ units, known)).r2()
    return tuple(
        Direction(
            attribute=column.name,
            value=value,
            vector=tuple(units[:, at].tolist()),
            mean=float(along[:, at].mean()),
            sd=float(along[:, at].std()),
            r2=float(r2[at]),
            pattern=tuple(patterns[:, at].tolist()),
        )
        for column in table.columns
        for at, value in enumerate(column.values, start=column.start)
        if usable[at] and lengths[at] > 0
    )


def _orthogonalised(weights: Floats, covariance: Floats, table: AttributeTable, wanted: Orthogonal) -> Floats:
    found = weights.copy()
    among = sorted({place for name in wanted.among for place in _places(table, name)})
    if among:
        found[:, among] = made_orthogonal(found[:, among], covariance)
    others = {place: name for name in wanted.to for place in _places(table, name)}
    for column in table.columns:
        for place in range(column.start, column.stop):
            out = [p for p, name in others.items() if p != place and column.name != name]
            if out:
                found[:, place] = without(found[:, place], weights[:, out], covariance)
    return found


def _places(table: AttributeTable, name: str) -> Sequence[int]:
    """The columns of "attribute" or "attribute:value"."""
    for column in table.columns:
        if column.name == name:
            return range(column.start, column.stop)
        for place, value in enumerate(column.values, start=column.start):
            if f"{column.name}:{value}" == name:
                return [place]
    there = ", ".join(column.name for column in table.columns) or "none"
    raise DecodeError(
        f"no attribute or value {name!r} to make directions orthogonal to",
        hint=f"the attributes are: {there}; a value is written attribute:value",
    )
