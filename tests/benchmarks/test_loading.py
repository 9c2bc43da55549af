"""benchmarks.loading: the rows are what it says, both engines take them, and a load that lost some is not reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import loading
from service.store import open_store
from tests.cluster import Cluster

ROWS = 1_000


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.fresh_database()


def test_table_has_no_pair_twice_and_is_sorted_as_it_is_loaded() -> None:
    table = loading.table(50_000)
    assert table.select("user_id", "item_id").n_unique() == len(table) == 50_000
    assert table.equals(table.sort("user_id", "timestamp"))


def test_whole_load_and_singles_are_counted_past_the_engine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = loading.measure(url, ROWS, singles=False)
    assert (found["rows"], found["there"], found["skipped"]) == (ROWS, ROWS, 0)
    assert found["bytes_on_disk"] > 10 * ROWS
    monkeypatch.setattr(loading, "SINGLES", 20)
    assert loading.measure(url, ROWS, singles=True)["there"] == ROWS, "they were there already"


@pytest.mark.e2e
def test_row_that_is_missing_or_too_many_stops_the_measurement(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    with_one = open_store(url)
    with_one.load_many([("else", "1", 0)])
    with_one.close()
    with pytest.raises(SystemExit, match=f"{ROWS + 1} rows are in the store, expected were {ROWS}"):
        loading.measured("sqlite", "whole", url, ROWS)


def test_page_has_the_ratio_of_the_medians() -> None:
    rows = [
        {"engine": engine, "kind": kind, "rows": 100, "skipped": 0, "seconds": seconds, "memory": 1e6, "there": 100}
        | {"bytes_on_disk": 3200}
        for engine, seconds in (("sqlite", 2.0), ("postgresql", 5.0))
        for kind in ("whole", "killed", "singles")
    ]
    machine = {"processor": "x", "cores": 2, "memory_gb": 1}
    page = loading.as_page(
        {"rows": 100, "command": "c", "machine": machine, "server": {"private": True}, "measured": rows}
    )
    assert "PostgreSQL takes 2.5 times as long as SQLite." in page
    assert "| postgresql | 100 | 5 | 20 | 1x | 1 | 32 |" in page
