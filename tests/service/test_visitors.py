"""A service without keys and the web pages that would drive it: names that lead here, pages of other origins."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.hosts import host_of
from service.settings import SettingsError, load_settings
from tests.builders import make_bundle
from tests.faults.served import Served, served
from tests.service.app_client import AppClient, assert_problem, give_history, open_client

KEY = "0123456789abcdef"
OURS = (
    "localhost",
    "localhost:8000",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1",
    "127.0.0.1:8000",
    "127.8.9.1",
    "[::1]",
    "[::1]:1",
)
OTHERS = (
    "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "0.0.0.0",
    "[::]", "192.168.1.7", "10.0.0.1:8000", "", "localhost:8000:1", "local host", "user@localhost", "127.1",
    "0x7f.0.0.1", "[::1",
)  # fmt: skip
PAGE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[AppClient]:
    with open_client(folder, **settings) as client:
        give_history(client, "42", "m0", "m1")
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    with opened(tmp_path_factory.mktemp("visited")) as found:
        yield found


def with_host(client: AppClient, host: str, path: str = "/users/42/export") -> httpx.Response:
    return client.get(path, headers={"Host": host})


@pytest.mark.parametrize("host", OURS)
def test_loopback_names_are_answered(client: AppClient, host: str) -> None:
    assert with_host(client, host).status_code == 200


@pytest.mark.parametrize("host", OTHERS)
def test_s9_other_names_read_write_and_erase_nothing(client: AppClient, host: str) -> None:
    for method, path, body in (
        ("GET", "/users/42/export", None),
        ("POST", "/users/42/interactions", {"interactions": [{"item_id": "m5"}]}),
        ("DELETE", "/users/42", None),
        ("GET", "/metrics", None),
        ("GET", "/", None),
        ("GET", "/openapi.json", None),
        ("POST", "/no-such-path", {}),
    ):
        found = client.request(method, path, json=body, headers={"Host": host, "Idempotency-Key": "x"})
        assert_problem(found, 421, "misdirected")
        assert "evil" not in found.text
    assert client.get("/users/42").json()["n_items"] == 2


def test_several_hosts_are_none(client: AppClient) -> None:
    twice = [("Host", "localhost"), ("Host", "evil.example")]
    assert_problem(client.get("/items", headers=twice), 421, "misdirected")


def test_health_is_answered_by_any_name(client: AppClient) -> None:
    for path in ("/health/live", "/health/ready"):
        assert with_host(client, "10.1.2.3:8000", path).status_code == 200


def test_refusals_are_counted_and_logged(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        with_host(client, "evil.example")
        client.request("DELETE", "/users/42", headers=PAGE)
        told = client.get("/metrics").text
        assert 'prismrec_problems_total{code="misdirected"} 1.0' in told
        assert 'prismrec_problems_total{code="cross-site"} 1.0' in told
        log = client.log.getvalue().decode()
        assert '"problem":"misdirected"' in log and '"problem":"cross-site"' in log
        assert "evil" not in log


@pytest.mark.parametrize(
    ("settings", "answered"),
    [
        ({}, False),
        ({"open": True}, True),  # something else guards the port, by a name that we cannot know
        ({"read_keys": KEY}, True),  # no browser sends the key by itself
        ({"hosts": "recommend.example, other.example"}, True),
        ({"open": True, "hosts": "other.example"}, False),
        ({"read_keys": KEY, "hosts": "other.example"}, False),
    ],
)
def test_who_names_hosts_decides(tmp_path: Path, settings: dict[str, Any], *, answered: bool) -> None:
    with open_client(tmp_path, **settings) as client:
        found = client.get("/items", headers={"Host": "recommend.example:443", "X-API-Key": KEY})
        assert found.status_code == (200 if answered else 421)
        assert client.get("/items", headers={"X-API-Key": KEY}).status_code == 200  # localhost always is


def test_addresses_are_answered_where_others_reach_the_service(tmp_path: Path) -> None:
    with open_client(tmp_path, open=True, hosts="service") as client:
        for host in ("service:8000", "10.0.3.4:8000", "[fd00::7]:8000"):  # as Prometheus finds it
            assert client.get("/metrics", headers={"Host": host}).status_code == 200
        assert_problem(client.get("/metrics", headers={"Host": "10.0.3.4.evil.example"}), 421, "misdirected")


@pytest.mark.parametrize(
    ("settings", "addresses"),
    [
        ({}, False),
        ({"read_keys": KEY}, False),
        ({"metrics_host": "127.0.0.2", "host": "0.0.0.0", "read_keys": KEY}, False),
        ({"metrics_host": "0.0.0.0"}, True),
        ({"host": "0.0.0.0", "read_keys": KEY}, True),
        ({"host": "0.0.0.0", "open": True}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("hosts", ["", "prismrec"])
def test_s9_port_of_the_metrics_checks_names_with_and_without_keys(
    tmp_path: Path, settings: dict[str, Any], *, addresses: bool, hosts: str
) -> None:
    with open_client(tmp_path, metrics_port=9100, hosts=hosts, **settings) as client:

        def asked(host: str) -> int:
            return client.get("http://localhost:9100/metrics", headers={"Host": host}).status_code

        for host in ("localhost:9100", "127.0.0.2:9100", "[::1]:9100"):
            assert asked(host) == 200
        for host in ("evil.example", "evil.example:9100", "10.1.2.3.evil.example"):
            assert asked(host) == 421
        for host in ("10.1.2.3:9100", "[fd00::7]:9100"):
            assert asked(host) == (200 if addresses else 421)
        assert asked("prismrec:9100") == (200 if hosts else 421)


def test_port_of_the_metrics_on_an_address_gives_the_other_port_none(tmp_path: Path) -> None:
    with open_client(tmp_path, metrics_port=9100, metrics_host="0.0.0.0") as client:
        assert_problem(client.get("/items", headers={"Host": "10.1.2.3:8000"}), 421, "misdirected")


def test_s9_pages_of_other_origins_change_nothing(client: AppClient) -> None:
    sites: tuple[dict[str, str], ...] = (
        PAGE,
        {"Origin": "https://evil.example"},  # a browser of before 2023
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},  # another port is another origin
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    )
    for headers in sites:
        for method, path in (("POST", "/bundles/reload"), ("DELETE", "/users/42"), ("PUT", "/users/42/preferences")):
            assert_problem(client.request(method, path, headers=headers), 403, "cross-site")
        assert client.get("/items", headers=headers).status_code == 200  # which that page cannot read
    assert client.get("/users/42").json()["n_items"] == 2


def test_own_pages_programs_and_named_origins_may(tmp_path: Path) -> None:
    with opened(tmp_path, origins="http://localhost:3000") as client:
        for headers in (
            {},
            {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
            {"Origin": "http://localhost"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
            {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"},  # TLS ends before us
        ):
            found = client.post("/recommend", {"history": ["m0"]}, headers=headers)
            assert found.status_code == 200, headers
        assert_problem(client.post("/recommend", {}, headers={"Origin": "http://localhost:3001"}), 403, "cross-site")


def test_s9_without_the_checks_a_page_would_do_it(tmp_path: Path) -> None:
    """The control: what these tests send does read and erase, where a key guards the service instead."""
    with open_client(tmp_path, admin_keys=KEY) as client:
        headers = {"X-API-Key": KEY, "Idempotency-Key": "1"}
        client.post("/users/42/interactions", {"interactions": [{"item_id": "m0"}]}, headers=headers)
        headers |= {"Host": "evil.example", **PAGE}
        assert client.get("/users/42/export", headers=headers).json()["history"]
        assert client.request("DELETE", "/users/42", headers=headers).status_code == 200


@pytest.mark.parametrize("form", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_what_a_form_can_send_is_no_body(client: AppClient, form: str) -> None:
    assert_problem(client.raw("/recommend", b'{"history": ["m0"]}', content_type=form), 415, "unsupported-media-type")


@pytest.mark.e2e
def test_served_process_answers_its_own_names_alone(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with served(tmp_path) as running:
        for head, expected in (
            ("GET /items HTTP/1.1\r\nHost: evil.example", b"421"),
            ("GET http://127.0.0.1/items HTTP/1.1\r\nHost: evil.example", b"421"),
            ("POST /bundles/reload HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example", b"403"),
            ("GET /items HTTP/1.1\r\nHost: localhost:1", b"200"),
            ("GET /items HTTP/1.0", b"200"),  # no browser
            ("GET /health/live HTTP/1.1\r\nHost: 10.0.0.1", b"200"),
        ):
            assert _status(running, head) == expected, head
        running.holds()


def _status(running: Served, head: str) -> bytes:
    with running.connect() as wire:
        wire.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())
        wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(1 << 16), b"")).split(b" ", 2)[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOSTS", "https://recommend.example"), ("HOSTS", "recommend.example:443"), ("HOSTS", "*"), ("HOSTS", "a b"),
        ("HOSTS", ",".join(f"h{number}" for number in range(33))),
    ],
)  # fmt: skip
def test_names_that_no_header_has_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"PRISMREC_{name}"):
        load_settings({f"PRISMREC_{name}": value})


def test_names_are_read_as_headers_have_them() -> None:
    assert load_settings({"PRISMREC_HOSTS": " A.Example, [::2] ,10.0.0.1"}).hosts == ("a.example", "::2", "10.0.0.1")
    given = ("A.example:1", "[::2]:1", "a.example.", "a/b", "")
    assert [host_of(host) for host in given] == ["a.example", "::2", "a.example", None, None]
