"""One file per resource. Each route parses, asks the engine or the store, and shows; nothing more."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.routing import BaseRoute

from service.routes import bundles, coldstart, explain, factors, health, items, metrics, problems, recommend, users

_ROUTERS = (recommend, explain, coldstart, factors, items, users, bundles, health, problems)


def operations(*, with_metrics: bool = True) -> Iterator[BaseRoute]:
    """Every route of the API, in the order of the documentation."""
    for module in (*_ROUTERS, *((metrics,) if with_metrics else ())):
        yield from module.router.routes
