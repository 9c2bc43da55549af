"""S6: metrics on a port of their own: there, without a key, and nowhere else; with the process they come and go."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders import make_bundle
from tests.faults.serving import LONG, PROBLEMS, Service, free_port, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

KEY = "ra-0123456789abcdef"
ELSEWHERE = "127.0.0.2"
"""Linux has all of 127/8 on loopback, so this is another address of this machine."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("metrics")
    make_bundle(folder / "models")
    apart = {"METRICS_HOST": ELSEWHERE, "METRICS_PORT": str(free_port())}
    with serving(folder, key=KEY, READ_KEYS=KEY, **apart) as service:
        yield service


def test_s6_metrics_on_their_own_port_are_there_without_a_key_and_nowhere_else(service: Service) -> None:
    with service.holds(PROBLEMS, code="not-found"):
        found = httpx.get(service.metrics)
        assert found.status_code == 200 and "prismrec_requests_total" in found.text
        assert httpx.head(service.metrics).status_code == 200
        forged = {"Host": service.metrics.split("/")[2], "X-API-Key": KEY}
        for headers in (service.headers, forged):
            reply = service.http.get("/metrics", headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/health/live"),
        ("GET", "/docs"),
        ("GET", "/metrics/"),
        ("GET", "//metrics"),
        ("GET", "/items"),
        ("POST", "/recommend"),
        ("DELETE", "/users/1"),
    ],
)
def test_s6_port_of_the_metrics_has_nothing_else(service: Service, method: str, path: str) -> None:
    base = service.metrics.removesuffix("/metrics")
    reply = httpx.request(method, base + path, headers=service.headers)
    assert (reply.status_code, reply.json()["code"]) == (404, "not-found")


def test_s6_port_of_the_metrics_is_at_its_address_alone(service: Service) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.metrics.replace(ELSEWHERE, "127.0.0.1"))


def test_s6_port_of_the_metrics_comes_and_goes_with_the_process(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with serving(tmp_path, ready=False, METRICS_PORT=str(free_port())) as service:
        assert service.counted("prismrec_ready") == 0  # before there is a bundle
        told = {line["port"]: line.get("only") for line in service.log("listening")}
        assert told == {service.port: None, httpx.URL(service.metrics).port: "/metrics"}
        make_bundle(tmp_path / "models")
        service.wait_ready()
        assert service.counted("prismrec_ready") == 1
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(LONG) in {0, -signal.SIGTERM}
        with pytest.raises(httpx.ConnectError):
            httpx.get(service.metrics)
