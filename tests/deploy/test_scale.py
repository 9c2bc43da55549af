"""The compose profile `scale`, for real: two replicas over one PostgreSQL behind the proxy; needs a Docker Engine.

`make docker` runs it. Where no image can be pulled, stand-ins from Debian's packages take the official images' place
(tests/deploy/stand-ins); SCALE_IMAGES=official uses the ones that docker-compose.yml names.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.test_compose import Stack, missing_engine, run

STAND_INS = Path(__file__).parent / "stand-ins"
PROFILES = ("", "obs", "scale")
CLIENTS = 4


def for_real(test):
    """Marks of a test that starts containers."""
    return pytest.mark.e2e(pytest.mark.slow(pytest.mark.timeout(1500)(test)))


class ScaleStack(Stack):
    """The profile `scale` under a name, volumes and ports of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.env |= {"SCALE_PORT": str(self.port), "COMPOSE_PROFILES": "scale"}
        if os.environ.get("SCALE_IMAGES") != "official":
            for name in ("postgres", "haproxy"):
                image = f"prismrec-{name}-stand-in"
                run("docker", "build", "--quiet", "--target", f"{name}-stand-in", "--tag", image, str(STAND_INS))
            self.env |= {
                "POSTGRES_IMAGE": "prismrec-postgres-stand-in",
                "PROXY_IMAGE": "prismrec-haproxy-stand-in",
            }

    def replicas(self) -> list[str]:
        """The containers' names."""
        return self.compose("ps", "--format", "{{.Name}}", "replica").stdout.split()


def docker(*words: str) -> str:
    return run("docker", *words).stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_file_is_valid_with_the_profile(profile: str) -> None:
    if shutil.which("docker") is None:
        pytest.skip("NOT TESTED: docker compose config, there is no docker command")
    words = ["--profile", profile] if profile else []
    found = run("docker", "compose", *words, "config", "--services", check=False)
    if "is not a docker command" in found.stderr:
        pytest.skip("NOT TESTED: docker compose config, docker has no Compose v2 plugin")
    assert found.returncode == 0, found.stderr
    expected = {
        "": set(),
        "obs": {"prometheus", "grafana"},
        "scale": {"postgres", "histories", "replica", "proxy"},
    }
    assert set(found.stdout.split()) == {"trainer", "service"} | expected[profile]


@pytest.fixture(scope="module")
def stack() -> Iterator[ScaleStack]:
    reason = missing_engine()
    if reason:
        pytest.skip(f"NOT TESTED: the compose profile scale, because {reason}")
    started = ScaleStack()
    try:
        started.compose("up", "--build", "--wait", "--wait-timeout", "1200", "proxy")
        yield started
    finally:
        started.compose("down", "--volumes", "--timeout", "20", check=False)


@pytest.fixture
def http(stack: ScaleStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", timeout=10) as client:
        yield client


@for_real
def test_two_replicas_share_one_store(stack: ScaleStack, http: httpx.Client) -> None:
    assert len(stack.replicas()) == 2
    user = http.get("/users", params={"limit": 1}).json()["items"][0]["user_id"]  # the demo's histories were loaded
    items = [item["item_id"] for item in http.get("/items", params={"limit": 3}).json()["items"]]
    body = {"interactions": [{"item_id": item} for item in items]}
    sent = [
        http.post("/users/of-two-replicas/interactions", json=body, headers={"Idempotency-Key": "once"})
        for _ in range(6)
    ]
    assert {reply.status_code for reply in sent} == {200}
    assert {reply.text for reply in sent} == {sent[0].text}  # the second replica knows the first one's key
    told = [
        docker("exec", name, "python", "-c", _ASK.format(user="of-two-replicas")).strip() for name in stack.replicas()
    ]
    assert told == ["3", "3"]
    assert http.get(f"/recommend/{user}").json()["history_used"] > 0
    assert http.delete("/users/of-two-replicas").status_code in {200, 204}


_ASK = (
    "import json, urllib.request as u;"
    "print(json.load(u.urlopen('http://127.0.0.1:8000/recommend/{user}'))['history_used'])"
)


@for_real
def test_metrics_stay_inside_and_the_proxy_has_its_own(stack: ScaleStack, http: httpx.Client) -> None:
    assert http.get("/metrics").status_code == 404
    assert http.get("/health/ready").headers["x-request-id"].count("-") == 4  # made by the proxy, taken by the replica
    name = stack.replicas()[0]
    asked = "import urllib.request as u; print(u.urlopen('http://proxy:8405/metrics').read().decode())"
    assert 'haproxy_server_http_responses_total{proxy="replicas"' in docker("exec", name, "python", "-c", asked)


class Load:
    """Clients that ask without a pause; counts what came back."""

    def __init__(self, port: int) -> None:
        self.port, self.seen, self.stopping = port, Counter(), threading.Event()
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._pool.submit(self._ask, number) for number in range(CLIENTS)]

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10) as client:
            turn = 0
            while not self.stopping.is_set():
                turn += 1
                try:
                    if turn % 5:
                        reply = client.post("/recommend", json={"history": [], "n": 5})
                    else:
                        headers = {"Idempotency-Key": f"{number}-{turn}"}
                        body = {"interactions": [{"item_id": "1"}]}
                        reply = client.post(f"/users/load-{number}/interactions", json=body, headers=headers)
                    self.seen[str(reply.status_code)] += 1
                except httpx.HTTPError as error:
                    self.seen[type(error).__name__] += 1
                time.sleep(0.01)

    def end(self) -> Counter[str]:
        self.stopping.set()
        for client in self._clients:
            client.result()
        self._pool.shutdown()
        return self.seen


@for_real
def test_replicas_restarted_one_by_one_under_load_lose_no_request(stack: ScaleStack) -> None:
    load = Load(stack.port)
    try:
        for name in stack.replicas():
            docker("restart", "--time", "20", name)
            until = time.monotonic() + 60
            while docker("inspect", "--format", "{{.State.Health.Status}}", name).strip() != "healthy":
                assert time.monotonic() < until, f"{name} did not come back"
                time.sleep(0.5)
            time.sleep(3)  # the proxy looks every second
    finally:
        seen = load.end()
    assert set(seen) == {"200"}, seen
    assert seen["200"] > 200


@for_real
def test_killed_replica_costs_at_most_what_it_was_answering(stack: ScaleStack) -> None:
    """Nobody can save a reply that a killed process had begun; what it had not answered goes to the other replica."""
    name = stack.replicas()[0]
    load = Load(stack.port)
    try:
        time.sleep(1)
        docker("kill", name)
        time.sleep(4)
        docker("start", name)
    finally:
        seen = load.end()
    failed = sum(seen.values()) - seen["200"]
    assert failed <= CLIENTS, seen
    assert seen["200"] > 100


@for_real
def test_replica_that_is_stopped_costs_no_request(stack: ScaleStack) -> None:
    name = stack.replicas()[0]
    load = Load(stack.port)
    try:
        time.sleep(1)
        docker("stop", "--time", "20", name)
        time.sleep(2)
        docker("start", name)
    finally:
        seen = load.end()
    assert set(seen) == {"200"}, seen
    assert seen["200"] > 100


@for_real
def test_database_that_stops_leaves_lists_and_comes_back(stack: ScaleStack, http: httpx.Client) -> None:
    stack.compose("stop", "postgres")
    try:
        assert http.post("/recommend", json={"history": []}).status_code == 200
        assert http.get("/health/ready").json()["degraded"] == ["store"]
        refused = http.post(
            "/users/1/interactions", json={"interactions": [{"item_id": "1"}]}, headers={"Idempotency-Key": "x"}
        )
        assert refused.status_code in {503, 504}
    finally:
        stack.compose("start", "postgres")
    until = time.monotonic() + 60
    while http.get("/health/ready").json()["degraded"]:
        assert time.monotonic() < until, "the store did not come back"
        time.sleep(0.5)
    assert http.get("/users/nobody-at-all").status_code == 404


@for_real
def test_containers_are_locked_down(stack: ScaleStack) -> None:
    for name in (*stack.replicas(), f"{stack.project}-proxy-1", f"{stack.project}-postgres-1"):
        told = docker("inspect", "--format", "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}", name).strip()
        assert told == "true [ALL]", name
        assert docker("exec", name, "id", "-u").strip() != "0", name
