"""Points of a cold start: drawn from what was picked, and around it as people differ in all else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.coldstarts.candidates import Candidate, direction_of, points_of
from service.coldstarts.picks import ResolvedPick
from service.engine import LoadedBundle
from service.query import FloatArray

SPREAD = 0.5
"""At diversity 1 the latents that nobody picked vary by so much of what they vary by over the training users: by all of
it a list has less than half of what was asked for (docs/science.md, Cold start)."""


def sample_points(
    loaded: LoadedBundle, picks: Sequence[ResolvedPick], *, samples: int, seed: int, diversity: float = 0.0
) -> FloatArray:
    """z float32 [samples, n_latent]: what was picked ("spectrum sampling"), and with a diversity some of all else.

    A half draws u uniformly, a direction |g| with g standard normal: its upper half; candidates.points_of says
    where they lead, and picks add up. Each pick draws from a stream of its own, named by the seed and by what is
    sampled, and they are added in the order of these names: the same picks in any order, at any strength, draw the
    same, and the same picks and seed give the same bytes.
    """
    z = np.zeros((samples, loaded.n_latent))
    for pick in sorted(picks, key=_name):
        stream = _stream(seed, _name(pick))
        draws = stream.random(samples) if pick.via == "factor" else np.abs(stream.standard_normal(samples))
        z += points_of(loaded, _as_candidate(loaded, pick), strength=pick.strength, draws=draws)
    if diversity > 0:
        drawn = _stream(seed, "the rest").standard_normal(z.shape)
        z += diversity * SPREAD * _beside(loaded, picks, drawn * _spreads(loaded))
    return z.astype(np.float32)


def _beside(loaded: LoadedBundle, picks: Sequence[ResolvedPick], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """drawn [samples, n_latent] without the picked factors, and without what the picked directions read of it.

    That is taken out along S w, S the latents' variances: as a lock does it (docs/science.md, Control).
    """
    picked = [pick.factor for pick in picks if pick.factor is not None]
    rest = np.array(drawn)
    rest[:, picked] = 0.0
    found = [direction_of(loaded, pick.attribute, pick.value) for pick in picks if pick.via != "factor"]
    if not found:
        return rest
    read = np.array([direction.vector for direction in found if direction is not None])
    read[:, picked] = 0.0
    along = read * _spreads(loaded) ** 2
    held = rest @ read.T @ np.linalg.pinv(along @ read.T, hermitian=True) @ along
    return np.asarray(rest - held)


def _spreads(loaded: LoadedBundle) -> NDArray[np.float64]:
    """[n_latent]: the standard deviations of the latents over the training users."""
    return np.array([factor.sd for factor in loaded.factors.factors])


def _as_candidate(loaded: LoadedBundle, pick: ResolvedPick) -> Candidate:
    if pick.via == "factor":
        return Candidate("factor", factor=pick.factor, half=pick.half)
    return Candidate(pick.via, direction=direction_of(loaded, pick.attribute, pick.value))


def _name(pick: ResolvedPick) -> str:
    return f"factor {pick.factor} {pick.half}" if pick.via == "factor" else f"value {pick.attribute}\0{pick.value}"


def _stream(seed: int, name: str) -> np.random.Generator:
    """hashlib's digest, unlike hash(), is the same in every process."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    words = np.frombuffer(digest[:16], dtype="<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))
