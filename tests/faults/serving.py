"""The real process under fault: started, asked, counted, and the three asserts that every case ends with.

with serving(tmp_path) as service:
    with service.holds("prismrec_bundle_reload_failures_total", reason="hash"):
        ...  # the fault
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.builders import make_bundle

LONG = 60.0
"""How long anything is waited for: for a machine that is busy; nothing here measures it."""

POLL = 0.05
HISTORY = ["m0", "m3", "m6"]
REFUSALS = "prismrec_bundle_reload_failures_total"
SWAPS = "prismrec_bundle_reloads_total"
PROBLEMS = "prismrec_problems_total"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Variables for a process that serves folder/models and keeps its store beside it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
    ours = {
        "PRISMREC_MODELS": str(folder / "models"),
        "PRISMREC_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}",
        "PRISMREC_POLL_SECONDS": str(POLL),
        "PRISMREC_PORT": str(free_port()),
    }
    return kept | ours | {f"PRISMREC_{name}": value for name, value in settings.items()}


def wait_until(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < until, f"not within {LONG:g} s: {what}"
        time.sleep(0.02)


class Service:
    """One process. `good` remembers the reply of each bundle to the same request: later ones must be the same."""

    def __init__(self, folder: Path, command: Sequence[str], settings: Mapping[str, str]) -> None:
        self.folder, self.models = folder, folder / "models"
        self.settings = environment(folder, **settings)
        self.log_path = folder / f"log-{time.monotonic_ns()}"
        self.headers: dict[str, str] = {}
        self.good: dict[str, Any] = {}
        self.port = int(self.settings["PRISMREC_PORT"])
        host = self.settings.get("PRISMREC_METRICS_HOST", "127.0.0.1")
        self.metrics = f"http://{host}:{self.settings.get('PRISMREC_METRICS_PORT', self.port)}/metrics"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", *command], env=self.settings, stderr=log)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=LONG)

    def end(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def status(self, path: str) -> int | None:
        """The status of a GET, None while nobody listens."""
        try:
            return self.http.get(path, headers=self.headers).status_code
        except httpx.TransportError:
            assert self.process.poll() is None, f"the process ended: {self.log_path.read_text()[-2000:]}"
            return None

    def wait_ready(self) -> None:
        wait_until(lambda: self.status("/health/ready") == 200, "ready")

    def wait_live(self) -> None:
        wait_until(lambda: self.status("/health/live") == 200, "live")

    def log(self, event: str | None = None) -> list[dict[str, Any]]:
        """The log's lines (of an event); each is a JSON object, whatever happened."""
        whole = self.log_path.read_text().rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if event is None or line["event"] == event]

    def logged(self, reply: httpx.Response) -> Any:
        """The one line that the log has of a request; None while there is none yet."""
        found = [line for line in self.log("request") if line["request_id"] == reply.headers["x-request-id"]]
        assert len(found) <= 1
        return found[0] if found else None

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.http.post(path, json=body, headers={**self.headers, **headers})

    def write(self, user: str, *items: str, key: str) -> httpx.Response:
        """POST interactions with an idempotency key."""
        body = {"interactions": [{"item_id": item, "timestamp": at} for at, item in enumerate(items)]}
        return self.post(f"/users/{user}/interactions", body, **{"Idempotency-Key": key})

    def counted(self, counter: str, **labels: str) -> float:
        """The sum of a counter's series that have these labels."""
        text = self.http.get(self.metrics, headers=self.headers).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == counter and labels.items() <= sample.labels.items()
        )

    def serving(self) -> dict[str, Any]:
        """What /bundles says is served."""
        found: dict[str, Any] = self.http.get("/bundles", headers=self.headers).json()["serving"]
        return found

    def ask(self) -> dict[str, Any]:
        """A good request: its reply is good, and that which this bundle gave before."""
        reply = self.post("/recommend", {"history": HISTORY, "n": 7})
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        assert len(found["items"]) == 7 and found["source"] == "model"
        assert self.good.setdefault(found["bundle_id"], found) == found
        return found

    def check_alive(self) -> None:
        assert self.process.poll() is None
        assert self.status("/health/live") == 200

    @contextmanager
    def holds(self, counter: str, *, by: float | None = None, **labels: str) -> Iterator[None]:
        """A fault happens inside. Then: live; a good request gets a good reply; the counter moved (by so much)."""
        before = self.counted(counter, **labels)
        yield
        self.check_alive()
        assert self.ask()["items"]
        wait_until(lambda: self.counted(counter, **labels) > before, f"{counter}{labels} moves")
        moved = self.counted(counter, **labels) - before
        assert moved > 0 if by is None else moved == by, f"{counter}{labels} moved by {moved}"

    def put(self, whole: Path, spoil: Callable[[Path], object] | None = None) -> Path:
        """A copy of a whole version, spoilt, appears in the model's folder in one rename; the pointer names it."""
        staging, target = self.models / "demo" / ".staging-test", self.models / "demo" / whole.name
        shutil.copytree(whole, staging)
        if spoil is not None:
            spoil(staging)
        staging.rename(target)
        self.point(whole.name)
        return target

    def point(self, version: str) -> None:
        pointer = self.models / "demo" / "current"
        fresh = pointer.with_name("current.new")
        fresh.write_text(version)
        fresh.replace(pointer)

    def withdraw(self, version: str, *, back_to: str = "1") -> None:
        """The pointer goes back, whether or not that one was left, and the version goes away."""
        told = len(self.log("bundle"))
        self.point(back_to)
        wait_until(lambda: back_to in self._taken_since(told), "the pointer is followed")
        shutil.rmtree(self.models / "demo" / version)

    def _taken_since(self, told: int) -> set[str]:
        """The versions that were taken up, or kept, after so many lines of the log."""
        return {line["version"] for line in self.log("bundle")[told:] if line["outcome"] == "ok"}

    def reload_anew(self, version: str = "1") -> None:
        """Have what is served loaded again, which it is not while its files are what they were."""
        (self.models / "demo" / version / "manifest.json").touch()
        self.post("/bundles/reload", {})


@contextmanager
def serving(
    folder: Path, *, ready: bool = True, command: Sequence[str] = ("service",), key: str | None = None, **settings: str
) -> Iterator[Service]:
    """A process over folder/models, ready (or only live); ended afterwards. key: sent with every request."""
    service = Service(folder, command, settings)
    if key is not None:
        service.headers["X-API-Key"] = key
    try:
        service.wait_ready() if ready else service.wait_live()
        if ready:
            service.ask()
        yield service
    finally:
        service.end()


def two_versions(folder: Path) -> tuple[Path, Path]:
    """Version 1 in folder/models, and another model's version 2 that lies elsewhere until it is put there."""
    first = make_bundle(folder / "models", seed=1)
    return first, make_bundle(folder / "whole", version="2", seed=2)
