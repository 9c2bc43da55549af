"""From text columns to the checked interaction table: ids, ratings, timestamps, repeated pairs.

Policy. Ids are text as it stands (trimmed), 1 to 64 bytes of UTF-8, no control characters. An empty rating is an error,
an empty timestamp is "none". Timestamps are seconds since 1970; larger numbers are taken for milli-, micro- or
nanoseconds by their size, and ISO dates (UTC) are read. Of a (user, item) pair that comes again the line with the
latest timestamp is kept, among equals the last one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from bundle.ids import MAX_ID_BYTES
from training.data.dataset import INTERACTION_SCHEMA
from training.data.fields import reason_of
from training.data.parts import Interactions
from training.data.rejects import Tally
from training.data.repeats import without_repeats


@dataclass(frozen=True, slots=True)
class RatingBounds:
    """Ratings outside [low, high] are rejected."""

    low: float
    high: float


ANY_RATING = RatingBounds(-1e6, 1e6)
MOVIELENS_RATING = RatingBounds(0.5, 5.0)

# Seconds reach 1e11 in the year 5138; from there on a number is read as a thousand times finer.
_UNITS = (
    (1e11, 1, "seconds"),
    (1e14, 10**3, "milliseconds"),
    (1e17, 10**6, "microseconds"),
    (1e20, 10**9, "nanoseconds"),
)
_DATE_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")


def collect_interactions(frames: Iterable[pl.DataFrame], bounds: RatingBounds, tally: Tally) -> Interactions:
    """Check every frame (text columns user_id, item_id[, rating][, timestamp] and `_line`) and join what is kept.

    Costs one pass, about 35 bytes a row at the peak (20 stay) and what one frame takes, and a sort of the pairs.
    """
    kept: list[pl.DataFrame] = []
    units: dict[str, int] = {}
    for frame in frames:
        checked = _check(frame, bounds)
        tally.add(checked)
        checked = checked.filter(pl.col("_reason").is_null())
        for unit, count in checked["unit"].drop_nulls().value_counts().iter_rows():
            units[unit] = units.get(unit, 0) + count
        kept.append(checked.select("_line", *INTERACTION_SCHEMA).cast(INTERACTION_SCHEMA))
    empty = pl.DataFrame(schema={"_line": pl.UInt32, **INTERACTION_SCHEMA})
    table = without_repeats(pl.concat(kept or [empty]), tally)
    notes = [
        f"{tally.file}: {count:,} timestamps were read as {unit}"
        for unit, count in sorted(units.items())
        if unit != "seconds"
    ]
    missing = int(table["timestamp"].null_count())
    if 0 < missing < len(table):
        notes.append(f"{tally.file}: {missing:,} interactions have no timestamp")
    return Interactions(table.select(list(INTERACTION_SCHEMA)), tally.n_read, tally.rejects, tuple(notes))


def id_rules(column: str, name: str) -> dict[str, pl.Expr]:
    """What an id column must not be, by reason; `name` is how a message calls it ("user id")."""
    return {
        f"empty {name}": pl.col(column) == "",
        f"{name} longer than {MAX_ID_BYTES} bytes": pl.col(column).str.len_bytes() > MAX_ID_BYTES,
        f"control character in {name}": pl.col(column).str.contains(r"[\x00-\x1f\x7f]"),
    }


def _check(frame: pl.DataFrame, bounds: RatingBounds) -> pl.DataFrame:
    """The frame with typed rating and timestamp, `unit` (of the timestamp) and `_reason` (null = kept)."""
    rules = {**id_rules("user_id", "user id"), **id_rules("item_id", "item id")}
    if "rating" in frame.columns:
        number = pl.col("rating").cast(pl.Float64, strict=False)
        rules |= {
            "rating is empty": pl.col("rating") == "",
            "rating is not a number": number.is_null(),
            "rating is NaN or infinite": ~number.is_finite(),
            f"rating outside {bounds.low:,.15g} to {bounds.high:,.15g}": ~number.is_between(bounds.low, bounds.high),
        }
        frame = frame.with_columns(number.cast(pl.Float32).alias("_rating"))
    if "timestamp" in frame.columns:
        rules |= {"timestamp is not readable": (pl.col("timestamp") != "") & pl.col("_seconds").is_null()}
        frame = _with_seconds(frame)
    absent = [
        pl.lit(None, dtype=dtype).alias(c)
        for c, dtype in (("_rating", pl.Float32), ("_seconds", pl.Int64), ("unit", pl.String))
        if c not in frame.columns
    ]
    return frame.with_columns(reason_of(rules), *absent).with_columns(
        rating=pl.col("_rating"), timestamp=pl.col("_seconds")
    )


def _with_seconds(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds `_seconds` (null = not readable, or before 1970) and `unit`."""
    text = pl.col("timestamp")
    real = text.cast(pl.Float64, strict=False)
    stamp = pl.coalesce(text.cast(pl.Int64, strict=False), real.floor().cast(pl.Int64, strict=False))
    frame = frame.with_columns(stamp.alias("_stamp"))
    size = pl.when(pl.col("_stamp") >= 0).then(pl.col("_stamp"))
    names: list[pl.Expr] = [pl.when(size < limit).then(pl.lit(name)) for limit, _, name in _UNITS]
    values: list[pl.Expr] = [pl.when(size < limit).then(size // divisor) for limit, divisor, _ in _UNITS]
    frame = frame.with_columns(pl.coalesce(names).alias("unit"), pl.coalesce(values).alias("_seconds"))
    if not frame.select((pl.col("_stamp").is_null() & (text != "")).any()).item():
        return frame
    return frame.with_columns(
        pl.when(pl.col("_stamp").is_null()).then(_dates(text)).otherwise("_seconds").alias("_seconds")
    )


def _dates(text: pl.Expr) -> pl.Expr:
    bare = text.str.strip_suffix("Z")
    moments = [bare.str.to_datetime(f, strict=False, time_unit="us").dt.epoch("s") for f in _DATE_FORMATS]
    moments.append(bare.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.epoch("s"))
    found = pl.coalesce(moments)
    return pl.when(found >= 0).then(found)
