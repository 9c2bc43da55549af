"""Clients that write with keys until their process is killed, and the check of what is left of their writes.

The writing process: `python -m tests.faults.killing URL VARIANT FIRST,FIRST,...`, one client a number, beginning with
that write. A client writes one after the other and prints `CLIENT NUMBER` when a write was acknowledged; one that is
refused it sends again, as it is. So after a kill everybody knows what must be there, and that at most one write of each
client may be there besides.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from service.errors import StorageUnavailableError
from service.store import Interaction, Receipt, Store, Write, open_store
from service.store.sqlite import SqliteStore

WRITES_A_USER = 100
"""Fewer items than a history holds: nothing may be missing because it was old."""

ITEMS = ("a", "b")
STORED = Receipt(len(ITEMS), 0, ())
HONEST, EARLY, ASYNCHRONOUS = "honest", "early", "asynchronous"
"""The engine as it is; and two controls: one that answers before it commits, one that commits before it is on disk."""


def user_of(client: int, number: int) -> str:
    return f"c{client}-{number // WRITES_A_USER}"


def write_of(client: int, number: int) -> Write:
    """The write of this number: the same whenever it is sent."""
    taken = tuple(Interaction(f"{number}{item}", number) for item in ITEMS)
    return Write(user_of(client, number), taken, f"key-{client}-{number}")


class EarlyStore:
    """A control: says yes at once and writes a moment later. What the check must find out."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._waiting: queue.SimpleQueue[Write] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def append(self, write: Write) -> Receipt:
        self._waiting.put(write)
        time.sleep(0.005)
        return STORED

    def _work(self) -> None:
        while True:
            time.sleep(0.05)
            for _ in range(self._waiting.qsize()):
                self._inner.append(self._waiting.get())


def opened(url: str, variant: str) -> Store | EarlyStore:
    if variant == ASYNCHRONOUS:
        from service.store import postgres_pool

        postgres_pool._SESSION = postgres_pool._SESSION.replace("= 'off'", "= 'never'")
    store = open_store(url)
    return EarlyStore(store) if variant == EARLY else store


def write_on(store: Store | EarlyStore, client: int, number: int) -> None:
    """Write for ever; each acknowledged number is a line on stdout, written at once."""
    while True:
        try:
            store.append(write_of(client, number))
        except StorageUnavailableError:
            time.sleep(0.01)
            continue
        os.write(1, f"{client} {number}\n".encode())
        number += 1


def main() -> None:
    url, variant, firsts = sys.argv[1:]
    store = opened(url, variant)
    for client, first in enumerate(firsts.split(",")):
        threading.Thread(target=write_on, args=(store, client, int(first)), daemon=True).start()
    threading.Event().wait()


@dataclass(slots=True)
class Ledger:
    """What was acknowledged: by client, the number of the next write. Numbers begin with 0 and have no gaps."""

    following: list[int]
    checked: list[int] = field(default_factory=list)
    lost: int = 0
    changed: int = 0

    @classmethod
    def of(cls, clients: int) -> Ledger:
        return cls([0] * clients, [0] * clients)

    def acknowledged(self, lines: Sequence[str]) -> None:
        for line in lines:
            client, number = map(int, line.split())
            assert number == self.following[client], "a client writes one after the other"
            self.following[client] += 1

    def check(self, url: str) -> None:
        """Send every write again that was acknowledged since the last check, and the one that was under way.

        lost      acknowledged writes whose key is not known: they are not there
        changed   answers that are not those of a write that was done once
        """
        with closing(open_store(url)) as store:
            for client, following in enumerate(self.following):
                for number in range(self.checked[client], following + 1):
                    found = store.append(write_of(client, number))
                    self.lost += number < following and not found.replayed
                    self.changed += (found.stored, found.duplicates) != (STORED.stored, STORED.duplicates)
                self.following[client] = self.checked[client] = following + 1

    def check_histories(self, url: str) -> None:
        """Every user has every item once, in the order in which they were written."""
        with closing(open_store(url)) as store:
            for client, following in enumerate(self.following):
                for first in range(0, following, WRITES_A_USER):
                    numbers = range(first, min(first + WRITES_A_USER, following))
                    expected = tuple(f"{number}{item}" for number in numbers for item in ITEMS)
                    assert store.history(user_of(client, first)) == expected
            if isinstance(store, SqliteStore):
                assert store._read("PRAGMA integrity_check") == [("ok",)]


if __name__ == "__main__":
    main()
