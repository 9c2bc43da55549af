"""The tables of the SQLite store: users are dealt to parts with tables of their own; an erasure writes one part anew.

Zeroing what is deleted (`secure_delete`) is not enough: when rows move from one page of a tree to another, those before
stay in the unused middle of the page, and a row that is deleted later is still there. A whole table that is emptied
gives all its pages back, and every one of them is zeroed.
"""

from __future__ import annotations

import hmac
import sqlite3
import zlib
from dataclasses import dataclass

N_PARTS = 64
"""A part is written anew while its user waits: of ten million rows it has 160,000. An empty store takes a megabyte."""

MAC_BYTES = 16
KINDS = ("history", "preferences", "writes")
_ANEW = (
    "CREATE TEMP TABLE kept AS SELECT * FROM {0}",
    "DELETE FROM {0}",
    "INSERT INTO {0} SELECT * FROM kept",
    "DROP TABLE temp.kept",
)


@dataclass(frozen=True, slots=True)
class Part:
    """The names of one part's tables."""

    history: str
    preferences: str
    writes: str

    @property
    def tables(self) -> tuple[str, str, str]:
        return self.history, self.preferences, self.writes


PARTS = tuple(Part(*(f"{kind}_{number:02x}" for kind in KINDS)) for number in range(N_PARTS))


def part_number(user_id: str) -> int:
    """Which part a user belongs to, for ever: files depend on it."""
    return zlib.crc32(user_id.encode()) % N_PARTS


def part_of(user_id: str) -> Part:
    """The tables of a user."""
    return PARTS[part_number(user_id)]


def mac(secret: bytes, kind: str, text: str) -> bytes:
    """What may stay of an id ("user") or a key ("key") that is gone: without the store's secret it says nothing."""
    return hmac.digest(secret, f"{kind} {text}".encode(), "sha256")[:MAC_BYTES]


def write_anew(db: sqlite3.Connection, table: str) -> None:
    """Write a table anew, in the transaction: nothing is left of rows that it does not have. All of it is copied."""
    for statement in _ANEW:
        db.execute(statement.format(table))
