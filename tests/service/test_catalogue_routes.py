"""/items, /conditions, /factors, /latent/map, /problems and the pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.errors import STATUS
from tests.builders import make_bundle
from tests.builders.damage import edit_manifest
from tests.service.app_client import AppClient, assert_problem, open_client


def test_items_are_listed_by_popularity_in_pages(client: AppClient) -> None:
    found, cursor = [], None
    while True:
        params = {"limit": "20"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/items", params=params).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len({item["item_id"] for item in found}) == len(found) == 50
    popularity = [item["popularity"] for item in found]
    assert popularity == sorted(popularity, reverse=True)


def test_items_are_found_by_words_of_the_title_in_any_case(client: AppClient) -> None:
    found = client.get("/items", params={"title": "FILM (1991)"}).json()["items"]
    assert found and all("(1991)" in item["title"] for item in found)
    assert client.get("/items", params={"title": "no such film"}).json()["items"] == []


@pytest.mark.parametrize("cursor", ["x", "!!", "AAAA", "b3RoZXIKMA", "é", "b3RoZXI", "MA=="])
def test_foreign_cursor_is_refused(client: AppClient, cursor: str) -> None:
    assert_problem(client.get("/items", params={"cursor": cursor}), 422, "invalid-request")


def test_item_has_its_fields(client: AppClient) -> None:
    item = client.get("/items/m0").json()
    assert item["title"] == "Film 0 (1970)"
    assert (item["year"], item["genres"]) == (1970, ["Comedy", "Drama"])
    assert_problem(client.get("/items/nope"), 404, "unknown-item")
    assert_problem(client.get("/items/%2e%2e%2fsettings"), 404, "unknown-item")


def test_item_whose_id_holds_slashes_is_asked_for_in_the_path(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "models")
    for name in ("items.json", "factors.json"):
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b'"m1"', b'"a/b c/1"'))
    edit_manifest(folder)
    with open_client(tmp_path, slot=Slot(load_bundle(folder))) as client:
        for sent in ("a/b c/1", "a%2Fb%20c%2F1"):
            assert client.get(f"/items/{sent}").json()["item_id"] == "a/b c/1"
            assert len(client.get(f"/items/{sent}/similar?n=3").json()["items"]) == 3
        assert "a/b c/1" in {item["item_id"] for item in client.get("/items?limit=50").json()["items"]}
        assert client.post("/explain", {"history": ["a/b c/1"], "item_id": "a/b c/1"}).status_code == 200
        for unknown in ("a/b", "a/b c/1/2", "/", "a//b"):
            assert_problem(client.get(f"/items/{unknown}"), 404, "unknown-item")
            assert_problem(client.get(f"/items/{unknown}/similar"), 404, "unknown-item")
        assert 'route="/items/{item_id}"' in client.get("/metrics").text, "no id in a label, however long the path"
        for path in ("/items/a/b", "/items/a/b/similar"):
            assert client.request("DELETE", path).headers["allow"] == "GET, HEAD"


def test_line_end_in_the_id_of_an_item_is_refused_as_one_and_not_as_a_path_that_nobody_has(client: AppClient) -> None:
    for path in ("/items/a%0Ab", "/items/%0A", "/items/a%0Ab/similar"):
        assert_problem(client.get(path), 422, "invalid-request")


def test_similar_items_are_ranked_and_leave_out_the_item(client: AppClient) -> None:
    found = client.get("/items/m2/similar?n=5").json()["items"]
    assert [item["rank"] for item in found] == [1, 2, 3, 4, 5]
    assert "m2" not in {item["item_id"] for item in found}
    assert all(-1.000001 <= item["similarity"] <= 1.000001 for item in found)
    assert_problem(client.get("/items/nope/similar"), 404, "unknown-item")


def test_conditions_name_what_a_request_may_ask_for(client: AppClient) -> None:
    found = client.get("/conditions").json()
    assert found["attribute"] == "genre"
    for condition in found["items"]:
        body = {"history": ["m0"], "n": 1, "condition": {"genres": [condition["value"]], "mode": "soft"}}
        assert client.post("/recommend", body).status_code == (200 if condition["soft"] else 422)


def test_factors_say_what_their_halves_encode(client: AppClient) -> None:
    found = client.get("/factors").json()
    first, last = found["items"][0], found["items"][-1]
    assert (first["positive"]["value"], first["negative"]["value"]) == ("Comedy", "Horror")
    assert first["low"] < first["median"] < first["high"]
    assert first["examples_positive"][0]["title"]
    assert (last["status"], last["attribute"], last["active"]) == ("undecoded", None, False)
    assert found["directions"] and found["notes"]


def test_factor_has_its_evidence(client: AppClient) -> None:
    found = client.get("/factors/0").json()
    assert len(found["quantiles"]) == 101
    assert {"mc", "js", "ig", "p_value"} <= set(found["evidence"][0])
    assert_problem(client.get("/factors/99"), 404, "unknown-factor")
    assert_problem(client.get("/factors/1_0"), 422, "invalid-request")


def test_latent_map_has_points_without_ids(client: AppClient) -> None:
    found = client.get("/latent/map").json()
    assert len(found["centroids"]) == len(found["conditions"]) == len(found["spreads"])
    assert all(isinstance(value, float) for point in found["points"] for value in point)


def test_every_problem_type_is_answered_by_the_service(client: AppClient) -> None:
    listed = {entry["code"]: entry for entry in client.get("/problems").json()["items"]}
    assert set(listed) == set(STATUS)
    for code, entry in listed.items():
        assert client.get(entry["type"]).json() == entry
        assert entry["status"] == STATUS[code]
    assert_problem(client.get("/problems/nonsense"), 404, "not-found")


def test_pages_load_nothing_from_elsewhere_and_forbid_it(client: AppClient) -> None:
    seen: set[str] = set()
    waiting = ["/", "/docs"]
    while waiting:
        path = waiting.pop()
        seen.add(path)
        reply = client.get(path)
        assert reply.status_code == 200, path
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        without_svg_namespace = reply.text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", without_svg_namespace), path
        assert not re.search(r"\sstyle=|<script>|\son\w+=\"", reply.text), f"{path} would be blocked by its own policy"
        linked = re.findall(r'"(/web/[\w.]+)"', reply.text)
        waiting += [link for link in linked if link not in seen]
    assert {"/web/explorer.js", "/web/explorer.css", "/web/docs.js", "/web/why.js"} <= seen


@pytest.mark.parametrize("path", ["/factors", "/conditions", "/bundles"])
def test_collection_in_pages_is_the_whole_collection_once(client: AppClient, path: str) -> None:
    whole = client.get(path).json()
    assert whole["next_cursor"] is None
    pages, cursor = [], ""
    while cursor is not None and len(pages) <= len(whole["items"]):
        page = client.get(f"{path}?limit=1" + (f"&cursor={cursor}" if cursor else "")).json()
        assert len(page["items"]) == 1
        pages += page["items"]
        cursor = page["next_cursor"]
    assert pages == whole["items"]
    assert client.get(f"{path}?limit=0").status_code == 422
    assert client.get(f"{path}?cursor=xx").status_code == 422
