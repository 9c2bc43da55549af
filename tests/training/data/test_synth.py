from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from training.data.read import read_dataset
from training.data.synth import FACTORS, GENRES, USER_FACTORS_FILE, SynthConfig, Synthetic, synthesise, write_synth

SMALL = {"n_users": 400, "n_items": 120, "mean_history": 20.0}


def history_means(synthetic: Synthetic) -> pl.DataFrame:
    """Per user the tastes and, of the history, the mean place of its genres in GENRES, the mean year and rating."""
    place = pl.col("genre").replace_strict({g: k for k, g in enumerate(GENRES)}, return_dtype=pl.Float64)
    joined = (
        synthetic.dataset.interactions.select("user_id", "item_id")
        .cast(pl.String)
        .join(synthetic.dataset.items.with_columns(place.alias("genre")), on="item_id")
    )
    means = joined.group_by("user_id").agg(pl.col(f).mean().alias(f"mean {f}") for f in FACTORS)
    return synthetic.user_factors.join(means, on="user_id")


def test_planted_tastes_show_in_the_histories_and_only_their_own():
    means = history_means(synthesise(SynthConfig(**SMALL)))
    table = np.abs(np.corrcoef(means.drop("user_id").to_numpy().T)[:3, 3:])

    assert np.all(np.diag(table) > [0.8, 0.6, 0.35])
    assert np.all(table.argmax(axis=1) == np.arange(3))
    assert (table - np.diag(np.diag(table))).max() < 0.3


def test_without_strength_no_taste_shows():
    config = SynthConfig(**SMALL, genre_strength=0.0, year_strength=0.0, rating_strength=0.0)

    means = history_means(synthesise(config))

    assert np.abs(np.corrcoef(means.drop("user_id").to_numpy().T)[:3, 3:]).max() < 0.2


def test_same_seed_gives_the_same_data_and_another_seed_does_not():
    first, second, other = (synthesise(SynthConfig(**SMALL, seed=s)) for s in (7, 7, 8))

    assert_frame_equal(first.dataset.interactions, second.dataset.interactions)
    assert_frame_equal(first.user_factors, second.user_factors)
    assert not first.dataset.interactions.equals(other.dataset.interactions)


def test_histories_have_distinct_items_and_the_asked_mean_length():
    table = synthesise(SynthConfig(**SMALL)).dataset.interactions
    lengths = table.group_by("user_id").len()["len"]

    assert table.select("user_id", "item_id").is_unique().all()
    assert len(lengths) == 400
    assert lengths.mean() == pytest.approx(20.0, rel=0.1)
    assert lengths.min() >= 10
    assert lengths.max() <= 60


def test_correlation_of_tastes_is_as_asked():
    tastes = synthesise(SynthConfig(**SMALL | {"n_users": 4000}, correlation=0.6)).user_factors.select(FACTORS)

    corr = np.corrcoef(tastes.to_numpy().T)

    assert corr[np.triu_indices(3, 1)] == pytest.approx(0.6, abs=0.06)


def test_popularity_skew_makes_popularity_unequal():
    def top_share(skew: float) -> float:
        config = SynthConfig(**SMALL, popularity_skew=skew)
        counts = synthesise(config).dataset.interactions.group_by("item_id").len()["len"].sort(descending=True)
        return counts.head(12).sum() / counts.sum()

    assert top_share(1.5) > 2 * top_share(0.0)


def test_multilabel_items_have_one_to_three_genres():
    items = synthesise(SynthConfig(**SMALL, multilabel=True)).dataset.items
    n_genres = items["genres"].list.len()

    assert set(n_genres.to_list()) == {1, 2, 3}
    assert (items["genres"].list.n_unique() == n_genres).all()
    assert set(items["genres"].explode()) == set(GENRES)


def test_histories_drawn_in_chunks_cover_every_user(monkeypatch):
    monkeypatch.setattr("training.data.synth._CELLS_AT_ONCE", 120 * 7)

    synthetic = synthesise(SynthConfig(**SMALL))

    assert synthetic.dataset.interactions["user_id"].n_unique() == 400
    assert synthetic.dataset.interactions["user_id"].is_sorted()


def test_written_data_is_read_back_with_the_tastes_beside_it(tmp_path):
    synthetic = synthesise(SynthConfig(**SMALL))

    write_synth(synthetic, tmp_path / "synth")

    again = read_dataset(tmp_path / "synth")
    assert_frame_equal(again.interactions, synthetic.dataset.interactions)
    assert (again.source, again.threshold, again.columns) == ("synth", None, synthetic.dataset.columns)
    assert_frame_equal(pl.read_parquet(tmp_path / "synth" / USER_FACTORS_FILE), synthetic.user_factors)


@pytest.mark.parametrize(
    "wrong", [{"n_users": 1}, {"noise": -1.0}, {"correlation": 1.0}, {"genre_strength": float("nan")}, {"flavour": 1}]
)
def test_setting_out_of_bounds_or_unknown_is_refused(wrong):
    with pytest.raises(ValidationError):
        SynthConfig(**wrong)
