from __future__ import annotations

import time
from pathlib import Path

import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.limits import LIMITS
from service.routes import explain as explain_route
from service.workers import Workers
from tests.builders import make_bundle
from tests.service.app_client import AppClient, assert_problem, open_client
from tests.service.conftest import HISTORY


def test_explanation_adds_up_to_the_score(client: AppClient) -> None:
    told = client.get("/explain/42?item_id=m12").json()
    total = (
        told["base_value"] + sum(f["contribution"] for f in told["factors"]) + told["other_factors"] + told["linear"]
    )
    assert total + told["residual"] == pytest.approx(told["score"], rel=1e-5)
    assert abs(told["residual"]) < 1e-4
    by_history = told["history_base"] + sum(h["contribution"] for h in told["history"]) + told["history_residual"]
    assert by_history == pytest.approx(told["score"], rel=1e-5)
    listed = client.post("/recommend", {"user_id": "42", "n": 50}).json()["items"]
    assert {item["item_id"]: item["score"] for item in listed}["m12"] == pytest.approx(told["score"], rel=1e-5)
    assert {item["item_id"]: item["rank"] for item in listed}["m12"] == told["rank"]


def test_explanation_of_a_model_with_a_linear_term_says_what_each_item_adds_directly(tmp_path: Path) -> None:
    with open_client(tmp_path, slot=Slot(load_bundle(make_bundle(tmp_path / "models", linear=True)))) as found:
        asked = {"history": ["m4", "m7", "m20"], "condition": {"genres": ["Comedy", "Drama"], "match": "all"}}
        first = found.post("/recommend", {**asked, "n": 1, "explain": True}).json()
        told = found.post("/explain", {**asked, "item_id": "m21"}).json()
        started = found.post("/coldstart", {"picks": [{"factor": 0, "half": "positive"}], "n": 3})
    assert [item["item_id"] for item in first["items"]] == ["m21"]  # m20 points to it, and it has both genres
    assert first["items"][0]["score"] == pytest.approx(told["score"], rel=1e-5)
    assert first["items"][0]["reasons"]["history"][0]["item_id"] == "m20"
    assert told["linear"] == pytest.approx(sum(h["linear"] for h in told["history"]), rel=1e-9)
    assert told["history"][0]["item_id"] == "m20" and told["history"][0]["linear"] > 3
    parts = told["base_value"] + sum(f["contribution"] for f in told["factors"]) + told["linear"]
    assert parts == pytest.approx(told["score"], rel=1e-5)
    assert "your history points straight to it" in told["sentence"]
    assert told["condition_gain"] > 25 and "because you asked for Comedy and Drama" in told["sentence"]
    assert started.status_code == 200


def test_explanation_of_a_comedy_for_a_lover_of_comedies_names_comedy(client: AppClient) -> None:
    told = client.get("/explain/42?item_id=m12").json()
    strongest = max(told["factors"], key=lambda factor: factor["contribution"])
    assert (strongest["attribute"], strongest["value"], strongest["half"]) == ("genre", "Comedy", "positive")
    assert "Comedy" in told["sentence"]


def test_explanation_cut_to_top_factors_carries_the_rest(client: AppClient) -> None:
    whole = client.get("/explain/42?item_id=m12").json()
    cut = client.get("/explain/42?item_id=m12&top_factors=1").json()
    assert (len(cut["factors"]), cut["n_other_factors"]) == (1, len(whole["factors"]) - 1)
    assert cut["other_factors"] == pytest.approx(sum(f["contribution"] for f in whole["factors"][1:]))


def test_explanation_without_extras_leaves_them_out(client: AppClient) -> None:
    whole = client.get("/explain/42?item_id=m12&counterfactual=true").json()
    assert whole["counterfactual"] is not None and whole["fidelity"] is not None
    plain = client.get("/explain/42?item_id=m12").json()
    assert plain["counterfactual"] is None and plain["fidelity"] is not None
    bare = client.get("/explain/42?item_id=m12&fidelity=false").json()
    assert bare["counterfactual"] is None and bare["fidelity"] is None


def test_counterfactual_holds_when_it_is_tried(client: AppClient) -> None:
    top = client.post("/recommend", {"user_id": "42", "n": 10}).json()["items"][-1]["item_id"]
    found = client.get(f"/explain/42?item_id={top}&counterfactual=true").json()["counterfactual"]
    assert found["valid"]
    kept = [item for item in HISTORY if item not in found["remove"]]
    again = client.post("/recommend", {"history": kept, "n": 10, "exclude_items": found["remove"]}).json()["items"]
    assert top not in {item["item_id"] for item in again}


def test_explain_by_post_and_by_get_agree(client: AppClient) -> None:
    by_get = client.get("/explain/42?item_id=m12").json()
    assert client.post("/explain", {"history": list(HISTORY), "item_id": "m12"}).json() == by_get
    assert client.post("/explain", {"user_id": "42", "item_id": "m12"}).json() == by_get


def test_explain_without_an_item_is_the_profile(client: AppClient) -> None:
    found = client.get("/explain/42").json()
    assert found["kind"] == "profile"
    comedy = next(factor for factor in found["factors"] if factor["value"] == "Comedy")
    assert comedy["percentile"] > 50
    assert {pull["item_id"] for pull in comedy["items"]} <= set(HISTORY)
    assert 3 in found["undecoded"]


def test_profile_passes_over_what_only_an_item_has_use_for(client: AppClient) -> None:
    plain = client.get("/explain/42").json()
    only_for_items = "top_factors=1&counterfactual=true&fidelity=false&fidelity_k=2&n=3"
    assert client.get(f"/explain/42?{only_for_items}").json() == plain
    body = {"user_id": "42", "top_factors": 1, "counterfactual": True, "fidelity_k": 2, "n": 3}
    assert client.post("/explain", body).json() == plain


def test_fidelity_k_is_a_parameter_of_the_get_twin(client: AppClient) -> None:
    told = client.get("/explain/42?item_id=m12&fidelity_k=2").json()
    assert told["fidelity"]["k"] == 2
    assert told == client.post("/explain", {"user_id": "42", "item_id": "m12", "fidelity_k": 2}).json()
    for bad in ("0", str(LIMITS.fidelity_k + 1), "2.0"):
        found = assert_problem(client.get(f"/explain/42?item_id=m12&fidelity_k={bad}"), 422, "invalid-request")
        assert found["errors"][0]["pointer"] == "/fidelity_k"


def test_explain_of_an_item_already_seen_says_so(client: AppClient) -> None:
    told = client.get("/explain/42?item_id=m0").json()
    assert (told["seen"], told["rank"], told["not_listed"]) == (True, None, "seen")


@pytest.mark.parametrize(
    ("path", "code"),
    [("/explain/nobody", "unknown-user"), ("/explain/42?item_id=nope", "unknown-item")],
)
def test_explain_of_what_is_unknown_is_not_found(client: AppClient, path: str, code: str) -> None:
    assert_problem(client.get(path), 404, code)


def test_explain_without_a_known_history_is_invalid(client: AppClient) -> None:
    assert_problem(client.post("/explain", {"history": ["nope"]}), 422, "invalid-request")
    assert_problem(client.post("/explain", {"item_id": "m0"}), 422, "invalid-request")


def test_explain_past_its_deadline_is_504_and_a_full_pool_503(
    own_client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> None:
        time.sleep(0.4)
        raise AssertionError("nobody waits for this")

    own_client.state.compute = Workers("slow", threads=1, queue=0, deadline=0.05)
    monkeypatch.setattr(explain_route, "explain_item", slow)
    assert_problem(own_client.post("/explain", {"history": ["m0"], "item_id": "m1"}), 504, "deadline")
    refused = own_client.post("/explain", {"history": ["m0"], "item_id": "m1"})
    assert_problem(refused, 503, "overloaded")
    assert refused.headers["retry-after"]
    assert own_client.post("/recommend", {"history": ["m0"]}).status_code == 200
