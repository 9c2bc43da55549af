"""The real process over HTTP, with the processor time that a request took of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 60.0
SETTLE_SECONDS = 0.001
"""After a reply the server still writes its log line; that belongs to the request."""


class BenchmarkError(Exception):
    """The figures cannot be made; the message says why."""


class Server:
    """One served bundle. Times are of all threads of the process, user and system, so waiting costs nothing."""

    def __init__(self, process: subprocess.Popen[bytes], client: httpx.Client) -> None:
        self._process, self._client = process, client
        # What clock_getcpuclockid(3) returns on Linux: the clock that counts the whole process.
        self._clock = (~process.pid << 3) | 2

    def post(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """The reply, and the seconds of processor time that the server took. BenchmarkError unless it is a 200."""
        before = time.clock_gettime(self._clock)
        reply = self._client.post(path, json=body)
        time.sleep(SETTLE_SECONDS)
        taken = time.clock_gettime(self._clock) - before
        if reply.status_code != 200:
            raise BenchmarkError(f"{path} answered {reply.status_code}: {reply.text[:300]}")
        return reply.json(), taken


@contextmanager
def serving(bundle: Path) -> Iterator[Server]:
    """`python -m service` on a copy of the bundle, one worker, no watcher, a store and a port of its own."""
    if sys.platform != "linux":
        raise BenchmarkError("the processor time of another process is read by a clock that only Linux has")
    with tempfile.TemporaryDirectory(prefix="explain-cost-") as made:
        shutil.copytree(bundle, Path(made) / "models" / bundle.parent.name / bundle.name)
        port = _free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
        ours = {
            "PRISMREC_MODELS": str(Path(made) / "models"),
            "PRISMREC_STORE_URL": f"sqlite:///{Path(made) / 'store.sqlite'}",
            "PRISMREC_POLL_SECONDS": "0",
            "PRISMREC_PORT": str(port),
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        process = subprocess.Popen([sys.executable, "-m", "service"], env=kept | ours, stderr=subprocess.DEVNULL)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        try:
            _wait(client, process)
            yield Server(process, client)
        finally:
            client.close()
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise BenchmarkError("the service did not start; `prismrec serve` on the same folder says why")
