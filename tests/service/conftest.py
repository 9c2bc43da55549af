"""One application for the tests that do not change it, and one of their own for those that do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.app_client import AppClient, give_history, open_client

HISTORY = ("m0", "m3", "m6", "m9")
"""Four of the planted comedies; user 42 has them."""


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """Shared: read from it only."""
    with open_client(tmp_path_factory.mktemp("shared")) as found:
        give_history(found, "42", *HISTORY)
        yield found


@pytest.fixture
def own_client(tmp_path: Path) -> Iterator[AppClient]:
    """A client to write with."""
    with open_client(tmp_path) as found:
        yield found
