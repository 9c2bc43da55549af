"""`python -m tests.service.make_examples`: write the examples of the API's document from real replies.

They come from the application over the planted bundle; long lists are cut by asking for little.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.service.app_client import AppClient, give_history, open_client
from tests.service.conftest import HISTORY

TARGET = Path(__file__).parents[2] / "service" / "schemas" / "examples.json"
CONDITION = {"genres": ["Comedy"], "match": "any", "mode": "soft"}
STEER = {"factors": {"2": 1.0}, "attributes": {"genre:Comedy": 0.5}, "lock": ["year"]}
POSTS: dict[str, tuple[str, Any]] = {
    "recommend": (
        "/recommend",
        {
            "user_id": "42",
            "history": ["m12", "m15"],
            "n": 2,
            "offset": 0,
            "condition": CONDITION,
            "exclude_seen": True,
            "exclude_items": [],
            "candidates": None,
            "steer": STEER,
            "explain": True,
            "fields": ["title", "genres", "year"],
            "model": "demo",
        },
    ),
    "recommend_batch": ("/recommend/batch", {"requests": [{"history": ["m0"], "n": 1}, {"user_id": "nobody", "n": 1}]}),
    "explain": (
        "/explain",
        {"history": ["m0", "m1"], "item_id": "m16", "top_factors": 2, "counterfactual": True, "n": 5},
    ),
    "coldstart": (
        "/coldstart",
        {"picks": [{"factor": 0, "half": "positive", "strength": 1.0}], "n": 2, "samples": 32, "seed": 7},
    ),
    "reload_bundle": ("/bundles/reload", {"model": "demo", "version": "1"}),
}
GETS = {
    "recommend_user": "/recommend/42?n=2",
    "explain_user": "/explain/42",
    "list_factors": "/factors",
    "get_factor": "/factors/0",
    "list_items": "/items?title=film&limit=2",
    "get_item": "/items/m0",
    "similar_items": "/items/m0/similar?n=2",
    "list_conditions": "/conditions",
    "latent_map": "/latent/map",
    "list_users": "/users?limit=2",
    "get_user": "/users/42",
    "list_bundles": "/bundles",
    "health_live": "/health/live",
    "health_ready": "/health/ready",
    "get_problem": "/problems/unknown-user",
}
PREFERENCES = {"steer": {"factors": {"2": -0.5}, "attributes": {"genre:Comedy": 1.0}, "lock": ["year"]}}
INTERACTIONS = {"interactions": [{"item_id": "m1", "timestamp": 1_700_000_000}, {"item_id": "new"}]}


def make(client: AppClient) -> dict[str, Any]:
    """operationId -> request and reply, as the application answers."""
    give_history(client, "42", *HISTORY)
    found: dict[str, Any] = {}
    for name, (path, body) in POSTS.items():
        found[name] = {"request": body, "reply": _answer(client.post(path, body))}
    for name, path in GETS.items():
        found[name] = {"reply": _answer(client.get(path))}
    written = client.post("/users/7/interactions", INTERACTIONS, headers={"Idempotency-Key": "one"})
    found["append_interactions"] = {"request": INTERACTIONS, "reply": _answer(written)}
    put = client.request("PUT", "/users/7/preferences", json=PREFERENCES)
    found["put_preferences"] = {"request": PREFERENCES, "reply": _answer(put)}
    found["export_user"] = {"reply": _answer(client.get("/users/7/export"))}
    found["get_preferences"] = {"reply": _answer(client.get("/users/7/preferences"))}
    found["erase_preferences"] = {"reply": _answer(client.request("DELETE", "/users/7/preferences"))}
    found["erase_user"] = {"reply": _answer(client.request("DELETE", "/users/7"))}
    found["list_problems"] = {"reply": {"items": [found["get_problem"]["reply"]], "next_cursor": None}}
    found["list_factors"]["reply"]["items"] = found["list_factors"]["reply"]["items"][:1]
    found["get_factor"]["reply"]["evidence"] = found["get_factor"]["reply"]["evidence"][:1]
    found["get_factor"]["reply"]["quantiles"] = found["get_factor"]["reply"]["quantiles"][::50]
    found["latent_map"]["reply"]["points"] = found["latent_map"]["reply"]["points"][:2]
    return found


def _answer(reply: Any) -> Any:
    assert reply.status_code == 200, reply.text
    return _short(reply.json())


def _short(value: Any) -> Any:
    """Floats to six digits: an example is read by people."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _short(part) for name, part in value.items()}
    return [_short(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, open_client(Path(folder)) as opened:
        TARGET.write_text(json.dumps(make(opened), indent=1) + "\n", encoding="utf-8")
