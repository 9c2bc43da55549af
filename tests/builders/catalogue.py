"""The planted catalogue: genre, year and rating of n items, a pure function of n."""

from __future__ import annotations

import numpy as np

from bundle.catalogue import Attribute, Catalogue

GENRES = ("Comedy", "Drama", "Horror")
DECADES = ("1970s", "1980s", "1990s", "2000s", "2010s")
RATINGS = ("low", "middle", "high")


def item_genres(item_ix: int) -> tuple[int, ...]:
    """Its main genre by turns; every seventh item has Drama too."""
    main = item_ix % len(GENRES)
    return tuple(sorted({main, 1})) if item_ix % 7 == 0 else (main,)


def item_year(item_ix: int) -> int:
    return 1970 + (item_ix * 7) % 50


def item_rating(item_ix: int) -> float:
    return 2.5 + (item_ix * 13 % 25) / 10


def catalogue_of(n_items: int, *, attributes: bool = True) -> Catalogue:
    """Ids "m0".., titles (the last item has none), a falling popularity; the last item's year is missing."""
    popularity = 1.0 / np.arange(2.0, n_items + 2.0)
    return Catalogue(
        ids=tuple(f"m{j}" for j in range(n_items)),
        titles=(*(f"Film {j} ({item_year(j)})" for j in range(n_items - 1)), None),
        popularity=tuple(float(p) for p in popularity / popularity.sum()),
        attributes=_attributes(n_items) if attributes else (),
    )


def _attributes(n_items: int) -> tuple[Attribute, ...]:
    years = [item_year(j) for j in range(n_items - 1)]
    ratings = [item_rating(j) for j in range(n_items)]
    return (
        Attribute(
            name="genre",
            field="genres",
            kind="multilabel",
            values=GENRES,
            rows=tuple(item_genres(j) for j in range(n_items)),
        ),
        Attribute(
            name="year",
            field="year",
            kind="numeric",
            values=DECADES,
            rows=(*(((year - 1970) // 10,) for year in years), ()),
            numbers=(*(float(year) for year in years), None),
        ),
        Attribute(
            name="rating",
            field="rating",
            kind="numeric",
            values=RATINGS,
            rows=tuple((int(min(2, (r - 2.5) // 0.85)),) for r in ratings),
            numbers=tuple(ratings),
        ),
    )
