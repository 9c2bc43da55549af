"""One chunk of users through the service's engine, as the bytes of a Parquet file with one row group."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import polars as pl

from prismrec.scoring.histories import Chunk
from service.engine import LoadedBundle
from service.errors import ServiceError
from service.limits import LIMITS
from service.query import Query, Ranking

NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Lists:
    """What is asked for: the n best items of each user, those they have left out unless include_seen."""

    n: int
    include_seen: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """The answer to a chunk: its Parquet file's bytes, rows and users."""

    number: int
    content: bytes
    n_rows: int
    n_users: int


def part_of(engine: LoadedBundle, chunk: Chunk, lists: Lists) -> Part:
    """Rows user_id, rank (from 1), item_id, score, source ("model", or "popularity" where nothing was known).

    The lists are those of POST /recommend for the same histories. At most LIMITS.batch users are in the graphs at a
    time; memory is a row's 40 bytes for each item listed. Raises what the engine raises.
    """
    frames = [_rows(engine, chunk, lists, first=first) for first in range(0, len(chunk), LIMITS.batch)]
    table = pl.concat(frames)
    content = io.BytesIO()
    table.write_parquet(content, row_group_size=max(1, len(table)))
    return Part(chunk.number, content.getvalue(), len(table), len(chunk))


def _rows(engine: LoadedBundle, chunk: Chunk, lists: Lists, *, first: int) -> pl.DataFrame:
    stop = min(first + LIMITS.batch, len(chunk))
    answers = engine.recommend_batch([_query(chunk, u, lists) for u in range(first, stop)])
    rankings = [_checked(answer) for answer in answers]
    listed = [item for ranking in rankings for item in ranking.items]
    of_user = np.repeat(np.arange(len(rankings)), [len(ranking.items) for ranking in rankings])
    users = pl.Series(chunk.users[first:stop], dtype=pl.String)
    sources = pl.Series([ranking.source for ranking in rankings], dtype=pl.String)
    items = pl.Series(engine.catalogue.ids, dtype=pl.String)
    return pl.DataFrame(
        {
            "user_id": users.gather(of_user),
            "rank": pl.Series([item.rank for item in listed], dtype=pl.Int32),
            "item_id": items.gather(pl.Series([item.item_ix for item in listed], dtype=pl.UInt32)),
            "score": pl.Series([item.score for item in listed], dtype=pl.Float32),
            "source": sources.gather(of_user),
        }
    )


def _query(chunk: Chunk, u: int, lists: Lists) -> Query:
    history = tuple(chunk.items[chunk.starts[u] : chunk.starts[u + 1]].tolist())
    older = chunk.older.get(u)
    exclude = NOTHING if older is None or lists.include_seen else frozenset(older.tolist())
    return Query(history, n=lists.n, exclude=exclude, exclude_seen=not lists.include_seen)


def _checked(answer: Ranking | ServiceError) -> Ranking:
    if isinstance(answer, ServiceError):
        raise answer
    return answer
