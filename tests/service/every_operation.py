"""Every operation asked, well and badly, with planted ids, keys and texts that nothing may tell again.

`python -m tests.service.every_operation` is the control: the service, but its log tells the path, as access logs do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from service.http.middleware import Edge

USER, ITEM, TEXT = "zq-user-7", "zq-item-8", "zq-text-9"
"""ITEM is one that the catalogue does not have; the others below are its own."""
KEY, WRONG_KEY, IDEMPOTENCY, REQUEST_ID = "zq-admin-key-012345", "zq-wrong-key-012345", "zq-once-6", "zq id with spaces"
KNOWN = ["m0", "m3", "m6"]
PLANTED = re.compile(r"zq.\w+|\bm\d+\b")
WRITTEN = {"interactions": [{"item_id": item} for item in (*KNOWN, ITEM)]}
STEERED = {"steer": {"factors": {"0": 0.5}}}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; operation: its operationId, None for what nobody has."""

    operation: str | None
    method: str
    path: str
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)


ASKED = (
    Ask("append_interactions", "POST", f"/users/{USER}/interactions", WRITTEN),
    Ask("put_preferences", "PUT", f"/users/{USER}/preferences", STEERED),
    Ask("get_preferences", "GET", f"/users/{USER}/preferences"),
    Ask("get_user", "GET", f"/users/{USER}"),
    Ask("export_user", "GET", f"/users/{USER}/export"),
    Ask("list_users", "GET", "/users"),
    Ask("list_users", "GET", "/users", query={"cursor": TEXT}),
    Ask("recommend_user", "GET", f"/recommend/{USER}", query={"explain": "true"}),
    Ask("recommend_user", "GET", f"/recommend/{USER}", query={"genres": TEXT, "model": TEXT}),
    Ask("recommend_user", "GET", f"/recommend/{USER}-unknown"),
    Ask("recommend_user", "GET", f"/recommend/{USER}", query={TEXT: TEXT}),
    Ask("recommend", "POST", "/recommend", {"history": [*KNOWN, ITEM], "exclude_items": ["m9"], "explain": True}),
    Ask("recommend", "POST", "/recommend", {"history": [ITEM], TEXT: TEXT, "n": TEXT}),
    Ask("recommend", "POST", "/recommend", {"user_id": f"{USER} {TEXT}"}),
    Ask("recommend_batch", "POST", "/recommend/batch", {"requests": [{"user_id": USER}, {"history": [ITEM], "n": 0}]}),
    Ask("explain_user", "GET", f"/explain/{USER}", query={"item_id": "m9", "counterfactual": "true"}),
    Ask("explain_user", "GET", f"/explain/{USER}", query={"item_id": ITEM}),
    Ask("explain", "POST", "/explain", {"user_id": USER, "item_id": "m12"}),
    Ask("explain", "POST", "/explain", {"history": [*KNOWN, ITEM]}),
    Ask("coldstart", "POST", "/coldstart", {"picks": [{"factor": 0, "half": "positive"}], "user_id": USER}),
    Ask("coldstart", "POST", "/coldstart", {"picks": [{"factor": TEXT, "half": TEXT}]}),
    Ask("similar_items", "GET", "/items/m3/similar"),
    Ask("similar_items", "GET", f"/items/{ITEM}/similar"),
    Ask("get_item", "GET", "/items/m3"),
    Ask("get_item", "GET", f"/items/{ITEM}"),
    Ask("list_items", "GET", "/items", query={"title": TEXT}),
    Ask("list_factors", "GET", "/factors"),
    Ask("get_factor", "GET", "/factors/0"),
    Ask("get_factor", "GET", f"/factors/{TEXT}"),
    Ask("latent_map", "GET", "/latent/map"),
    Ask("list_conditions", "GET", "/conditions"),
    Ask("list_bundles", "GET", "/bundles"),
    Ask("reload_bundle", "POST", "/bundles/reload", {"model": "demo"}),
    Ask("reload_bundle", "POST", "/bundles/reload", {"model": TEXT}),
    Ask("reload_bundle", "POST", "/bundles/reload", {"version": TEXT}),
    Ask("health_live", "GET", "/health/live"),
    Ask("health_ready", "GET", "/health/ready"),
    Ask("list_problems", "GET", "/problems"),
    Ask("get_problem", "GET", "/problems/deadline"),
    Ask("get_problem", "GET", f"/problems/{TEXT}"),
    Ask("metrics", "GET", "/metrics"),
    Ask("erase_preferences", "DELETE", f"/users/{USER}/preferences"),
    Ask("erase_user", "DELETE", f"/users/{USER}"),
    Ask("erase_user", "DELETE", f"/users/{USER}"),
    Ask(None, "GET", f"/{TEXT}/{USER}", query={"user_id": USER}),
    Ask(None, "ZQVERB", f"/users/{USER}"),
    Ask(None, "GET", f"/web/{TEXT}.js"),
)


def ask_everything(http: Any) -> Iterator[tuple[Ask, httpx.Response]]:
    """Each of ASKED with the key, with a wrong one, and with a body that is no JSON where it takes a body.

    http: an httpx.Client, or what has its `request`.
    """
    headers = {"Idempotency-Key": IDEMPOTENCY, "X-Request-ID": REQUEST_ID, "User-Agent": TEXT, "Referer": f"/{USER}"}
    for ask in ASKED:
        for key in (KEY, WRONG_KEY):
            sent = {**headers, "X-API-Key": key}
            yield ask, http.request(ask.method, ask.path, json=ask.body, params=ask.query, headers=sent)
        if ask.body is not None:
            broken = f'{{"{TEXT}": "{USER}'
            sent = {**headers, "X-API-Key": KEY, "Content-Type": "application/json"}
            yield ask, http.request(ask.method, ask.path, content=broken, headers=sent)


def _tell_the_path() -> None:
    record = Edge._record

    def leaky(self: Edge, exchange: Any) -> None:
        self._state.log.info("access", path=exchange.scope["path"])
        record(self, exchange)

    Edge._record = leaky  # type: ignore[method-assign]


if __name__ == "__main__":
    from service.__main__ import main

    _tell_the_path()
    sys.exit(main())
