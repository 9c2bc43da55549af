"""The same calls to both engines get the same answers: drawn from few users, items, keys and times, so they meet."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from service.errors import ServiceError
from service.store import Interaction, Source, Store, Write
from service.store.postgres import PostgresStore
from service.store.receipts import KEY_LIFE_SECONDS
from service.store.sqlite import SqliteStore
from tests.cluster import Cluster
from tests.service.store_contract import MAX_HISTORY, NOW

STEPS = 200
LOOKED_AT = 5
USERS = ("1", "10", "2", "é", "a b", "Z", "_")
ITEMS = tuple("abcdefgh")
KEYS = tuple(f"k{number}" for number in range(12))
TIMES = (None, NOW, NOW + 1, NOW - 5, 0, -7, 2**40)
Call = Callable[[Store], Any]


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> str:
    return cluster.fresh_database()


@pytest.fixture
def now() -> list[int]:
    return [NOW]


@pytest.fixture
def engines(database: str, tmp_path: Path, now: list[int]) -> Iterator[tuple[Store, Store]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS prismrec CASCADE")
    one = SqliteStore(tmp_path / "store.sqlite", clock=lambda: now[0], max_history=MAX_HISTORY)
    other = PostgresStore(database, clock=lambda: now[0], max_history=MAX_HISTORY)
    yield one, other
    one.close()
    other.close()


def _drawn(rng: random.Random, sent: list[Write]) -> tuple[str, Call]:
    """A call, with its name. sent: the writes so far, of which one may come again; a new one is added."""
    user = rng.choice(USERS)
    taken = tuple(Interaction(rng.choice(ITEMS), rng.choice(TIMES)) for _ in range(rng.randint(1, 7)))
    rows = [(rng.choice(USERS), rng.choice(ITEMS), rng.choice(TIMES)) for _ in range(rng.randint(0, 12))]
    source = rng.choice((None, Source("films", "01"), Source("books", "02")))
    write = Write(user, taken, rng.choice(KEYS), rng.choice(((), ("x", "y"))))
    again = rng.choice(sent[-3:] or [write])
    preferences = (user, rng.choice(("{}", '{"a": "é\'"}')), rng.choice(("b1", "b2")))
    calls: list[tuple[str, Call]] = [
        ("append", lambda store: store.append(write)),
        ("append", lambda store: store.append(again)),
        ("put_preferences", lambda store: store.put_preferences(*preferences)),
        ("erase_preferences", lambda store: store.erase_preferences(user)),
        ("erase", lambda store: store.erase(user)),
        ("load_many", lambda store: store.load_many(rows, source=source)),
    ]
    sent.append(write)
    return rng.choice(calls)


def _answer(store: Store, call: Call) -> Any:
    try:
        return call(store)
    except ServiceError as error:
        return error.code, error.detail


def _contents(store: Store) -> list[Any]:
    """All that can be read, page by page."""
    found: list[Any] = [list(store.sources())]
    after = ""
    while page := list(store.users(3, after)):
        found += page
        after = page[-1].user_id
    return [*found, *((store.interactions(user), store.known(user), store.history(user)) for user in USERS)]


@pytest.mark.parametrize("seed", range(3))
def test_both_engines_answer_the_same_to_the_same_calls(
    engines: tuple[Store, Store], now: list[int], seed: int
) -> None:
    rng = random.Random(seed)
    one, other = engines
    answers = []
    sent: list[Write] = []
    for step in range(STEPS):
        now[0] += rng.choice((0, 1, 3600, KEY_LIFE_SECONDS // 3))
        name, call = _drawn(rng, sent)
        first, second = _answer(one, call), _answer(other, call)
        assert first == second, f"step {step}: {name}"
        answers.append((name, first))
        if step % LOOKED_AT == 0:
            assert _contents(one) == _contents(other), f"after step {step}: {name}"
    replayed = [answer for name, answer in answers if name == "append" and getattr(answer, "replayed", False)]
    conflicts = [answer for name, answer in answers if isinstance(answer, tuple) and answer[0] == "conflict"]
    dropped = [answer for name, answer in answers if name == "load_many" and answer.dropped]
    assert replayed and conflicts and dropped, "positive control: the calls do meet"


def test_engine_that_orders_ids_by_language_would_be_told_apart(engines: tuple[Store, Store]) -> None:
    """Positive control: the order of a language puts "_" and "Z" elsewhere than the order of bytes does."""
    for store in engines:
        for user in USERS:
            store.append(Write(user, (Interaction("a"),), user))
        assert [user.user_id for user in store.users(9)] == sorted(USERS, key=str.encode)
    assert sorted(USERS, key=str.encode) != sorted(USERS, key=str.lower)
