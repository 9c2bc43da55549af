"""P1, P2 and P3: told to stop at any time, killed at any time, started with what cannot be used."""

from __future__ import annotations

import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.builders import make_bundle
from tests.faults.serving import LONG, SWAPS, Service, environment, serving, two_versions, wait_until
from tests.faults.slow_loading import BEGINS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

STOPPED = {0, -signal.SIGTERM}
CLIENTS = 8
STARTS = max(3, int(os.environ.get("KILLS", "10")) // 3)
MORE_SECONDS, REFUSED_SECONDS = 2.0, 2.0


class Asking(threading.Thread):
    """Asks without a pause until nobody listens. A reply that broke off, or is none of the good, is a failure."""

    def __init__(self, base: str) -> None:
        super().__init__(daemon=True)
        self._base, self.answered = base, 0
        self.failed: list[str] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._base, timeout=LONG) as http:
            while True:
                try:
                    reply = http.post("/recommend", json={"history": ["m0", "m3"], "explain": True, "n": 20})
                except httpx.ConnectError:
                    return
                except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                    if "without sending" not in str(error) and "reset" not in str(error) and str(error):
                        self.failed.append(f"{type(error).__name__}: {error}")
                    return  # a connection that was kept open is closed before the next request got an answer
                self.answered += 1
                if reply.status_code != 200 or len(reply.json()["items"]) != 20:
                    self.failed.append(f"{reply.status_code}: {reply.text[:200]}")


@contextmanager
def under_load(service: Service) -> Iterator[list[Asking]]:
    asking = [Asking(f"http://127.0.0.1:{service.port}") for _ in range(CLIENTS)]
    for client in asking:
        client.start()
    wait_until(lambda: all(client.answered > 2 for client in asking), "load")
    yield asking
    for client in asking:
        client.join(LONG)
        assert not client.is_alive()


def _sound(folder: Path) -> None:
    """What the process left: a store that is whole, and no half bundle or pointer of its making."""
    with closing(sqlite3.connect(folder / "store.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not [path for path in (folder / "models").rglob("*") if path.name.endswith((".tmp", ".new"))]


def _good_afterwards(folder: Path) -> None:
    with serving(folder) as again, again.holds("prismrec_lists_total"):
        _sound(folder)


@pytest.mark.parametrize("times", [1, 2])
def test_p1_sigterm_under_load_answers_what_was_begun(tmp_path: Path, times: int) -> None:
    make_bundle(tmp_path / "models")
    with serving(tmp_path) as service:
        with under_load(service) as asking:
            for _ in range(times):
                service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(LONG) in STOPPED
        if times == 1:  # told twice it closes at once, and says so in no half reply
            assert not [failure for client in asking for failure in client.failed]
        assert not [line for line in service.log() if line["level"] == "error"]
        (stopping,) = service.log("stopping")
        assert 0 <= stopping["requests"] <= CLIENTS and stopping["grace"] > 0
        assert service.log()[-1]["event"] == "stopped", "the last line says why the process ended"
    _good_afterwards(tmp_path)


def test_p1_sigterm_at_any_moment_of_the_start_ends_the_process(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    for _ in range(STARTS):
        service = Service(tmp_path, ["service"], {})
        try:
            time.sleep(rng.uniform(0.0, 0.9))
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(LONG) in STOPPED
            assert "Traceback" not in service.log_path.read_text()
        finally:
            service.end()
    _good_afterwards(tmp_path)


def test_p1_sigterm_during_a_load_does_not_wait_for_it_and_keeps_the_bundle(tmp_path: Path) -> None:
    _, whole = two_versions(tmp_path)
    with serving(tmp_path, command=("tests.faults.slow_loading", "1.5"), POLL_SECONDS="0.1") as service:
        loads = len(service.log(BEGINS))
        service.put(whole)
        wait_until(lambda: len(service.log(BEGINS)) > loads, "a load is under way")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(LONG) in STOPPED
        assert "Traceback" not in service.log_path.read_text()
    with serving(tmp_path) as again, again.holds("prismrec_lists_total"):
        assert again.serving()["version"] == "2"


def _seconds_to_ready(folder: Path) -> float:
    started = time.monotonic()
    with serving(folder) as service:
        took = time.monotonic() - started
        service.check_alive()
        service.kill()
    return took


def test_p2_sigkill_is_followed_by_a_start_that_takes_no_longer(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    first = _seconds_to_ready(tmp_path)
    assert min(_seconds_to_ready(tmp_path) for _ in range(3)) <= first + MORE_SECONDS
    with serving(tmp_path) as service, service.holds(SWAPS, by=1):
        service.reload_anew()


def _refusal(folder: Path, **settings: str) -> tuple[int, str, float]:
    """Exit code, what was said, and seconds of a processor: those of the clock are the other processes', too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "service"],
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, done.stderr, seconds


@pytest.mark.parametrize("kind", ["port", "metrics-port", "number", "unknown", "secret"])
def test_p3_start_that_cannot_be_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    make_bundle(tmp_path / "models")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        tried = {
            "port": ({"PORT": port}, port),
            "metrics-port": ({"METRICS_PORT": port}, "PRISMREC_METRICS_PORT"),
            "number": ({"POLL_SECONDS": "often"}, "PRISMREC_POLL_SECONDS"),
            "unknown": ({"PROT": "1"}, "PRISMREC_PROT"),
            "secret": ({"READ_KEYS_FILE": str(tmp_path)}, "PRISMREC_READ_KEYS"),  # a folder: root, too, cannot read it
        }
        settings, named = tried[kind]
        code, said, seconds = _refusal(tmp_path, **settings)
    assert code == 2 and "Traceback" not in said
    assert [line.split(":")[0] for line in said.splitlines()] == ["error", "hint"]
    assert named in said
    assert seconds < REFUSED_SECONDS
