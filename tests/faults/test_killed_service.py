"""W1 on the whole service: kill -9 while clients write over HTTP; every repeat of a key gets the first answer."""

from __future__ import annotations

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from service.store.parts import part_of
from tests.builders import make_bundle
from tests.cluster import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

KILLS = max(2, int(os.environ.get("KILLS", "10")) // 5)
CLIENTS = 4
READY_SECONDS = 20.0
"""Less than 10 s on a machine that does nothing else."""

ANSWER = {"stored": 1, "duplicates": 0, "unknown_items": []}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.fresh_database()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Client(threading.Thread):
    """Writes one after the other until nobody answers; `following` is the write that has no answer yet."""

    def __init__(self, base: str, number: int, following: int, items: list[str]) -> None:
        super().__init__(daemon=True)
        self._base, self._number, self._items = base, number, items
        self.following = following

    def run(self) -> None:
        with httpx.Client(base_url=self._base, timeout=5) as http:
            while True:
                try:
                    reply = self.send(http, self.following)
                except httpx.TransportError:
                    return
                assert reply.json() == ANSWER, reply.text
                self.following += 1

    def user(self, write: int) -> str:
        return f"c{self._number}-{write // len(self._items)}"

    def send(self, http: httpx.Client, write: int) -> httpx.Response:
        body = {"interactions": [{"item_id": self._items[write % len(self._items)], "timestamp": write}]}
        key = {"Idempotency-Key": f"{self._number}-{write}"}
        return http.post(f"/users/{self.user(write)}/interactions", json=body, headers=key)

    def check(self, http: httpx.Client, first: int) -> None:
        """Everything that was answered is there, once; the write under way is done, once, by sending it again."""
        kept = self._kept(http)
        answered = self.following
        assert kept[:answered] == [self._items[write % len(self._items)] for write in range(answered)]
        assert len(kept) <= answered + 1, "at most the write under way is there besides"
        for write in range(first, answered + 1):
            assert self.send(http, write).json() == ANSWER
        self.following += 1
        assert len(self._kept(http)) == self.following

    def _kept(self, http: httpx.Client) -> list[str]:
        """The items of this client's users, one user after the other, oldest first."""
        kept: list[str] = []
        for start in range(0, self.following + 1, len(self._items)):
            reply = http.get(f"/users/{self.user(start)}")
            kept += [entry["item_id"] for entry in reply.json().get("history", ())]
        return kept


def _started(models: Path, url: str) -> tuple[subprocess.Popen[bytes], str]:
    """The service, ready, whatever the kill before left behind."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
    port = str(_free_port())
    settings = {"PRISMREC_MODELS": str(models), "PRISMREC_STORE_URL": url, "PRISMREC_PORT": port}
    process = subprocess.Popen([sys.executable, "-m", "service"], env=kept | settings | {"PRISMREC_LOG_LEVEL": "error"})
    base, until = f"http://127.0.0.1:{port}", time.monotonic() + READY_SECONDS
    while True:
        try:
            ready = httpx.get(f"{base}/health/ready", timeout=1)
            if ready.status_code == 200 and ready.json()["degraded"] == []:
                return process, base
        except httpx.TransportError:
            pass
        if time.monotonic() > until:
            process.kill()
            process.wait()
            raise AssertionError(f"not ready in {READY_SECONDS} s")
        time.sleep(0.05)


def _wait_for_answers(clients: list[Client], following: list[int]) -> None:
    """Until every client has something to lose: three answers in this round."""
    until = time.monotonic() + READY_SECONDS
    while any(client.following < before + 3 for client, before in zip(clients, following, strict=True)):
        assert time.monotonic() < until, "no answers"
        time.sleep(0.01)


def _lose_one(url: str) -> None:
    """Remove the first write of the first client, past the service."""
    lost = "WHERE user_id = 'c0-0' AND at = 0"
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            assert file.execute(f"DELETE FROM {part_of('c0-0').history} {lost}").rowcount == 1
        file.close()
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute(f"DELETE FROM prismrec.history {lost}").rowcount == 1


def test_w1_killed_service_keeps_every_write_that_it_answered(url: str, tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    rng = random.Random(int(os.environ.get("SEED", "7")))
    following = [0] * CLIENTS
    process, base = _started(tmp_path / "models", url)
    try:
        for _ in range(KILLS):
            items = [item["item_id"] for item in httpx.get(f"{base}/items", params={"limit": 500}).json()["items"]]
            clients = [Client(base, number, following[number], items) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            _wait_for_answers(clients, following)
            time.sleep(rng.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait()
            for client in clients:
                client.join(10)
            process, base = _started(tmp_path / "models", url)
            with httpx.Client(base_url=base, timeout=5) as http:
                for number, client in enumerate(clients):
                    client.check(http, following[number])
                    following[number] = client.following
        _lose_one(url)
        with httpx.Client(base_url=base, timeout=5) as http, pytest.raises(AssertionError):
            clients[0].check(http, clients[0].following)  # positive control: a lost write is found out
    finally:
        process.kill()
        process.wait()
