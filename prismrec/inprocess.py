"""The service's own answer to one request, without a server: the shell and HTTP can then never disagree.

The application is built on a bundle and a store as `prismrec serve` builds it, and called once through ASGI.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prismrec.bundles import load, model_of, opened_store, store_for
from prismrec.failures import CommandError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

HINTS = {
    "unknown-user": "load them with `prismrec load DATA --model NAME`, name another --store, or give --history",
    "invalid-request": "see the verb's --help for what each option takes",
    "unknown-item": "item ids are the data's own; `prismrec recommend` prints them",
    "storage-unavailable": "check --store or PRISMREC_STORE_URL; `prismrec doctor` with the same says more",
}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    document: dict[str, Any]


def ask(bundle: Path, store: str | None, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST `body` to `path` on this bundle and store; the reply's document. A problem becomes a CommandError."""
    from service.app import create_app
    from service.bundles.slot import Slot
    from service.settings import Settings

    loaded = load(bundle)
    with opened_store(store_for(store, model_of(bundle)), needed=store is not None) as opened:
        settings = Settings(log_level="error", poll_seconds=0, metrics=False, docs=False)
        app = create_app(settings, slot=Slot(loaded), store=opened)
        reply = asyncio.run(post(app, path, json.dumps(body).encode()))
    if reply.status >= 400:
        raise _refused(reply.document)
    return reply.document


async def post(app: ASGIApp, path: str, body: bytes) -> Reply:
    """One POST through ASGI. The lifespan is not run: nothing is watched and nothing listens."""
    sent: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Reply(sent[0]["status"], json.loads(content))


def _refused(problem: Mapping[str, Any]) -> CommandError:
    """The problem in one line, with the places at fault where they say more than the detail."""
    places = "; ".join(f"{place['pointer']} {place['detail']}" for place in problem.get("errors", ()))
    told = places or problem["detail"]
    message = f"{problem['title']}: {told}"
    return CommandError(message, hint=HINTS.get(problem["code"], problem.get("hint", "see --help")))
