"""S2, S3, S4 and S6 on the real process: who may do what, keys in turn, and what is shown to strangers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import make_bundle
from tests.faults.serving import LONG, PROBLEMS, Service, environment, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

READ, READ_NEXT, WRITE, ADMIN, STRANGE = (f"{name}-{'0123456789abcdef'}" for name in ("ra", "rb", "wa", "aa", "xx"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("keys")
    make_bundle(folder / "models")
    keys = {"READ_KEYS": f"{READ},{READ_NEXT}", "WRITE_KEYS": WRITE, "ADMIN_KEYS": ADMIN}
    with serving(folder, key=READ, DOCS="false", METRICS="true", **keys) as service:
        yield service


def _status(service: Service, key: str | None, method: str, path: str) -> int:
    headers = {} if key is None else {"X-API-Key": key}
    body = {"interactions": [{"item_id": "m0"}]} if path.endswith("interactions") else {}
    extra = {"Idempotency-Key": "k"} if method == "POST" else {}
    json = body if method in {"POST", "PUT"} else None
    return service.http.request(method, path, json=json, headers=headers | extra).status_code


WRITES = (("POST", "/users/1/interactions"), ("DELETE", "/users/1"), ("DELETE", "/users/1/preferences"))
ADMINISTERS = (("POST", "/bundles/reload"), ("GET", "/users"))


def test_s2_read_key_neither_writes_nor_administers(service: Service) -> None:
    with service.holds(PROBLEMS, code="forbidden", by=2 * len(WRITES) + 3 * len(ADMINISTERS)):
        for key in (READ, READ_NEXT):
            assert {_status(service, key, *operation) for operation in (*WRITES, *ADMINISTERS)} == {403}
        assert {_status(service, WRITE, *operation) for operation in ADMINISTERS} == {403}
    assert {_status(service, ADMIN, *operation) for operation in ADMINISTERS} == {200}


def test_s3_old_and_new_key_both_work_and_the_log_has_their_ids_alone(service: Service) -> None:
    with service.holds(PROBLEMS, code="unauthorized"):
        for key, status in ((READ, 200), (READ_NEXT, 200), (STRANGE, 401), (None, 401)):
            assert _status(service, key, "GET", "/factors") == status
    ids = {line["key"] for line in service.log("request") if line.get("route") == "/factors" and "key" in line}
    assert len(ids) == 2
    told = service.log_path.read_text()
    assert not [key for key in (READ, READ_NEXT, WRITE, ADMIN, STRANGE) if key in told]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HOST": "0.0.0.0"}, "PRISMREC_READ_KEYS"),
        ({"READ_KEYS": "change-me-please"}, "sample key"),
        ({"READ_KEYS": "short"}, "16 visible"),
    ],
)
def test_s4_exposed_or_sample_key_refuses_to_start(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    make_bundle(tmp_path / "models")
    done = subprocess.run(
        [sys.executable, "-m", "service"],
        env=environment(tmp_path, **settings),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr and "change-me" not in done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]


def test_s6_pages_are_off_and_metrics_ask_for_a_key(service: Service) -> None:
    with service.holds("prismrec_requests_total", status="404"):
        for path in ("/docs", "/openapi.json"):
            assert _status(service, ADMIN, "GET", path) == 404
        assert _status(service, None, "GET", "/metrics") == 401


def test_s6_metrics_are_off_where_the_setting_says_so(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with serving(tmp_path, METRICS="false") as service:
        assert service.http.get("/metrics").status_code == 404
        assert service.http.get("/docs").status_code == 200  # the control: the other setting is on
        service.ask()
        service.check_alive()
