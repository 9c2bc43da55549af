"""Scripts of pages elsewhere: named ones may ask and read every reply, problems too; all others get nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.limits import LIMITS
from service.setting_types import MAX_ORIGINS
from service.settings import SettingsError, load_settings
from tests.service.app_client import AppClient, assert_problem, open_client

SHOP, OTHER = "https://shop.example", "https://other.example"
KEY = "read-key-0123456789"
ALLOW = "access-control-allow-origin"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    folder = tmp_path_factory.mktemp("origins")
    with open_client(folder, origins=(SHOP, "http://localhost:3000"), read_keys=KEY) as client:
        yield client


def preflight(client: AppClient, *, origin: str = SHOP, method: str = "POST", headers: str = "content-type,x-api-key"):
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return client.request("OPTIONS", "/recommend", headers=asked)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_preflight_of_a_named_origin_is_granted_without_a_key(named: AppClient, method: str) -> None:
    sent = "content-type, idempotency-key, traceparent, x-api-key, x-request-id"
    reply = preflight(named, method=method, headers=sent)
    assert reply.status_code == 200
    assert reply.headers[ALLOW] == SHOP
    assert method in reply.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in reply.headers
    assert "Origin" in reply.headers["vary"]


def test_granted_preflight_is_stamped_counted_and_logged_as_any_request(named: AppClient) -> None:
    reply = preflight(named)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["vary"] == "Origin"
    line = json.loads(named.log.getvalue().splitlines()[-1])
    assert (line["request_id"], line["method"], line["route"], line["status"]) == (
        reply.headers["x-request-id"],
        "OPTIONS",
        "preflight",
        200,
    )
    told = named.get("/metrics", headers={"X-API-Key": KEY}).text
    assert 'prismrec_requests_total{method="OPTIONS",route="preflight",status="200"}' in told


def test_preflight_under_another_name_of_the_host_is_refused_readably(tmp_path: Path) -> None:
    with open_client(tmp_path, origins=(SHOP,)) as client:
        assert preflight(client).status_code == 200
        asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Host": "evil.example"}
        reply = client.request("OPTIONS", "/recommend", headers=asked)
        assert_problem(reply, 421, "misdirected")
        assert reply.headers[ALLOW] == SHOP
        assert "access-control-allow-methods" not in reply.headers


def test_preflight_that_is_asked_for_metrics_on_the_port_of_the_service_is_not_found(tmp_path: Path) -> None:
    with open_client(tmp_path, origins=(SHOP,), metrics_port=9100) as client:
        asked = {"Origin": SHOP, "Access-Control-Request-Method": "GET"}
        assert_problem(client.request("OPTIONS", "/metrics", headers=asked), 404, "not-found")


@pytest.mark.parametrize(
    "asked",
    [{"origin": OTHER}, {"origin": "null"}, {"origin": f"{SHOP}.evil"}, {"method": "PATCH"}, {"headers": "cookie"}],
    ids=str,
)
def test_preflight_of_anything_else_is_refused_as_a_problem(named: AppClient, asked: dict[str, str]) -> None:
    reply = preflight(named, **asked)
    assert_problem(reply, 405, "method-not-allowed")
    assert "access-control-allow-methods" not in reply.headers
    assert reply.headers.get(ALLOW) in {None, SHOP}
    assert "origin" not in asked or ALLOW not in reply.headers


def test_reply_and_every_kind_of_problem_can_be_read_by_a_named_origin_alone(named: AppClient) -> None:
    keyed = {"X-API-Key": KEY}
    asked = [
        (200, {"json": {"history": ["m0"]}, "headers": keyed}),
        (401, {"json": {"history": ["m0"]}}),
        (422, {"json": {"history": 1}, "headers": keyed}),
        (413, {"content": b" " * (LIMITS.body_bytes + 1), "headers": keyed}),
        (415, {"content": b"{}", "headers": keyed | {"Content-Encoding": "gzip"}}),
    ]
    for status, given in asked:
        for origin, seen in ((SHOP, SHOP), (OTHER, None)):
            headers = given.get("headers", {}) | {"Origin": origin}
            reply = named.request("POST", "/recommend", **(given | {"headers": headers}))
            assert (reply.status_code, reply.headers.get(ALLOW)) == (status, seen)
            assert "Origin" in reply.headers["vary"]
        assert "X-Request-ID" in reply.headers["access-control-expose-headers"]
    missing = named.get("/nothing", headers={"Origin": SHOP})
    assert_problem(missing, 404, "not-found")
    assert missing.headers[ALLOW] == SHOP


def test_nobody_is_named_unless_the_setting_does(client: AppClient) -> None:
    assert_problem(preflight(client), 405, "method-not-allowed")
    reply = client.get("/items", headers={"Origin": SHOP})
    assert reply.status_code == 200
    assert not [name for name in reply.headers if name.startswith("access-control") or name == "vary"]


def test_origins_are_read_from_the_setting_as_browsers_send_them() -> None:
    given = " https://shop.example , http://localhost:3000,http://[::1]:8080,"
    origins = load_settings({"PRISMREC_ORIGINS": given}).origins
    assert origins == ("https://shop.example", "http://localhost:3000", "http://[::1]:8080")
    most = ",".join(f"https://a{number}.example" for number in range(MAX_ORIGINS))
    assert len(load_settings({"PRISMREC_ORIGINS": most}).origins) == MAX_ORIGINS


@pytest.mark.parametrize(
    "given",
    [
        "*",
        "https://*.example",
        "shop.example",
        "https://shop.example/",
        "https://Shop.example",
        "https://shop.example:0",
        "https://user@shop.example",
        "ftp://shop.example",
        "null",
        "https://-.example?x=1",
        ",".join(f"https://a{number}.example" for number in range(MAX_ORIGINS + 1)),
    ],
)
def test_origin_that_no_browser_sends_is_refused_at_the_start(given: str) -> None:
    with pytest.raises(SettingsError, match="PRISMREC_ORIGINS: expected at most"):
        load_settings({"PRISMREC_ORIGINS": given})
