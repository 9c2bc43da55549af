"""Pages of other origins, in a real browser: a named one asks and reads, another one does not, nor does it write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from service.limits import LIMITS
from tests.builders import make_bundle
from tests.faults.served import served
from tests.service.browser import BROWSER, Page, browsing

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        BROWSER is None, reason="NO BROWSER: chromium is not installed, no page of another origin asked"
    ),
]
KEY = "admin-key-0123456789"
EVIL = "evil.example"
ASK = """
(async () => {
  try {
    const reply = await fetch(%s, {method: %s, headers: %s, body: %s});
    const text = await reply.text();
    return [reply.status, reply.headers.get("x-request-id"), reply.headers.get("www-authenticate"), text];
  } catch (error) {
    return error.name;
  }
})()
"""


class Front(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>front</title>")

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def front() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


def ask(page: Page, url: str, *, method: str = "GET", body: str | None = None, key: str | None = KEY) -> Any:
    headers = {"X-API-Key": key} if key else {}
    headers |= {"Content-Type": "application/json", "Idempotency-Key": "one"} if body else {}
    return page.value(ASK % tuple(json.dumps(part) for part in (url, method, headers, body)))


def test_page_of_a_named_origin_asks_writes_and_reads_problems_and_another_gets_nothing(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    liked = json.dumps({"interactions": [{"item_id": "m0"}]})
    too_long = json.dumps({"history": ["m0"]}).ljust(LIMITS.body_bytes + 1)
    with front() as port, browsing(tmp_path) as page:
        settings = {"origins": f"http://127.0.0.1:{port}", "admin_keys": KEY}
        with served(tmp_path, **settings) as running:
            page.open(f"http://127.0.0.1:{port}/")
            status, request_id, _, text = ask(
                page, f"{running.base}/recommend", method="POST", body='{"history": ["m0"]}'
            )
            assert (status, len(json.loads(text)["items"])) == (200, 10) and request_id
            assert ask(page, f"{running.base}/users/7/interactions", method="POST", body=liked)[0] == 200
            assert ask(page, f"{running.base}/users/7", method="DELETE")[0] == 200
            status, _, how, text = ask(page, f"{running.base}/items", key=None)
            assert (status, json.loads(text)["code"]) == (401, "unauthorized") and how
            status, request_id, _, text = ask(page, f"{running.base}/recommend", method="POST", body=too_long)
            assert (status, json.loads(text)["code"]) == (413, "too-large") and request_id

            page.open(f"http://localhost:{port}/")
            for method, path, body in (("GET", "/items", None), ("POST", "/users/7/interactions", liked)):
                assert ask(page, f"{running.base}{path}", method=method, body=body) == "TypeError"
            assert ask(page, f"{running.base}/items", key=None) == "TypeError"
            found = httpx.get(f"{running.base}/users/7", headers={"X-API-Key": KEY})
            assert found.status_code == 404, "what the other page sent was not written"


@pytest.mark.parametrize("known", [False, True], ids=["other", "control"])
def test_page_whose_name_leads_here_reads_and_erases_nothing(tmp_path: Path, *, known: bool) -> None:
    """DNS rebinding: to the browser that page is the service itself. The control: a service that is called so."""
    make_bundle(tmp_path / "models")
    settings = {"hosts": EVIL} if known else {}
    with browsing(tmp_path, leads_here=EVIL) as page, served(tmp_path, **settings) as running:
        write(running.base)
        page.open(f"http://{EVIL}:{running.port}/")
        asked = [ask(page, "/users/7/export", key=None), ask(page, "/users/7", method="DELETE", key=None)]
        assert [status for status, *_ in asked] == ([200, 200] if known else [421, 421])
        assert httpx.get(f"{running.base}/users/7").status_code == (404 if known else 200)


@pytest.mark.parametrize("named", [False, True], ids=["other", "control"])
def test_page_of_another_site_changes_nothing_by_what_needs_no_preflight(tmp_path: Path, *, named: bool) -> None:
    make_bundle(tmp_path / "models")
    with front() as port, browsing(tmp_path, leads_here=EVIL) as page:
        settings = {"origins": f"http://{EVIL}:{port}"} if named else {}
        with served(tmp_path, **settings) as running:
            page.open(f"http://{EVIL}:{port}/")
            sent = f"fetch('{running.base}/bundles/reload', {{method: 'POST', mode: 'no-cors'}}).then(() => 'sent')"
            assert page.value(sent) == "sent"
            refused = running.counter('prismrec_problems_total{code="cross-site"}')
            done = running.counter('prismrec_requests_total{method="POST",route="/bundles/reload",status="200"}')
            assert (refused, done) == ((0, 1) if named else (1, 0))


def write(base: str) -> None:
    """Something to read and erase."""
    body = {"interactions": [{"item_id": "m0"}]}
    assert httpx.post(f"{base}/users/7/interactions", json=body, headers={"Idempotency-Key": "1"}).is_success
