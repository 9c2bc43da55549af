"""The compose profile `obs`, for real as far as images go: Prometheus finds the service by name and loads the rules.

`make docker` runs it. Grafana has no stand-in and is not started: tests/deploy/test_observability.py checks its files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.deploy.test_observability import RULES, value_of
from tests.deploy.test_scale import STAND_INS, for_real
from tests.e2e.test_compose import Stack, missing_engine, run

SCRAPED_SECONDS = 60.0


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


@for_real
def test_prometheus_finds_the_service_and_loads_the_rules(stack: ObservedStack) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port_of('prometheus', 9090)}", timeout=10) as asked:
        until = time.monotonic() + SCRAPED_SECONDS
        while not value_of(asked, 'prismrec_ready{job="prismrec"} == 1'):
            assert time.monotonic() < until, "the service was not scraped"
            time.sleep(1)
        assert [sample["value"][1] for sample in value_of(asked, 'up{job="prismrec"}')] == ["1"]
        groups = asked.get("/api/v1/rules").json()["data"]["groups"]
        assert sum(len(group["rules"]) for group in groups) == len(RULES)
    container = f"{stack.project}-prometheus-1"
    told = run("docker", "inspect", "--format", "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}", container)
    assert told.stdout.strip() == "true [ALL]"
