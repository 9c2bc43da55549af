"""Fixtures that every package's tests may use."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster, running_cluster, skip_without_postgres
from tests.demo import Demo, make_demo
from tests.skipping import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks

DATA_VARIABLE = "PRISMREC_TEST_DATA"
EXPECTED = ("ml-100k", "ml-1m", "ml-latest-small")


def _data_folder() -> Path:
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def movielens() -> Path:
    """The folder that holds the MovieLens data sets. Without it the test is skipped; `-ra` lists the reason."""
    folder = _data_folder()
    if not any((folder / name).is_dir() for name in EXPECTED):
        pytest.skip(f"NO MOVIELENS DATA: {folder} has none of {', '.join(EXPECTED)}; set {DATA_VARIABLE} to its folder")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A bundle, a run and a store made by `prismrec standalone` on tiny synthetic data; takes about 20 seconds."""
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for the whole session; take a fresh database of it. Skips where there is no PostgreSQL."""
    skip_without_postgres()
    with running_cluster(Path(tempfile.mkdtemp(prefix="prismrec-"))) as running:
        yield running
