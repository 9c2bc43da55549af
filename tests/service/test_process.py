"""The real process: what it prints, when it refuses to start, how it stops. No mocks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import make_bundle

pytestmark = pytest.mark.e2e
START_SECONDS = 20.0


def _environment(folder: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
    ours = {
        "PRISMREC_MODELS": str(folder / "models"),
        "PRISMREC_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}",
        "PRISMREC_POLL_SECONDS": "0.1",
        "PRISMREC_PORT": str(_free_port()),
    }
    return kept | ours | {f"PRISMREC_{name}": value for name, value in settings.items()}


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def _serving(
    folder: Path, *, ready: bool = True, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    environment = _environment(folder, **settings)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "service"], env=environment, stderr=subprocess.PIPE, text=True
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{environment['PRISMREC_PORT']}", timeout=5)
    try:
        _wait_for(client, "/health/ready" if ready else "/health/live")
        yield process, client
    finally:
        client.close()
        if process.poll() is None:
            process.kill()
        process.communicate()


def _wait_for(client: httpx.Client, path: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            if client.get(path).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{path} was not 200 within {START_SECONDS} s")


def _refused_start(folder: Path, **settings: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "service"],
        env=_environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_process_answers_and_ends_on_sigterm(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with _serving(tmp_path) as (process, client):
        assert client.post("/recommend", json={"history": ["m0"]}).status_code == 200
        assert "server" not in client.get("/health/live").headers
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in {0, -signal.SIGTERM}
        assert process.stderr is not None
        lines = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert all({"time", "level", "event"} <= set(line) for line in lines)
    assert {"listening", "bundle", "request"} <= {line["event"] for line in lines}
    assert [line["event"] for line in lines][-2:] == ["stopping", "stopped"]


def test_process_keeps_what_it_acknowledged_over_a_kill(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    body = {"interactions": [{"item_id": "m0"}, {"item_id": "m3"}]}
    with _serving(tmp_path) as (process, client):
        reply = client.post("/users/1/interactions", json=body, headers={"Idempotency-Key": "a"})
        process.kill()
        process.wait()
    with _serving(tmp_path) as (_, client):
        again = client.post("/users/1/interactions", json=body, headers={"Idempotency-Key": "a"})
        assert again.json() == reply.json() == {"stored": 2, "duplicates": 0, "unknown_items": []}
        assert client.get("/recommend/1").json()["history_used"] == 2


def test_process_without_a_bundle_becomes_ready_by_itself(tmp_path: Path) -> None:
    with _serving(tmp_path, ready=False) as (_, client):
        assert client.get("/health/ready").status_code == 503
        make_bundle(tmp_path / "models")
        _wait_for(client, "/health/ready")
        assert client.post("/recommend", json={"history": ["m0"]}).status_code == 200


def test_process_that_does_not_poll_still_takes_the_bundle_at_start(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with _serving(tmp_path, POLL_SECONDS="0") as (_, client):
        assert client.get("/health/ready").status_code == 200


def test_process_with_a_damaged_store_recommends_on(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    (tmp_path / "store.sqlite").write_bytes(b"not a database" * 100)
    with _serving(tmp_path) as (_, client):
        assert client.get("/health/ready").json()["degraded"] == ["store"]
        assert client.post("/recommend", json={"history": ["m0"]}).status_code == 200
        problem = client.get("/users/1").json()
        assert problem["code"] == "storage-unavailable"
        assert "Retry-After" in problem["hint"]


def test_request_after_a_refused_body_is_answered(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with _serving(tmp_path) as (_, client):
        refusals: list[tuple[Any, int]] = [
            (b"x" * 70_000, 413),
            (iter([b"x" * 1000] * 100), 413),
            (b"{", 400),
            (b'{"history": ["m0"], "n": NaN}', 422),
        ]
        for content, status in refusals:
            reply = client.post("/recommend", content=content, headers={"content-type": "application/json"})
            assert reply.status_code == status
            assert reply.headers["content-type"] == "application/problem+json"
            assert client.post("/recommend", json={"history": ["m0"]}).status_code == 200


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HOST": "0.0.0.0"}, "PRISMREC_READ_KEYS"),
        ({"PROT": "1"}, "PRISMREC_PROT"),
        ({"PORT": "seven"}, "PRISMREC_PORT"),
        ({"READ_KEYS": "change-me-please"}, "PRISMREC_READ_KEYS"),
        ({"ADMIN_KEYS_FILE": "/nowhere/keys"}, "PRISMREC_ADMIN_KEYS_FILE: the file cannot be read"),
        ({"HOST": "203.0.113.7", "OPEN": "true"}, "cannot listen"),
        ({"STORE_URL": "sqlite:///nodir/x.sqlite"}, "mkdir -p nodir"),
    ],
)
def test_bad_setting_refuses_to_start_with_exit_2(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    code, text = _refused_start(tmp_path, **settings)
    assert code == 2
    assert said in text
    assert [line.split(":")[0] for line in text.splitlines()] == ["error", "hint"]


def test_several_models_and_none_named_refuse_to_start(tmp_path: Path) -> None:
    for number in range(12):
        make_bundle(tmp_path / "models", name=f"m{number:02}")
    code, text = _refused_start(tmp_path)
    assert code == 2
    assert "m09 and 2 more" in text
    assert "--model m00 or PRISMREC_MODEL=m00" in text
    with _serving(tmp_path, MODEL="m03") as (_, client):
        assert client.get("/health/ready").status_code == 200


def test_model_that_is_not_there_while_others_are_is_warned_of_and_waited_for(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models", name="demo")
    with _serving(tmp_path, ready=False, MODEL="dmo") as (process, client):
        assert client.get("/health/ready").status_code == 503
        make_bundle(tmp_path / "models", name="dmo")
        _wait_for(client, "/health/ready")
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        assert process.stderr is not None
        lines = [json.loads(line) for line in process.stderr.read().splitlines()]
    (warned,) = [line for line in lines if "near" in line]
    assert (warned["level"], warned["model"], warned["near"]) == ("warning", "dmo", "demo")


def test_taken_port_refuses_to_start_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, text = _refused_start(tmp_path, PORT=str(taken.getsockname()[1]))
    assert code != 0
    assert "cannot listen on 127.0.0.1" in text
