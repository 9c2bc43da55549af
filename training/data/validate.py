"""The PASS / FAIL lines of `prismrec data validate`: is this data set fit to train on, and if not, where is it not?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from bundle.catalogue import Kind
from training.data.catalogue import MAX_VALUES
from training.data.condition import default_condition
from training.data.dataset import Dataset, ItemColumn, Reject
from training.data.ids import ascending
from training.data.rejects import RERATED, WELL_FORMED, malformed
from training.data.servable import ITEM_RULE, USER_RULE, shown, unservable_items, unservable_users
from training.data.split import Protocol, Split, split_dataset
from training.errors import DataError

N_EXAMPLES = 3
EARLIEST, LATEST = 631_152_000, 4_102_444_800  # 1990 and 2100, in seconds since 1970
DOMINANT_SHARE = 0.05  # of all interactions, by one item
FEW_TARGETS = 50  # test users below which an average says little


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    name      what was looked at ("duplicate pairs")
    passed    False = FAIL; None = does not apply to these data
    count     how many things are wrong; also a passed check may count some that do no harm
    examples  up to three ids or places ("ratings.csv:17")
    detail    one sentence: what was found, what was expected
    hint      what to do when it fails
    """

    name: str
    passed: bool | None
    count: int
    examples: tuple[str, ...]
    detail: str
    hint: str = ""


def validate(dataset: Dataset, protocol: Protocol, *, max_bad: float = 0.01) -> tuple[Check, ...]:
    """Every check, in a fixed order; none of them raises for bad data. Costs about one split.

    max_bad: the share of malformed lines up to which reading goes on, as in `read_dataset`.
    """
    checks = [
        _lines("lines readable", dataset.rejects, dataset.n_read, max_bad),
        _item_lines(dataset, max_bad),
        _ids_servable("user", unservable_users(dataset.interactions), USER_RULE),
        _ids_servable("item", unservable_items(dataset.interactions), ITEM_RULE),
        _duplicates(dataset),
        _ratings(dataset, protocol),
        _timestamps(dataset),
        _item_rows(dataset),
        *_attributes(dataset),
        _conditions(dataset),
        _popularity(dataset),
    ]
    try:
        split = split_dataset(dataset, protocol)
    except DataError as error:
        return (*checks, Check("enough users to hold out", False, 0, (), detail=error.message, hint=error.hint))
    return (*checks, *_split_checks(split))


def _lines(name: str, rejects: Sequence[Reject], n_read: int, max_bad: float) -> Check:
    bad = malformed(rejects)
    count = sum(r.count for r in bad)
    if not count:
        return Check(name, passed=True, count=0, examples=(), detail=f"all {n_read:,} lines are well formed")
    reasons = "; ".join(f"{r.count:,} x {r.reason}" for r in bad)
    return Check(
        name,
        passed=count <= max_bad * n_read,
        count=count,
        examples=_places(bad),
        detail=f"{count:,} of {n_read:,} lines ({count / n_read:.2%}, at most {max_bad:.2%} may be): {reasons}",
        hint="repair these lines, or raise the share that may be left out with --max-bad",
    )


def _item_lines(dataset: Dataset, max_bad: float) -> Check:
    name = "item lines readable"
    if not dataset.n_items_read and not len(dataset.items):
        return Check(name, passed=None, count=0, examples=(), detail="there is no item table; it is not needed")
    return _lines(name, dataset.item_rejects, dataset.n_items_read, max_bad)


def _places(rejects: Sequence[Reject]) -> tuple[str, ...]:
    """The first places ("ratings.csv:17") of all reasons together, in the file's order."""

    def order(place: str) -> tuple[str, int]:
        file, _, line = place.rpartition(":")
        return file, int(line) if line.isdigit() else 0

    return tuple(sorted((place for r in rejects for place in r.examples), key=order)[:N_EXAMPLES])


def _ids_servable(what: str, refused: pl.Series, rule: str) -> Check:
    """Ids that the service takes: a user with another one can be trained on, but never asked about or erased."""
    detail = f"{len(refused):,} {what} ids are not of the form that the service takes ({rule})"
    if not len(refused):
        detail = f"the service takes every {what} id"
    return Check(
        f"{what} ids servable",
        passed=not len(refused),
        count=len(refused),
        examples=shown(refused.head(N_EXAMPLES)),
        detail=detail,
        hint=f"give these {what}s other ids; `prismrec load` leaves them out",
    )


def _duplicates(dataset: Dataset) -> Check:
    """Mere repeats are fine (people come back); the same pair with another rating is a contradiction."""
    repeats = [r for r in dataset.rejects if r.reason in WELL_FORMED]
    count = sum(r.count for r in repeats)
    detail = "; ".join(f"{r.count:,} x {r.reason}" for r in repeats) or "no user and item pair comes twice"
    contradicts = any(r.reason == RERATED for r in repeats)
    hint = "keep one rating of each pair, or none: the latest is what is used"
    return Check("duplicate pairs", not contradicts, count, _places(repeats), detail=detail, hint=hint)


def _ratings(dataset: Dataset, protocol: Protocol) -> Check:
    ratings = dataset.interactions["rating"]
    given = ratings.drop_nulls()
    if len(given) == 0:
        needed = protocol.threshold is not None
        detail = f"none, but the threshold is {protocol.threshold:g}" if needed else "none; every interaction counts"
        count = len(ratings) if needed else 0
        return Check("ratings", not needed, count, (), detail=detail, hint="let every row count with --threshold none")
    ratings_given = given.to_numpy()
    n_values = given.n_unique()
    detail = f"{len(given):,} from {ratings_given.min():g} to {ratings_given.max():g}, {n_values:,} distinct"
    if n_values == 1:
        detail += "; equal ratings say nothing"
    if protocol.threshold is not None:
        detail += f", {int((given >= protocol.threshold).sum()):,} reach the threshold {protocol.threshold:g}"
    return Check(
        "ratings",
        passed=n_values > 1 or protocol.threshold is None,
        count=int(ratings.null_count()),
        examples=(),
        detail=detail,
        hint="let every row count with --threshold none",
    )


def _timestamps(dataset: Dataset) -> Check:
    given = dataset.interactions.filter(pl.col("timestamp").is_not_null())
    if len(given) == 0:
        return Check("timestamps", passed=True, count=0, examples=(), detail="none; they are not needed")
    odd = given.filter(~pl.col("timestamp").is_between(EARLIEST, LATEST)).sort("user_id", "item_id")
    examples = tuple(f"{u}, {i}: {t}" for u, i, _, t in odd.head(N_EXAMPLES).iter_rows())
    detail = f"{len(odd):,} of {len(given):,} are before 1990 or after 2100"
    hint = "give seconds since 1970 or ISO dates, or leave the column out: times only order a history"
    return Check("timestamps", len(odd) == 0, len(odd), examples, detail=detail, hint=hint)


def _item_rows(dataset: Dataset) -> Check:
    seen = dataset.interactions.select("item_id").unique().cast(pl.String)
    if len(dataset.items) == 0:
        detail = (
            f"there is no item table: {len(seen):,} items without title and attributes, so nothing but"
            " popularity and ratings can be decoded; put items.csv (item_id, title, attributes) there, or use --items"
        )
        return Check("items described", passed=None, count=len(seen), examples=(), detail=detail)
    bare = seen.join(dataset.items, on="item_id", how="anti")
    detail = f"{len(bare):,} of {len(seen):,} items in interactions have no row in the item table"
    hint = "add rows for them; without, they have no title and no attribute"
    return Check("items described", len(bare) == 0, len(bare), _ids(bare, "item_id"), detail=detail, hint=hint)


def _attributes(dataset: Dataset) -> list[Check]:
    """An attribute can be decoded when most items have it and it tells items apart."""
    if not dataset.columns and len(dataset.items):
        detail = "the item table has no attribute column: nothing can be decoded but popularity and ratings"
        hint = "add a column that tells items apart, for example genre"
        return [Check("attributes", passed=False, count=0, examples=(), detail=detail, hint=hint)]
    return [_attribute(dataset.items, column.name, column.field, column.kind) for column in dataset.columns]


def _attribute(items: pl.DataFrame, name: str, field: str, kind: str) -> Check:
    cells = items[field]
    missing = items.filter(pl.col(field).is_null())
    given = cells.drop_nulls()
    n_values = (given.explode() if kind == "multilabel" else given).n_unique()
    detail = f"{kind}, {n_values:,} values, missing for {len(missing):,} of {len(items):,} items"
    too_many = kind != "numeric" and n_values > MAX_VALUES
    if n_values < 2:
        detail += "; it does not tell items apart and is left out"
    elif too_many:
        detail += f"; more than {MAX_VALUES:,} values are left out"
    passed = n_values >= 2 and not too_many and 2 * len(missing) <= len(items)
    return Check(
        f"attribute {name}",
        passed=passed,
        count=len(missing),
        examples=_ids(missing, "item_id"),
        detail=detail,
        hint="leave the column out" if n_values < 2 or too_many else "fill it for more items, or leave the column out",
    )


def _conditions(dataset: Dataset) -> Check:
    """What a c-vae could take as its condition, and what it takes when nobody says."""
    kinds: dict[str, Kind] = {c.name: c.kind for c in dataset.columns if 2 <= _n_values(dataset, c) <= MAX_VALUES}
    if not len(dataset.items):
        detail = "there is no item table: every model but a c-vae, whose condition is an attribute, can be trained"
        return Check("conditions", passed=None, count=0, examples=(), detail=detail)
    taken = default_condition(kinds)
    names = ", ".join(sorted(kinds)) or "none"
    if taken is None and kinds:
        detail = f"{names} could be a c-vae's condition; name one with --condition"
    else:
        detail = f"{names} could be a c-vae's condition" + (
            f"; {taken} is the one unless another is named" * bool(taken)
        )
    hint = "train any model but a c-vae, or add an attribute column such as genre to the items"
    return Check("conditions", passed=bool(kinds), count=len(kinds), examples=(), detail=detail, hint=hint)


def _n_values(dataset: Dataset, column: ItemColumn) -> int:
    """How many values an attribute has; a number counts as two as soon as it varies, as it is put into bins."""
    cells = dataset.items[column.field].drop_nulls()
    n_values = (cells.explode() if column.kind == "multilabel" else cells).n_unique()
    return min(n_values, 2) if column.kind == "numeric" else n_values


def _popularity(dataset: Dataset) -> Check:
    counts = dataset.interactions.group_by("item_id").len().sort(["len", "item_id"], descending=[True, False])
    n = len(dataset.interactions)
    top_share = counts["len"][0] / n
    dominant = counts.filter(pl.col("len") > DOMINANT_SHARE * n) if len(counts) > 2 / DOMINANT_SHARE else counts.clear()
    detail = f"the most popular of {len(counts):,} items has {top_share:.1%} of the interactions"
    examples = _ids(dominant, "item_id")
    hint = "leave these items out: what nearly everybody has says nothing about taste"
    return Check("popularity", len(dominant) == 0, len(dominant), examples, detail=detail, hint=hint)


def _split_checks(split: Split) -> list[Check]:
    n_train, n_test = split.train.shape[0], split.test.target.shape[0]
    n_users = n_train + n_test + split.validation.target.shape[0]
    counts = [int(split.train.nnz), *(int(p.fold_in.nnz + p.target.nnz) for p in (split.validation, split.test))]
    left = (
        f"{n_users:,} users and {len(split.item_ids):,} items of the training users, {sum(counts):,} interactions "
        f"({_threshold(split.protocol.threshold)}, at least {split.protocol.min_items} a user)"
    )
    held = f"{n_train:,} train, {len(split.validation.users):,} validate, {n_test:,} test"
    if n_test < FEW_TARGETS:
        held += f"; under {FEW_TARGETS} test users an average says little"
    users = Check("users left after filtering", passed=True, count=n_users, examples=(), detail=left)
    hint = "hold out more with --heldout, or keep more users with a lower --min-items or --threshold"
    enough = Check("enough users to hold out", n_test >= FEW_TARGETS, n_test, (), detail=held, hint=hint)
    return [users, enough, _rare_items(split)]


def _rare_items(split: Split) -> Check:
    rare = np.flatnonzero(np.asarray(split.train.sum(axis=0)).ravel() == 1)
    n_items = len(split.item_ids)
    return Check(
        "items seen once",
        passed=2 * len(rare) <= n_items,
        count=len(rare),
        examples=tuple(split.item_ids[ix] for ix in rare[:N_EXAMPLES]),
        detail=f"{len(rare):,} of {n_items:,} items have one training user",
        hint="bring more interactions, or leave rare items out: little can be learnt of them",
    )


def _threshold(threshold: float | None) -> str:
    return "every row counts" if threshold is None else f"rated {threshold:g} or more"


def _ids(table: pl.DataFrame, column: str) -> tuple[str, ...]:
    return tuple(ascending(table[column]).head(N_EXAMPLES).to_list())
