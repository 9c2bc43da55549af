"""What loading costs in either engine: `python -m benchmarks.loading --results docs/results/loading`.

Interactions are generated (--rows, 10M unless told; nothing is drawn from real people), sorted as `prismrec load`
sorts them, and given to the store's `load_many` in a process of their own: once to the end, and once killed (SIGKILL)
at about half and then begun again. Both engines take turns, --rounds times. PostgreSQL is a private server in a
temporary folder, on the same disk, which syncs as in production; or --postgres URL, an empty database.

Two controls: the same rows by `append`, as the service would write them (a few thousand, one transaction each); and
after every load the rows that are there are counted: not one is lost or there twice.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.results import write

PER_USER = 150
ITEMS = 50_000
SINGLES = 2_000
QUICK_ROWS = 200_000
ENGINES = ("sqlite", "postgresql")
SERVER = {"autovacuum": "on", "shared_buffers": "256MB", "max_wal_size": "4GB"}


def main() -> None:
    options = parse()
    if options.measure is not None:
        print(json.dumps(measure(options.measure, options.rows, singles=options.singles)))
        return
    with (
        tempfile.TemporaryDirectory(prefix="loading-", dir=options.folder) as made,
        stores(options, Path(made)) as fresh,
    ):
        rows = [
            measured(engine, kind, fresh[engine](), options.rows)
            for _ in range(options.rounds)
            for kind in ("whole", "killed", "singles")
            for engine in ENGINES
        ]
    server = {"private": options.postgres is None, "settings": SERVER if options.postgres is None else {}}
    asked = {"rows": options.rows, "rounds": options.rounds, "server": server}
    write("benchmarks.loading", rows, as_page, results=options.results, **asked)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS} rows: does it work? Figures of no meaning")
    parser.add_argument(
        "--postgres", metavar="URL", help="an empty database (default: a private server); its tables go"
    )
    parser.add_argument("--folder", type=Path, help="where the stores lie meanwhile (200 bytes a row)")
    parser.add_argument("--results", type=Path, help="write RESULTS.md and RESULTS.json")
    parser.add_argument("--measure", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--singles", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rows = QUICK_ROWS
    return options


def table(n_rows: int) -> pl.DataFrame:
    """PER_USER rows a user, no pair twice, each user's oldest first, text ids, users in the order of their ids."""
    row = np.arange(n_rows, dtype=np.int64)
    user, nth = row // PER_USER, row % PER_USER
    item = (user * 104_729 + nth * (2 * (user % 97) + 1)) % ITEMS
    return pl.DataFrame(
        {
            "user_id": pl.Series(user + 10_000_000).cast(pl.String),
            "item_id": pl.Series(item).cast(pl.String),
            "timestamp": pl.Series(1_000_000_000 + user * 7 + nth),
        }
    )


@contextmanager
def stores(options: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """By engine, what gives the URL of an empty store."""
    from tests.cluster import running_cluster

    def file() -> str:
        for old in folder.glob("store.sqlite*"):
            old.unlink()
        return f"sqlite:///{folder / 'store.sqlite'}"

    # a socket's path must be short, so the server has a folder of its own
    place = tempfile.mkdtemp(prefix="prismrec-", dir=options.folder)
    with nullcontext() if options.postgres else running_cluster(Path(place), **SERVER) as cluster:

        def database() -> str:
            url = options.postgres or cluster.url("postgres")
            run_sql(url, "DROP SCHEMA IF EXISTS prismrec CASCADE")
            return str(url)

        yield {"sqlite": file, "postgresql": database}


def measured(engine: str, kind: str, url: str, n_rows: int) -> dict[str, Any]:
    """One row of the table, from processes of its own."""
    row: dict[str, Any] = {"engine": engine, "kind": kind}
    if kind == "killed":
        started = time.perf_counter()
        row["killed_after"] = killed(url, n_rows)
        row["seconds_until_killed"] = time.perf_counter() - started
    options = ["--singles"] if kind == "singles" else []
    done = subprocess.run([*command(url, n_rows), *options], check=True, capture_output=True, text=True)
    row |= json.loads(done.stdout.splitlines()[-1])
    expected = SINGLES if kind == "singles" else n_rows
    if row["there"] != expected:
        raise SystemExit(f"{engine}, {kind}: {row['there']} rows are in the store, expected were {expected}")
    print(json.dumps(row), flush=True)
    return row


def command(url: str, n_rows: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.loading", "--measure", url, "--rows", str(n_rows)]


def killed(url: str, n_rows: int) -> int:
    """Load and be killed (SIGKILL) after half of the rows; returns how many were told to be stored then."""
    child = subprocess.Popen(command(url, n_rows), stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    done = 0
    for line in child.stdout:
        done = json.loads(line).get("done", done)
        if 2 * done >= n_rows:
            child.send_signal(signal.SIGKILL)
            break
    child.stdout.close()
    child.wait()
    return int(done)


def measure(url: str, n_rows: int, *, singles: bool) -> dict[str, Any]:
    """Seconds and the most memory seen after a batch, above what the process had with its rows in hand."""
    from service.store import Interaction, Source, Write, open_store

    rows = table(n_rows)
    store = open_store(url)
    before, started = held_bytes(), time.perf_counter()
    most = before
    if singles:
        for place, (user_id, item_id, at) in enumerate(rows.head(SINGLES).iter_rows()):
            store.append(Write(user_id, (Interaction(item_id, at),), f"key-{place}"))
        found = {"rows": SINGLES, "skipped": 0}
    else:
        said = started

        def tell(done: int) -> None:
            nonlocal said, most
            most = max(most, held_bytes())
            if time.perf_counter() - said > 0.2:
                said = time.perf_counter()
                print(json.dumps({"done": done}), flush=True)

        loaded = store.load_many(rows.iter_rows(), source=Source("drawn", "0"), rows_id="drawn", on_batch=tell)
        found = {"rows": loaded.read - loaded.skipped, "skipped": loaded.skipped, "dropped": loaded.dropped}
    seconds = time.perf_counter() - started
    there, size = contents(url)
    store.close()
    return {**found, "seconds": seconds, "memory": most - before, "there": there, "bytes_on_disk": size}


def held_bytes() -> int:
    """What this process holds in memory now."""
    import resource

    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def contents(url: str) -> tuple[int, int]:
    """Rows of histories in the store, counted past the engine, and the bytes that they take."""
    import sqlite3

    if url.startswith("postgres"):
        query = "SELECT count(*), max(pg_total_relation_size('prismrec.history')) FROM prismrec.history"
        ((rows, size),) = run_sql(url, query)
        return int(rows), int(size)
    path = Path(url.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as file:
        ((rows,),) = file.execute("SELECT count(*) FROM history").fetchall()
    return int(rows), sum(one.stat().st_size for one in path.parent.glob("store.sqlite*"))


def run_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        done = connection.execute(statement.encode())
        return done.fetchall() if done.description else []


def middle(document: dict[str, Any], engine: str, kind: str) -> dict[str, float]:
    """The medians over the rounds, with rows a second."""
    rows = [row for row in document["measured"] if (row["engine"], row["kind"]) == (engine, kind)]
    names = ("rows", "skipped", "seconds", "memory", "bytes_on_disk", "there")
    found = {name: float(statistics.median(row[name] for row in rows)) for name in names}
    return {**found, "rate": found["rows"] / found["seconds"]}


def as_page(document: dict[str, Any]) -> str:
    made_on, n_rows = document["machine"], document["rows"]
    whole = {engine: middle(document, engine, "whole") for engine in ENGINES}
    ratio = whole["postgresql"]["seconds"] / whole["sqlite"]["seconds"]
    server = "a private server" if document["server"]["private"] else "a server that was there"
    lines = [
        f"# Loading {n_rows:,} interactions",
        "",
        f"    {document['command']}",
        "",
        f"Generated, {PER_USER} a user, no pair twice. Made on {made_on['processor']}, {made_on['cores']} cores,"
        f" {made_on['memory_gb']} GB; {server} for PostgreSQL, on the same machine and disk, which"
        " syncs; the machine had other work beside it, so the ratios are what to read. Memory is what loading takes"
        " above the rows in hand.",
        "",
        "| engine | rows | s | rows a second | beside one append a row | memory MB | bytes a row on disk |",
        "|---|---|---|---|---|---|---|",
    ]
    for engine in ENGINES:
        row, single = whole[engine], middle(document, engine, "singles")
        lines.append(
            f"| {engine} | {row['rows']:,.0f} | {row['seconds']:.0f} | {row['rate']:,.0f}"
            f" | {row['rate'] / single['rate']:,.0f}x | {row['memory'] / 1e6:.0f}"
            f" | {row['bytes_on_disk'] / row['there']:.0f} |"
        )
    lines += ["", f"PostgreSQL takes {ratio:.1f} times as long as SQLite.", "", *after_kill(document)]
    return "\n".join(lines) + "\n"


def after_kill(document: dict[str, Any]) -> list[str]:
    lines = [
        "Killed (SIGKILL) at about half and begun again: what the killed one had stored is skipped, nothing is there"
        " twice.",
        "",
        "| engine | skipped | stored by the second | in the store | s of the second |",
        "|---|---|---|---|---|",
    ]
    for engine in ENGINES:
        row = middle(document, engine, "killed")
        lines.append(
            f"| {engine} | {row['skipped']:,.0f} | {row['rows']:,.0f} | {row['there']:,.0f} | {row['seconds']:.0f} |"
        )
    return lines


if __name__ == "__main__":
    main()
