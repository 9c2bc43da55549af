"""The routes of users over PostgreSQL: the tests of histories and of stored preferences, run once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cluster import Cluster
from tests.service.app_client import AppClient, open_client
from tests.service.test_preferences_route import *  # noqa: F403
from tests.service.test_users_route import *  # noqa: F403

del test_erased_user_has_no_preferences_and_none_come_back  # noqa: F821  it looks into the file


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> str:
    return cluster.fresh_database()


@pytest.fixture
def url(database: str) -> str:
    """A database without our tables."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS prismrec CASCADE")
    return database


@pytest.fixture
def own_client(url: str, tmp_path: Path) -> Iterator[AppClient]:
    with open_client(tmp_path, store_url=url) as found:
        assert not found.state.store.quick, "positive control: this is the other engine"
        yield found
