"""Lists for someone without a history: z sampled from a chosen half of chosen factors, the samples' lists merged."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service import ranking
from service.coldstarts.merging import merged, said
from service.coldstarts.picks import Pick, ResolvedPick, guided_value, resolve_picks
from service.coldstarts.samples import sample_points
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from service.query import DIVERSITY, MAX_SEED, Condition, FloatArray, Query, RankedItem

WEAK_SHARE = 0.5
"""A list that holds less than this share of a named value (of what it could hold, where the value is rare) says so."""


@dataclass(frozen=True, slots=True)
class AttributeShare:
    """in_list: share of the list's items that have the value; in_catalogue: the same of all items."""

    attribute: str
    value: str
    in_list: float
    in_catalogue: float


@dataclass(frozen=True, slots=True)
class JointShare:
    """in_list: share of the list's items that have every value of the shares; in_catalogue: the same of all items."""

    in_list: float
    in_catalogue: float


@dataclass(frozen=True, slots=True)
class Draws:
    """samples: points drawn; seed: of the draws; diversity 0..1: see service.coldstarts.merging."""

    samples: int = 32
    seed: int = 0
    diversity: float = DIVERSITY


@dataclass(frozen=True, slots=True)
class ColdStart:
    """probability of an item: mean over the samples of the softmax over the catalogue; score: its natural logarithm.

    items come best first as coldstarts.merging has it, which with a diversity is not the order of the scores. joint is
    None with fewer than two shares.
    """

    items: tuple[RankedItem, ...]
    picks: tuple[ResolvedPick, ...]
    shares: tuple[AttributeShare, ...]
    joint: JointShare | None
    draws: Draws
    requested: int
    condition_satisfied: float | None
    short_reason: str | None
    merged_by: str


NOBODY = Query(history=())


def sample_coldstart(
    loaded: LoadedBundle, picks: Sequence[Pick], *, query: Query = NOBODY, draws: Draws | None = None
) -> ColdStart:
    """query.n items for the picks; see service.coldstarts.picks for how they are resolved and sampled.

    query: a history, if there is one, puts the user where the samples are drawn around, mu(history); without one they
    are drawn around z = 0. What is drawn is a shift, as in steering: a linear term follows it, and counts the history.
    A soft condition without a history moves every sample by what it does to an empty one (encode({}, c) - encode({}));
    that is no taste, so no term follows it, but the linear graph, where there is one, raises the items that satisfy it.
    A strict condition masks. The same arguments give the same answer, in whatever order the picks come. Cost: one
    decoder run of `samples` rows, and one for the trials of named values. A named value that the list hardly holds is
    noted in its pick. Raises InvalidRequestError (bounds, unknown or contradictory picks) and NonFiniteScoreError.
    """
    draws = draws or Draws()
    loaded.check(query)
    _check_draws(draws)
    resolved = resolve_picks(loaded, picks, diversity=draws.diversity)
    shift = sample_points(loaded, resolved, samples=draws.samples, seed=draws.seed, diversity=draws.diversity)
    scores = loaded.scores_many(_around(loaded, query)[None, :], [query.history], query.condition, shift=shift)
    allowed = loaded.allowed(query)
    found = merged(scores, samples=draws.samples, allowed=allowed, n=query.n, diversity=draws.diversity)
    listed, log_mean = found.items, found.log_mean
    if listed:
        rest = len(picks) > 1 or query.condition is not None or bool(query.history)
        resolved = tuple(_noted(loaded, pick, _Listed(listed, allowed, query.condition, rest)) for pick in resolved)
    shares = _shares(loaded, resolved, listed)
    return ColdStart(
        items=tuple(
            RankedItem(item_ix=ix, rank=rank, score=float(log_mean[ix]), probability=float(np.exp(log_mean[ix])))
            for rank, ix in enumerate(listed, start=1)
        ),
        picks=resolved,
        shares=shares,
        joint=_joint(loaded, shares, listed),
        draws=draws,
        requested=query.n,
        condition_satisfied=loaded.satisfied(query.condition, listed),
        short_reason=ranking.shortage(len(listed), query.n, 0),
        merged_by=said(draws.samples, draws.diversity),
    )


def _check_draws(draws: Draws) -> None:
    if not 1 <= draws.samples <= LIMITS.samples:
        raise InvalidRequestError.field("/samples", f"must be between 1 and {LIMITS.samples}")
    if not 0 <= draws.seed <= MAX_SEED:
        raise InvalidRequestError.field("/seed", f"must be between 0 and {MAX_SEED}")
    if not 0 <= draws.diversity <= 1:
        raise InvalidRequestError.field("/diversity", "must be between 0 and 1")


def _around(loaded: LoadedBundle, query: Query) -> FloatArray:
    """float32 [n_latent]: where the history puts the user; without one 0, and what a soft condition does to nobody."""
    if query.history:
        return loaded.encode(query.history, query.condition)
    if query.condition is not None and query.condition.is_soft:
        return loaded.encode((), query.condition) - loaded.encode(())
    return np.zeros(loaded.n_latent, dtype=np.float32)


def _joint(loaded: LoadedBundle, shares: Sequence[AttributeShare], listed: list[int]) -> JointShare | None:
    if len(shares) < 2:
        return None
    has = np.logical_and.reduce([loaded.catalogue.members_of(share.attribute, share.value) for share in shares])
    return JointShare(float(has[listed].mean()) if listed else 0.0, float(has.mean()))


def _shares(loaded: LoadedBundle, picks: Sequence[ResolvedPick], listed: list[int]) -> tuple[AttributeShare, ...]:
    """One entry for each value that was picked, that a picked half decodes to, or that an undecoded one was tied to."""
    found: dict[tuple[str, str], AttributeShare] = {}
    for pick in picks:
        name, value = pick.attribute, pick.value
        if name is None and pick.factor is not None and pick.half is not None:
            name, value = guided_value(loaded.factors.factors[pick.factor], pick.half) or (None, None)
        attribute = loaded.catalogue.attribute(name) if name is not None else None
        if attribute is None or value is None or value not in attribute.values:
            continue
        has = loaded.catalogue.members_of(attribute.name, value)
        in_list = float(has[listed].mean()) if listed else 0.0
        found[attribute.name, value] = AttributeShare(attribute.name, value, in_list, float(has.mean()))
    return tuple(found.values())


@dataclass(frozen=True, slots=True, eq=False)
class _Listed:
    """The list that came out (not empty), the items it could hold, and whether more than one pick shaped it."""

    items: list[int]
    allowed: ranking.Mask
    condition: Condition | None
    shaped_by_more: bool


def _noted(loaded: LoadedBundle, pick: ResolvedPick, listed: _Listed) -> ResolvedPick:
    """The pick; if it named a value, or its half is read as one, and the list hardly holds it, with that in its note.

    Where nothing else shaped the list and it holds less of a named value than the catalogue, it is "undecoded" too.
    """
    if pick.attribute is None or pick.value is None or pick.value not in _values_of(loaded, pick.attribute):
        return pick
    has = loaded.catalogue.members_of(pick.attribute, pick.value)
    in_list, in_catalogue = float(has[listed.items].mean()), float(has.mean())
    possible = min(1.0, float((has & listed.allowed).sum()) / len(listed.items))
    below = in_list < min(in_catalogue, possible)
    if possible == 0:
        return dataclasses.replace(pick, note=_joined(pick.note, "no item that may be listed has this value"))
    if in_list >= WEAK_SHARE * possible and not below:
        return pick
    if pick.share is None:  # a half by its number: the map's reading stands, and is about people who are moved there
        why = "" if listed.shaped_by_more else "sampling this half alone hardly brings what moving people to it does: "
        note = f"{why}{100 * in_list:.0f} % of the list has {pick.value}, {100 * in_catalogue:.0f} % of the catalogue"
        return dataclasses.replace(pick, note=_joined(pick.note, note))
    weak, why = pick.share < WEAK_SHARE, ""
    if weak and (pick.via == "factor" or pick.note is None):  # a direction's note says so already
        why = "the model's latents carry this value weakly: "
    elif not weak and listed.shaped_by_more:
        why = "the rest of the request pulls the list elsewhere: "
    note = f"{why}only {100 * in_list:.0f} % of the list has it, {100 * in_catalogue:.0f} % of the catalogue"
    return dataclasses.replace(
        pick,
        status="undecoded" if below and not listed.shaped_by_more else pick.status,
        note=_joined(pick.note, note + _surer_way(loaded, pick, listed.condition)),
    )


def _values_of(loaded: LoadedBundle, name: str) -> tuple[str, ...]:
    attribute = loaded.catalogue.attribute(name)
    return () if attribute is None else attribute.values


def _joined(*notes: str | None) -> str:
    return "; ".join(note for note in notes if note)


def _surer_way(loaded: LoadedBundle, pick: ResolvedPick, condition: Condition | None) -> str:
    """That the model has an input for the value, where it has one that the request does not use already."""
    attribute = loaded.condition_attribute
    if attribute is None or attribute.name != pick.attribute or pick.value not in loaded.soft_values:
        return ""
    if condition is not None and condition.is_soft and attribute.values.index(pick.value) in condition.values:
        return ""
    return "; a soft `condition` on it is the surer way"


__all__ = ["AttributeShare", "ColdStart", "Draws", "JointShare", "Pick", "ResolvedPick", "sample_coldstart"]
