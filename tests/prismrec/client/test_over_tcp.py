"""The client and a real process, over TCP."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from prismrec.client import AsyncClient, CallOptions, Client, ConnectTimedOutError, NotConnectedError, TimedOutError
from prismrec.client.models import InteractionAsked
from prismrec.client.problems import UnknownUserError
from tests.builders import make_bundle
from tests.service.test_process import _serving

pytestmark = pytest.mark.e2e
LIKED = [InteractionAsked(item_id=item) for item in ("m0", "m3", "m6")]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("tcp")
    make_bundle(folder / "models")
    with _serving(folder) as (_, client):
        yield str(client.base_url)


def test_user_is_written_asked_about_and_erased(base_url: str) -> None:
    with Client(base_url) as client:
        assert client.health_ready().status == "ready"
        assert client.append_interactions("7", LIKED, idempotency_key="a").stored == 3
        assert client.append_interactions("7", LIKED, idempotency_key="a").stored == 3
        found = client.recommend(user_id="7", n=5, explain=True)
        assert (found.history_used, found.returned, found.source) == (3, 5, "model")
        assert found.items[0].reasons is not None and found.items[0].reasons.sentence
        assert [user.user_id for user in client.iter_users()] == ["7"]
        assert client.erase_user("7").erased
        with pytest.raises(UnknownUserError):
            client.get_user("7")


def test_connection_is_used_again_and_closed_with_the_client(base_url: str) -> None:
    async def run() -> list[int]:
        async with AsyncClient(base_url) as awaited:
            for _ in range(5):
                await awaited.health_live()
            pool = awaited._http._transport._pool
            open_before = len(pool.connections)
        return [open_before, len(pool.connections)]

    with Client(base_url) as client:
        for _ in range(5):
            client.health_live()
        pool = client._http._transport._pool
        assert len(pool.connections) == 1
    assert len(pool.connections) == 0
    assert asyncio.run(run()) == [1, 0]
    with pytest.raises(RuntimeError, match="closed"):
        client.health_live()


def test_key_is_in_no_log_however_much_is_logged(base_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Client(base_url, key="sk-very-secret") as client:
        client.list_items(limit=1)
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    assert "sk-very-secret" not in caplog.text


def test_connections_of_the_callers_own_stay_open(base_url: str) -> None:
    with httpx.Client() as http:
        with Client(base_url, http=http) as client:
            client.health_live()
        assert http.get(f"{base_url}/health/live").status_code == 200


def test_client_is_shared_by_threads_and_tasks(base_url: str) -> None:
    ids = [f"m{number}" for number in range(40)]
    with Client(base_url) as client, ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda item: client.similar_items(item, n=3), ids))

    async def run() -> list[object]:
        async with AsyncClient(base_url) as awaited:
            return list(await asyncio.gather(*(awaited.similar_items(item, n=3) for item in ids)))

    assert asyncio.run(run()) == waits


def test_address_where_nobody_listens_is_a_refusal() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Client(url) as client, pytest.raises(NotConnectedError) as raised:
        client.health_live()
    assert not raised.value.sent


def test_header_that_cannot_be_sent_is_refused_without_being_shown(base_url: str) -> None:
    async def run() -> None:
        async with AsyncClient(base_url) as client:
            await client.append_interactions("7", LIKED, idempotency_key="hidden\n")

    with pytest.raises(ValueError, match="append_interactions: a header") as raised, Client(base_url) as client:
        client.append_interactions("7", LIKED, idempotency_key="hidden\n")
    assert "hidden" not in f"{raised.value!r} {raised.value.__cause__!r}"
    with pytest.raises(ValueError, match="append_interactions: a header"):
        asyncio.run(run())


@contextmanager
def silent() -> Iterator[str]:
    """Somebody who takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: taken.append(listening.accept()[0]))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            thread.join(5)
            for connection in taken:
                connection.close()


def test_service_that_says_nothing_is_a_timeout_and_not_a_refusal() -> None:
    with silent() as url, Client(url) as client, pytest.raises(TimedOutError) as raised:
        client.health_live(options=CallOptions(timeout=0.2))
    assert raised.value.sent
    assert not isinstance(raised.value, ConnectTimedOutError)


def test_service_that_says_nothing_is_a_timeout_to_a_task() -> None:
    async def run(url: str) -> None:
        async with AsyncClient(url, timeout=0.2) as client:
            await client.health_live()

    with silent() as url, pytest.raises(TimedOutError):
        asyncio.run(run(url))
