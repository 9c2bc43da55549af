"""Several replicas for real, without containers: processes over one PostgreSQL, behind the deployed proxy.

Every replica keeps its port when it is stopped and started again, as a container keeps its name.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.deploy.proxied import PROXY, free_port, haproxy

DEADLINE_SECONDS = 60.0
CLIENTS = 4
PAUSE = 0.01


def wait_for(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


@dataclass
class Replica:
    """One process of the service; `environment` is all that it is told."""

    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "service"]
        self.process = subprocess.Popen(command, env={**self.environment, "PRISMREC_PORT": str(self.port)})
        wait_for(self.is_ready, "the replica is not ready")

    def is_ready(self) -> bool:
        """Whether it is ready, with its store."""
        assert self.process is not None and self.process.poll() is None, "the replica has ended"
        try:
            reply = httpx.get(f"{self.base}/health/ready", timeout=2)
        except httpx.TransportError:
            return False
        return reply.status_code == 200 and reply.json()["degraded"] == []

    def end(self, how: signal.Signals) -> int:
        """Send the signal and wait; the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(DEADLINE_SECONDS)


@dataclass(frozen=True)
class Replicas:
    """Two of them, and the proxy in front."""

    both: tuple[Replica, Replica]
    front: int
    statistics: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.front}"

    def counted(self) -> list[str]:
        """The proxy's state of each replica, UP or DOWN..., in order."""
        rows = httpx.get(f"http://127.0.0.1:{self.statistics}/;csv", timeout=5).text.splitlines()
        names = rows[0].lstrip("# ").split(",")
        found = [dict(zip(names, row.split(","), strict=False)) for row in rows[1:]]
        return [row["status"] for row in found if row["svname"].startswith("replica")]

    def settled(self) -> None:
        """Wait until the proxy sends to both."""
        wait_for(lambda: self.counted() == ["UP", "UP"], "the proxy does not see both replicas")


@contextmanager
def running_replicas(folder: Path, store_url: str, **settings: str) -> Iterator[Replicas]:
    """Two replicas on folder/models over this store, and the proxy with the deployed file; settings: PRISMREC_*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
    ours = {"MODELS": str(folder / "models"), "STORE_URL": store_url, "LOG_LEVEL": "error", "OPEN": "true", **settings}
    environment = {**kept, "OMP_WAIT_POLICY": "PASSIVE", **{f"PRISMREC_{name}": value for name, value in ours.items()}}
    both = (Replica(environment), Replica(environment))
    try:
        for replica in both:
            replica.start()
        with in_front(folder / "proxy", both) as found:
            yield found
    finally:
        for process in (replica.process for replica in both):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


@contextmanager
def in_front(
    folder: Path, both: tuple[Replica, Replica], *, change: Callable[[str], str] = lambda text: text
) -> Iterator[Replicas]:
    """A proxy before these replicas, with the deployed file or what `change` makes of it."""
    found = Replicas(both, free_port(), free_port())
    shutil.copytree(PROXY / "errors", folder / "errors")
    (folder / "haproxy.cfg").write_text(change(deployed_for(found)))
    with (folder / "log").open("wb") as log:
        proxy = subprocess.Popen([haproxy(), "-db", "-f", str(folder / "haproxy.cfg")], stdout=log, stderr=log)
    try:
        wait_for(lambda: _answers(found.statistics), "the proxy does not listen")
        found.settled()
        yield found
    finally:
        proxy.kill()
        proxy.wait()


def deployed_for(replicas: Replicas) -> str:
    """The deployed file with these addresses in place of Docker's names, and with HAProxy's own page of states."""
    text = (PROXY / "haproxy.cfg").read_text()
    text = re.sub(r"^resolvers docker\n(?:    .*\n)+", "", text, flags=re.MULTILINE)
    text = text.replace(" init-addr none resolvers docker", "").replace(
        "bind :8080", f"bind 127.0.0.1:{replicas.front}"
    )
    servers = "\n".join(f"    server replica{n} 127.0.0.1:{r.port}" for n, r in enumerate(replicas.both, 1))
    text, times = re.subn(r"^    server-template .*$", servers, text, flags=re.MULTILINE)
    assert times == 1
    states = f"frontend states\n    bind 127.0.0.1:{replicas.statistics}\n    stats enable\n    stats uri /\n"
    return text[: text.index("frontend metrics")] + states


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Load:
    """Clients that ask and write without a pause; what came back, how late, and which writes were acknowledged."""

    base: str
    user: str
    clients: int = CLIENTS
    seen: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    acknowledged: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(self.clients)
        self._asking = [self._pool.submit(self._ask, number) for number in range(self.clients)]
        wait_for(lambda: sum(self.seen.values()) > 10 * self.clients, "nothing was answered")
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for client in self._asking:
            client.result()
        self._pool.shutdown()

    @property
    def failed(self) -> int:
        return self.seen.total() - self.seen["200"]

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self.base, timeout=30) as client:
            turn = 0
            while not self._stopping.is_set():
                turn += 1
                self._once(client, number, turn)
                time.sleep(PAUSE)

    def _once(self, client: httpx.Client, number: int, turn: int) -> None:
        written = f"t{turn}" if turn % 4 == 0 else None
        started = time.monotonic()
        try:
            if written is None:
                reply = client.post("/recommend", json={"history": ["m1"], "n": 5})
            else:
                headers = {"Idempotency-Key": f"{self.user}-{number}-{turn}"}
                body = {"interactions": [{"item_id": written, "timestamp": turn}]}
                reply = client.post(f"/users/{self.user}-{number}/interactions", json=body, headers=headers)
            self.seen[str(reply.status_code)] += 1
            if written is not None and reply.status_code == 200:
                self.acknowledged.append((f"{self.user}-{number}", written))
        except httpx.TransportError as error:
            self.seen[type(error).__name__] += 1
        self.slowest = max(self.slowest, time.monotonic() - started)
