"""Which web pages may drive a service that asks for no key: its own.

Every page that somebody on this machine opens can send requests to its loopback. Two checks stand against it:

- The Host must be a name of this service. A page whose own name is made to lead here (DNS rebinding) is, to its
  browser, this service; only the name in Host tells them apart. So Jupyter and Ollama check it, too.
- A request that may change something must not come from another site's page, as the browser says in Sec-Fetch-Site or
  Origin (by the rules of Go's https://pkg.go.dev/net/http#CrossOriginProtection). Programs send neither header.

With keys neither is needed: no browser adds an X-API-Key by itself. The port of the metrics asks for no key, so there
the first check always holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import CrossSiteError, MisdirectedError, ServiceError
from service.hosts import host_of, is_address, is_loopback
from service.http.middleware import ALWAYS
from service.http.operation import APART
from service.http.origins import GRANTED
from service.http.problems import problem_response
from service.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OURS = frozenset({b"same-origin", b"none"})
"""What a browser says of a page of this service, and of what the user asked for by hand."""


@dataclass(frozen=True, slots=True)
class _Names:
    """Which hosts are ours besides loopback's: these, and any address where others reach the port by one."""

    named: frozenset[str]
    addresses: bool

    def are_of(self, hosts: Sequence[bytes]) -> bool:
        """Whether the values of Host are one of ours. Without any (HTTP/1.0) it was no browser."""
        if not hosts:
            return True
        host = host_of(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        if host is None:
            return False
        return is_loopback(host) or host in self.named or (self.addresses and is_address(host))


class Visitors:
    """ASGI middleware, within the edge; see the module. It ends a preflight that was granted (service.http.origins)."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        named = frozenset(settings.hosts)
        self._origins = frozenset(origin.encode() for origin in settings.origins)
        checked = bool(named) or not (settings.has_keys or settings.open)
        self._names = _Names(named, addresses=bool(named)) if checked else None
        self._names_apart = _Names(named, addresses=not is_loopback(settings.metrics_host or settings.host))
        self._check_site = not settings.has_keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = self._refusal(scope) if scope["type"] == "http" else None
        if error is None:
            await scope.get(GRANTED, self._app)(scope, receive, send)
            return
        scope["prismrec.problem"] = error.code
        await problem_response(error, scope["prismrec.request_id"])(scope, receive, send)

    def _refusal(self, scope: Scope) -> ServiceError | None:
        """Health checks come by whatever address the platform knows, and tell nobody anything."""
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        hosts = _values(headers, b"host")
        names = self._names_apart if scope.get(APART) else self._names
        if names is not None and scope["path"] not in ALWAYS and not names.are_of(hosts):
            return MisdirectedError("the Host header has a name that is not this service's")
        if self._check_site and scope["method"] not in SAFE and self._is_cross_site(headers, hosts):
            return CrossSiteError("the request comes from a page of another origin")
        return None

    def _is_cross_site(self, headers: Sequence[tuple[bytes, bytes]], hosts: Sequence[bytes]) -> bool:
        origins, sites = _values(headers, b"origin"), _values(headers, b"sec-fetch-site")
        if len(origins) == 1 and origins[0].lower() in self._origins:
            return False
        if sites:
            return not OURS.issuperset(sites)
        return any(origin.partition(b"://")[2].lower() != (hosts[0].lower() if hosts else b"") for origin in origins)


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for found, value in headers if found == name]
