"""A real process to try: its address, what it weighs, and the three closing looks (live, a good request, a counter)."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

READY_SECONDS = 60.0
"""How long a start is waited for: for a machine that is busy; nothing here measures it."""
ML_1M_ITEMS, LATENTS = 3416, 64
"""The catalogue of the flagship's bundle; its weights are random here, their number is of the same order."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a process holds at one moment. rss in MiB."""

    rss: float
    fds: int
    threads: int


@dataclass(frozen=True, slots=True)
class Served:
    """A running service on loopback."""

    port: int
    pid: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def weight(self) -> Weight:
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")

        def number(name: str) -> int:
            found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
            assert found is not None, name
            return int(found[1])

        return Weight(number("VmRSS") / 1024, sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir()), number("Threads"))

    def connect(self, *, timeout: float = 30.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def ask(self) -> httpx.Response:
        """A good request, on a connection of its own."""
        return httpx.post(f"{self.base}/recommend", json={"history": ["m1", "m2"]}, timeout=10)

    def counter(self, series: str) -> float:
        """The value of one series of /metrics; 0 where it is not there yet."""
        for line in httpx.get(f"{self.base}/metrics", timeout=10).text.splitlines():
            if line.startswith(f"{series} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def holds(self) -> None:
        """The process lives and answers a good request well."""
        assert httpx.get(f"{self.base}/health/live", timeout=10).status_code == 200
        reply = self.ask()
        assert reply.status_code == 200, reply.text
        assert len(reply.json()["items"]) == 10


@contextmanager
def served(folder: Path, *, module: str = "service", variant: str = "", **settings: str) -> Iterator[Served]:
    """`python -m <module> [variant]` on the models of folder/models, with a store in folder. settings: PRISMREC_*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    ours = {
        "PRISMREC_MODELS": str(folder / "models"),
        "PRISMREC_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}",
        "PRISMREC_LOG_LEVEL": "error",
        "PRISMREC_PORT": str(port),
        **{f"PRISMREC_{name.upper()}": value for name, value in settings.items()},
    }
    process = subprocess.Popen([sys.executable, "-m", module, *([variant] if variant else [])], env=_merged(kept, ours))
    running = Served(port, process.pid)
    until = time.monotonic() + READY_SECONDS
    try:
        while not _ready(running.base):
            assert process.poll() is None and time.monotonic() < until, "not ready"
            time.sleep(0.05)
        yield running
        assert process.poll() is None, "the process has ended"
    finally:
        process.kill()
        process.wait()


def _merged(kept: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    return {**kept, "OMP_WAIT_POLICY": "PASSIVE", **ours}


def _ready(base: str) -> bool:
    try:
        reply = httpx.get(f"{base}/health/ready", timeout=1)
    except httpx.TransportError:
        return False
    return reply.status_code == 200 and reply.json()["degraded"] == []
