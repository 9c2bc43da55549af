"""The two pages for people, and the OpenAPI document: static, no key, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.http.openapi import build_openapi
from service.http.operation import whole
from service.state import state_of

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": CSP, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
MEDIA = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def pages(app: FastAPI, *, docs: bool) -> Iterator[BaseRoute]:
    """The explorer at /, its files under /web/, and with `docs` /docs and /openapi.json."""
    assets = {entry.name: entry.read_bytes() for entry in files("service").joinpath("web").iterdir() if entry.is_file()}
    yield _page("/", assets["index.html"], ".html")
    for name, content in assets.items():
        suffix = name[name.rfind(".") :]
        if suffix in MEDIA and suffix != ".html":
            yield _page(f"/web/{name}", content, suffix, told="/web/{file}")
    if docs:
        yield _page("/docs", assets["docs.html"], ".html")
        yield _openapi(app)


def _page(path: str, content: bytes, suffix: str, *, told: str | None = None) -> Route:
    """told: what log and metrics call it, where that is not its path."""

    async def page(request: Request) -> Response:
        request.scope["prismrec.page"] = told or path
        return Response(content, media_type=MEDIA[suffix], headers=HEADERS)

    return _exactly(Route(path, page, methods=["GET"]))


def _openapi(app: FastAPI) -> Route:
    made: list[bytes] = []

    async def document(request: Request) -> Response:
        request.scope["prismrec.page"] = "/openapi.json"
        if not made:
            made.append(await state_of(request).compute.run(lambda: orjson.dumps(build_openapi(app))))
        return Response(made[0], media_type="application/json")

    return _exactly(Route("/openapi.json", document, methods=["GET"]))


def _exactly(route: Route) -> Route:
    route.path_regex = whole(route.path_regex)
    return route
