"""Synthetic data with planted factors, so that what a model recovers can be scored against what was put in.

Every item has a genre, a year and a rating; every user a taste for each, standard normal. A taste acts as a tilt along
an axis of the items (mean 0, standard deviation 1 over the catalogue):
    genre   the genres stand in a row from -1 to 1; positive likes the end of GENRES, negative its beginning
    year    positive = recent, negative = old
    rating  positive = highly rated, negative = poorly rated
A user draws a history without replacement from softmax(sum_f strength_f taste_f axis_f + popularity + noise).
The strengths differ by a factor of two or more, because the axes of a VAE line up with factors of unequal strength and
rotate freely among equal ones (Rolinek et al. 2019, arXiv 1812.06775).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from training.data.convert import write_dataset, write_table
from training.data.dataset import INTERACTION_SCHEMA, Dataset, ItemColumn

FACTORS: Final = ("genre", "year", "rating")
GENRES: Final = ("Horror", "Thriller", "Sci-Fi", "Comedy", "Drama", "Romance")
USER_FACTORS_FILE: Final = "user_factors.parquet"
FIRST_YEAR, LAST_YEAR = 1950, 2019

_CELLS_AT_ONCE = 4_000_000


class SynthConfig(BaseModel):
    """What is planted and how much of it. The defaults train to decodable factors in about a minute on two cores."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_users: int = Field(3000, ge=10, le=10_000_000, description="users")
    n_items: int = Field(600, ge=20, le=1_000_000, description="items")
    mean_history: float = Field(40.0, ge=5.0, description="mean history length (lognormal)")
    history_sigma: float = Field(0.5, ge=0.0, le=2.0, description="spread of the log of the history length")
    min_history: int = Field(10, ge=1, description="shortest history")
    genre_strength: float = Field(1.6, ge=0.0, le=10.0, description="how strongly the genre taste tilts the choice")
    year_strength: float = Field(0.7, ge=0.0, le=10.0, description="how strongly the year taste tilts the choice")
    rating_strength: float = Field(0.35, ge=0.0, le=10.0, description="how strongly the rating taste tilts the choice")
    noise: float = Field(0.3, ge=0.0, le=10.0, description="standard deviation of each user's own whim for each item")
    correlation: float = Field(0.0, gt=-0.5, lt=1.0, description="correlation of any two of a user's tastes")
    popularity_skew: float = Field(0.3, ge=0.0, le=3.0, description="Zipf exponent of the items' base popularity")
    multilabel: bool = Field(default=False, description="give items one to three genres instead of one")
    seed: int = Field(0, ge=0, description="of the generator; the same seed and sizes give the same data")


@dataclass(frozen=True, slots=True)
class Synthetic:
    """dataset: no ratings, no threshold; user_factors: columns user_id and the tastes genre, year, rating (f64)."""

    dataset: Dataset
    user_factors: pl.DataFrame


def synthesise(config: SynthConfig) -> Synthetic:
    """Draw the data. A pure function of the config; O(n_users * n_items) time, 4 million cells of memory at once."""
    rng = np.random.default_rng(config.seed)
    items, axes = _items(config, rng)
    covariance = np.full((3, 3), config.correlation) + (1.0 - config.correlation) * np.eye(3)
    tastes = rng.multivariate_normal(np.zeros(3), covariance, size=config.n_users, method="cholesky")
    popularity = -config.popularity_skew * np.log(1.0 + rng.permutation(config.n_items))
    strengths = np.array([config.genre_strength, config.year_strength, config.rating_strength])
    users = _names("u", config.n_users)
    frames = [
        pl.DataFrame({"user_id": users.gather(user), "item_id": items["item_id"].gather(item)})
        for user, item in _draw(config, _Pull(tastes, axes * strengths, popularity), rng)
    ]
    absent = [pl.lit(None, dtype=INTERACTION_SCHEMA[c]).alias(c) for c in ("rating", "timestamp")]
    interactions = pl.concat(frames).with_columns(absent).cast(INTERACTION_SCHEMA)
    genre_field = "genres" if config.multilabel else "genre"
    dataset = Dataset(
        name="synth",
        source="synth",
        interactions=interactions,
        items=items,
        columns=(
            ItemColumn("genre", genre_field, "multilabel" if config.multilabel else "categorical"),
            ItemColumn("year", "year", "numeric"),
            ItemColumn("rating", "rating", "numeric"),
        ),
        threshold=None,
        n_read=len(interactions),
        rejects=(),
        n_items_read=len(items),
        notes=(f"synthetic, planted factors {', '.join(FACTORS)}, seed {config.seed}",),
    )
    factors = pl.DataFrame({"user_id": users, **dict(zip(FACTORS, tastes.T, strict=True))})
    return Synthetic(dataset, factors)


def write_synth(synthetic: Synthetic, folder: Path, *, replace: bool = False) -> None:
    """The data set in our own form with user_factors.parquet beside it (see write_dataset)."""
    write_dataset(synthetic.dataset, folder, replace=replace)
    write_table(synthetic.user_factors.lazy(), folder / USER_FACTORS_FILE)


def _items(config: SynthConfig, rng: np.random.Generator) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """The item table and the axes [n_items, 3] that the tastes tilt along."""
    n = config.n_items
    poles = np.linspace(-1.0, 1.0, len(GENRES))
    order = rng.permuted(np.tile(np.arange(len(GENRES)), (n, 1)), axis=1)
    order[:, 0] = rng.permutation(np.arange(n) % len(GENRES))  # every genre, equally often
    n_genres = rng.integers(1, 4, size=n) if config.multilabel else np.ones(n, dtype=np.int64)
    genres = [list(dict.fromkeys(row[:k].tolist())) for row, k in zip(order, n_genres, strict=True)]
    year = rng.integers(FIRST_YEAR, LAST_YEAR + 1, size=n)
    rating = np.clip(rng.normal(3.3, 0.7, size=n), 1.0, 5.0).round(2)
    axes = np.column_stack([np.array([poles[g].mean() for g in genres]), year, rating]).astype(np.float64)
    axes = (axes - axes.mean(axis=0)) / axes.std(axis=0)
    named = [[GENRES[g] for g in row] for row in genres]
    table = pl.DataFrame(
        {
            "item_id": _names("i", n),
            "title": [f"Item {j}: {named[j][0]} {year[j]}" for j in range(n)],
            "genres" if config.multilabel else "genre": named if config.multilabel else [row[0] for row in named],
            "year": year.astype(np.float64),
            "rating": rating,
        }
    )
    return table, axes


@dataclass(frozen=True, slots=True)
class _Pull:
    """logits = tastes [n_users, 3] times axes [n_items, 3] (with their strengths) + popularity [n_items]."""

    tastes: NDArray[np.float64]
    axes: NDArray[np.float64]
    popularity: NDArray[np.float64]


def _draw(
    config: SynthConfig, pull: _Pull, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(user, item) codes of the histories, some users at a time: Gumbel top-k is sampling without replacement."""
    mu = np.log(config.mean_history) - config.history_sigma**2 / 2
    longest = max(1, config.n_items // 2)
    lengths = np.rint(rng.lognormal(mu, config.history_sigma, size=config.n_users)).astype(np.int64)
    lengths = np.clip(lengths, min(config.min_history, longest), longest)
    step = max(1, _CELLS_AT_ONCE // config.n_items)
    for first in range(0, config.n_users, step):
        n_drawn = lengths[first : first + step]
        keys = pull.tastes[first : first + step] @ pull.axes.T + pull.popularity
        keys += rng.gumbel(size=keys.shape)
        if config.noise:
            keys += rng.normal(0.0, config.noise, size=keys.shape)
        most = int(n_drawn.max())
        best = np.argpartition(-keys, most - 1, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(keys, best, axis=1), axis=1, kind="stable")
        ranked = np.take_along_axis(best, order, axis=1)
        taken = np.arange(most) < n_drawn[:, None]
        yield first + np.nonzero(taken)[0], ranked[taken]


def _names(letter: str, n: int) -> pl.Series:
    """u00017: as many digits as the last one needs, four at least, so that text order is number order."""
    width = max(4, len(str(n - 1)))
    return pl.Series([f"{letter}{k:0{width}d}" for k in range(n)], dtype=pl.String)
