"""A user in the decoded factors: where they lie in each spectrum, and which history items put them there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.errors import InvalidRequestError, NonFiniteScoreError
from service.explaining.explanation import Profile, ProfileFactor, ProfileItem
from service.explaining.places import Place, Places
from service.explaining.readings import readings_of
from service.limits import LIMITS
from service.query import Query
from service.words.english import ENGLISH
from service.words.phrases import Phrases
from service.words.sentences import Sentences

METHOD = "leave-one-out on z: each history item taken away, the others kept"
ITEMS = 5
"""So many items are named per factor."""


def profile(loaded: LoadedBundle, query: Query, *, phrases: Phrases = ENGLISH) -> Profile:
    """Where the query's history puts a user in each factor. Uses the query's history, condition and shift.

    `items` by leave-one-out on z: the history is encoded without each item, and the items whose absence moves z_i
    furthest back towards the median are listed. Cost: one encoder batch of at most LIMITS.leave_one_out_cells cells;
    beyond that only the newest (last) items are tried, and `considered` says how many.
    Raises InvalidRequestError for a history without any item.
    """
    loaded.check(query)
    if not query.history:
        raise InvalidRequestError.field(
            "/history", "a profile needs at least one known item", hint="/coldstart answers without a history"
        )
    z = loaded.point(query)
    tried = _newest(query.history)
    readings = readings_of(loaded)
    pulls = _leave_one_out(loaded, query, tried) / readings.sds
    has = [readings.has(ix) for ix in tried]
    places = Places(loaded, z, query.shift)
    rows = [
        _row(place, tried, pulls[:, place.factor], [one[place.read.value] for one in has])
        for place in (places[i] for i in range(loaded.n_latent))
    ]
    named = sorted((r for r in rows if r.status != "undecoded"), key=lambda r: (-abs(r.percentile - 50.0), r.factor))
    found = Profile(
        factors=tuple(named),
        undecoded=tuple(r.factor for r in rows if r.status == "undecoded"),
        method=METHOD,
        considered=len(tried),
        sentence="",
    )
    return dataclasses.replace(found, sentence=Sentences(loaded, query, phrases).of_profile(found))


def _newest(history: tuple[int, ...]) -> tuple[int, ...]:
    """The items to leave out, each once: all, or as many of the newest as the limit on cells lets through; sorted."""
    unique = list(dict.fromkeys(reversed(history)))
    return tuple(sorted(unique[: max(1, LIMITS.leave_one_out_cells // len(unique))]))


def _leave_one_out(loaded: LoadedBundle, query: Query, tried: tuple[int, ...]) -> NDArray[np.float64]:
    """[len(tried), n_latent]: z with the history less z without the item (the shift cancels out)."""
    whole = sorted(set(query.history))
    without = [[ix for ix in whole if ix != left_out] for left_out in tried]
    mu = loaded.encode_many([whole, *without], query.condition)
    if not np.isfinite(mu).all():
        raise NonFiniteScoreError("the encoder gave a value that is not finite")
    wide = np.asarray(mu, dtype=np.float64)
    return np.asarray(wide[0] - wide[1:], dtype=np.float64)


def _row(place: Place, tried: tuple[int, ...], pulls: NDArray[np.float64], has: Sequence[bool | None]) -> ProfileFactor:
    """Of each item tried: its pull, in sd of the factor, and whether it has what the half is read as."""
    sign = 1.0 if place.half == "positive" else -1.0
    towards = sorted(range(len(tried)), key=lambda i: (-sign * float(pulls[i]), tried[i]))
    reading = place.read.reading
    items = [ProfileItem(tried[i], float(pulls[i]), has[i]) for i in towards[:ITEMS] if sign * pulls[i] > 0]
    known = [one for one in has if one is not None]
    return ProfileFactor(
        factor=place.factor,
        half=place.half,
        z=place.z,
        percentile=place.percentile,
        attribute=reading.attribute,
        value=reading.value,
        status=reading.status,
        quality=reading,
        items=tuple(items),
        shifted=place.shifted,
        in_history=any(known) if known else None,
    )
