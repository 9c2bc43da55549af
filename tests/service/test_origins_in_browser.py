"""A front-end on another port, in a real browser: a named origin asks and reads, another one does neither."""

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
