"""The compose profile `obs`, for real as far as images go: Prometheus finds the service by name and loads the rules.

`make docker` runs it. Grafana has no stand-in and is not started: tests/deploy/test_observability.py checks its files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.deploy.test_observability import QUERIES, RULES, filled, value_of
from tests.deploy.test_scale import STAND_INS, for_real
from tests.e2e.test_compose import Stack, missing_engine, run

SCRAPED_SECONDS = 60.0
TOLD_SECONDS = 300.0
"""A scrape, the look-up of names, a minute of patience and an evaluation: two minutes, on a machine that is idle."""
SILENT = 'absent(ALERTS{alertstate="firing"})'
"""Prometheus begins with the service, once the demo's bundle is there: what takes less than a minute is no alarm."""


class ObservedStack(Stack):
    """The demo and Prometheus, under a name, volumes and ports of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.env |= {"COMPOSE_PROFILES": "obs", "PROMETHEUS_PORT": "0"}
        if os.environ.get("SCALE_IMAGES") != "official":
            image = "prismrec-prometheus-stand-in"
            run("docker", "build", "--quiet", "--target", "prometheus-stand-in", "--tag", image, str(STAND_INS))
            self.env["PROMETHEUS_IMAGE"] = image

    def port_of(self, service: str, inside: int) -> int:
        return int(self.compose("port", service, str(inside)).stdout.strip().rpartition(":")[2])


@pytest.fixture(scope="module")
def stack() -> Iterator[ObservedStack]:
    reason = missing_engine()
    if reason:
        pytest.skip(f"NOT TESTED: the compose profile obs, because {reason}")
    started = ObservedStack()
    try:
        started.compose("up", "--build", "--wait", "--wait-timeout", "1200", "service", "prometheus")
        yield started
    finally:
        started.compose("down", "--volumes", "--timeout", "20", check=False)


@pytest.fixture(scope="module")
def asked(stack: ObservedStack) -> Iterator[httpx.Client]:
    """Prometheus' API, once the service has been scraped."""
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port_of('prometheus', 9090)}", timeout=10) as client:
        wait_for(client, 'prismrec_ready{job="prismrec"} == 1', SCRAPED_SECONDS)
        yield client


def wait_for(client: httpx.Client, expr: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not value_of(client, expr):
        assert time.monotonic() < until, f"not within {seconds:g} s: {expr}"
        time.sleep(1)


@for_real
def test_prometheus_finds_the_service_and_loads_the_rules(stack: ObservedStack, asked: httpx.Client) -> None:
    assert [sample["value"][1] for sample in value_of(asked, 'up{job="prismrec"}')] == ["1"]
    targets = asked.get("/api/v1/targets", params={"state": "active"}).json()["data"]["activeTargets"]
    assert [(target["scrapePool"], target["health"], target["lastError"]) for target in targets] == [
        ("prismrec", "up", "")
    ]
    groups = asked.get("/api/v1/rules").json()["data"]["groups"]
    assert sum(len(group["rules"]) for group in groups) == len(RULES)
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}  # not evaluated yet
    wait_for(asked, SILENT, SCRAPED_SECONDS)
    for _, expr in QUERIES:
        value_of(asked, filled(expr))  # fails where it is refused


@for_real
def test_prometheus_container_is_locked_down(stack: ObservedStack) -> None:
    container = f"{stack.project}-prometheus-1"
    told = run("docker", "inspect", "--format", "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}", container)
    assert told.stdout.strip() == "true [ALL]"


@for_real
def test_service_that_is_stopped_is_told_of(stack: ObservedStack, asked: httpx.Client) -> None:
    """The last of the file. The name goes with the container, so it is not the alert of an instance that is down."""
    wait_for(asked, SILENT, SCRAPED_SECONDS)
    stack.compose("stop", "service")
    try:
        wait_for(asked, 'ALERTS{alertname="PrismrecGone", alertstate="firing"}', TOLD_SECONDS)
        assert value_of(asked, 'up{job="prismrec"}') == []
    finally:
        stack.compose("start", "service")
    wait_for(asked, 'prismrec_ready{job="prismrec"} == 1', TOLD_SECONDS)
