"""Pages of other origins (a front-end on another host or port) may ask where PRISMREC_ORIGINS names them."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
SENT = ("Content-Type", "Idempotency-Key", "Traceparent", "X-API-Key", "X-Request-ID")
READ = ("Allow", "Retry-After", "WWW-Authenticate", "X-Request-ID")
"""Headers that a script may send, and those of a reply that it may read."""
GRANTED_SECONDS = 600
GRANTED = "prismrec.granted"
"""In a request's scope: the answer to it, a preflight that is granted."""
PREFLIGHT = "preflight"
"""What log and metrics call such a request in place of a route."""


class Origins(CORSMiddleware):
    """Starlette's, without cookies, as keys go in a header.

    It stands before everything else, so that every problem can be read by the script that caused it, 413 and 503 too.
    A preflight that it grants goes on as any request does, to be checked, stamped, counted and logged, as far as
    Visitors, who give the answer: browsers send it without a key, so it needs none. A preflight of anybody else is
    answered as where nobody is named: 405, a problem like all others, and the browser lets nothing through.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
            max_age=GRANTED_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if scope.get("method") == "OPTIONS" and "access-control-request-method" in headers and "origin" in headers:
            answer = self.preflight_response(headers)
            if answer.status_code == 200:
                del answer.headers["vary"]  # which every reply gets on its way out
                scope[GRANTED], scope["prismrec.page"] = answer, PREFLIGHT
        if scope["type"] == "http":
            await self.simple_response(scope, receive, send, headers)
        else:
            await self.app(scope, receive, send)
