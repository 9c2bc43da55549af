"""The store's n-th operation fails, in a process of its own: `python -m tests.faults.failing FOLDER KIND`.

kill   the process is gone before its n-th statement, for every n: what a kill between two of them leaves
erase  the same of an erasure, beside others whose rows are written anew with it
room   a file may grow to so many bytes and no further, for every size on the way: each write that the database makes
       of its files fails once, often half done (SQLite writes from C, out of reach of wrappers of os.write)

Prints how the runs ended, as JSON. `EARLY` as a third word: a store that acknowledges before it commits, the control.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from service.errors import StorageFullError, StorageUnavailableError
from service.store import parts
from service.store.protocol import Interaction, Write
from service.store.sqlite import SqliteStore

OLD = Write("u", (Interaction("a", 1),), "old")
NEW = Write("u", tuple(Interaction(f"item-{i}-{'x' * 40}", 2) for i in range(100)), "new")
ERASED = "who-is-erased"
OTHERS = tuple(f"other-{number}" for number in range(40))
STEP = 1021
"""Not a divisor of a page: most writes fail in their middle."""

KILLED = 9
ENOUGH = 400


def opened(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "store.sqlite", clock=lambda: 1)


def counted_down(n: int) -> Callable[[str], None]:
    left = n

    def before(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(KILLED)

    return before


def kill_at(folder: Path, n: int, *, early: bool, erasing: bool = False) -> str:
    """Fork a writer, or eraser, that dies before its n-th statement; "acknowledged" is what it had said by then."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        store = opened(folder)
        store._writer.set_trace_callback(counted_down(n))
        if early:
            os.write(writing, b"yes")
        if erasing:
            store.erase(ERASED)
        else:
            store.append(NEW)
        os.write(writing, b"yes")
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 100)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    outcome = "passed" if os.waitstatus_to_exitcode(status) == 0 else "killed"
    return f"{outcome}, {'acknowledged' if said else 'silent'}, {left(folder) if erasing else kept(folder)}"


def room_for(folder: Path, size: int, *, early: bool) -> str:
    """Write with no file allowed to grow past `size` bytes, then with room, by the same key."""
    store = opened(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(store):
        outcome = "passed, acknowledged"
        with limited(size, soft, hard):
            try:
                store.append(NEW)
            except (StorageFullError, StorageUnavailableError):
                outcome = f"refused, {'acknowledged' if early else 'silent'}"
        return f"{outcome}, {kept(folder)}"


@contextlib.contextmanager
def limited(size: int, soft: int, hard: int) -> Iterator[None]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def kept(folder: Path) -> str:
    """old: without the write; whole: with all of it; else what is wrong. Then the write is sent again, and is there."""
    with closing(opened(folder)) as store:
        if store._read("PRAGMA integrity_check") != [("ok",)]:
            return "damaged"
        found = {1: "old", 1 + len(NEW.interactions): "whole"}.get(len(store.history("u") or ()), "torn")
        again = store.append(NEW)
        if (again.stored, again.replayed) != (len(NEW.interactions), found == "whole"):
            return "repeated wrongly"
        return found


def left(folder: Path) -> str:
    """old: nobody was erased; gone: with every trace, at the latest by the next start; else what is wrong."""
    with closing(opened(folder)) as store:
        if store._read("PRAGMA integrity_check") != [("ok",)]:
            return "damaged"
        if any(store.history(user) != (f"item of {user}",) or len(store.writes(user)) != 1 for user in OTHERS):
            return "others torn"
        if store.history(ERASED) is not None:
            return "old" if len(store.writes(ERASED)) == 1 else "torn"
        found = any(ERASED.encode() in path.read_bytes() for path in folder.iterdir())
        return "traces" if found or store.writes(ERASED) else "gone"


def begun(folder: Path, *, erasing: bool) -> None:
    """A store with what is there before; those who are beside the erased one are in the same part."""
    if erasing:
        parts.N_PARTS = 1
    with closing(opened(folder)) as store:
        for write in [Write(user, (Interaction(f"item of {user}"),), f"key of {user}") for user in OTHERS]:
            store.append(write)
        store.append(OLD)
        store.append(Write(ERASED, (Interaction(f"item of {ERASED}"),), f"key of {ERASED}"))


def main() -> None:
    root, kind = Path(sys.argv[1]), sys.argv[2]
    early = sys.argv[3:] == ["EARLY"]
    seen: Counter[str] = Counter()
    first = root / kind
    first.mkdir()
    begun(first, erasing=kind == "erase")
    for n in range(1, ENOUGH):
        folder = Path(shutil.copytree(first, root / f"{kind}-{n}"))
        if kind == "room":
            outcome = room_for(folder, n * STEP, early=early)
        else:
            outcome = kill_at(folder, n, early=early, erasing=kind == "erase")
        seen[outcome] += 1
        if outcome.startswith("passed"):
            break
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
