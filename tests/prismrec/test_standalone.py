"""The whole path, by the real command: from synthetic data to a bundle that answers, and from there from the shell."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from bundle.reader import read_bundle
from prismrec.__main__ import main
from prismrec.commands.standalone import curl_lines, factors_in_words
from tests.demo import DATA, TINY, command

pytestmark = pytest.mark.slow


def asked(capsys, *words: str) -> dict:
    assert main([*words, "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def user(demo) -> str:
    return demo.document["try"][0].split("/recommend/")[1].split("?")[0]


def test_standalone_makes_a_bundle_a_report_and_a_store(demo):
    made = demo.document
    assert read_bundle(demo.bundle).bundle_id == made["bundle_id"]
    assert (demo.root / made["report"]).stat().st_size > 10_000
    assert made["store"]["stored"] == made["store"]["read"] > 1000
    assert made["metrics"]["ndcg@100"]["mean"] > made["baselines"]["popularity"]["ndcg@100"]["mean"]
    assert made["factors"]["decoded"] + made["factors"]["ambiguous"] + made["factors"]["undecoded"] == 16
    assert len(made["try"]) == 3


def test_factors_are_told_as_factors_and_halves_as_halves():
    found = {"factors_active": 6, "decoded": 10, "ambiguous": 2, "undecoded": 4}
    said = factors_in_words(found)
    assert said == "factors: 6 of 8 active; of 16 halves 10 decoded, 2 ambiguous, 4 undecoded"


def test_requests_to_try_are_those_that_work_when_no_user_could_be_stored(demo, user, monkeypatch):
    monkeypatch.chdir(demo.root)
    assert len(curl_lines(demo.document, (user,), url=demo.document["store"]["url"], port=8000)) == 3
    lines = curl_lines(demo.document, ("José", "user 1"), url=demo.document["store"]["url"], port=8000)
    assert [line.split("'")[1] for line in lines] == ["http://127.0.0.1:8000/coldstart"]


def test_standalone_again_reuses_every_step_and_makes_no_version(demo):
    started = time.monotonic()
    again = command("standalone", str(DATA), "--out", "models/demo", "--no-serve", "--json", *TINY, cwd=demo.root)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("reused: ") == 5
    assert "of 16 halves" in again.stderr
    assert json.loads(again.stdout)["bundle_id"] == demo.document["bundle_id"]
    assert [p.name for p in (demo.root / "models" / "demo").iterdir() if p.is_dir()] == ["1"]
    assert time.monotonic() - started < 60


def test_standalone_with_other_options_in_the_same_run_is_refused(demo):
    other = command("standalone", str(DATA), "--out", "models/demo", "--no-serve", *TINY, "--seed", "5", cwd=demo.root)
    assert other.returncode == 2
    assert "error: runs/demo holds another run; what differs: seed" in other.stderr


def test_verify_of_the_bundle_passes_and_of_a_damaged_one_fails(demo, tmp_path, capsys):
    assert asked(capsys, "verify", str(demo.bundle))["passed"] is True
    broken = tmp_path / "demo" / "1"
    shutil.copytree(demo.bundle, broken)
    content = bytearray((broken / "decoder.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (broken / "decoder.onnx").write_bytes(content)
    assert main(["verify", str(broken)]) == 1
    printed = capsys.readouterr().out
    assert "FAIL  hash" in printed
    assert "hint:" in printed


def test_recommend_gives_unseen_items_of_the_catalogue(demo, user, capsys):
    reply = asked(capsys, "recommend", str(demo.bundle), user, "--store", demo.store, "-n", "5")
    ids = [item["item_id"] for item in reply["items"]]
    assert len(set(ids)) == 5
    assert set(ids) <= set(read_bundle(demo.bundle).catalogue.ids)
    assert reply["source"] == "model"


def test_recommend_with_a_strict_condition_satisfies_it(demo, user, capsys):
    words = ("recommend", str(demo.bundle), user, "--store", demo.store, "--genres", "Horror", "--mode", "strict")
    assert asked(capsys, *words)["condition_satisfied"] == 1.0


def test_explain_an_item_adds_up_to_its_score(demo, user, capsys):
    top = asked(capsys, "recommend", str(demo.bundle), user, "--store", demo.store, "-n", "1")["items"][0]
    told = asked(capsys, "explain", str(demo.bundle), user, "--item", top["item_id"], "--store", demo.store)
    total = told["base_value"] + sum(f["contribution"] for f in told["factors"]) + told["linear"] + told["residual"]
    assert total == pytest.approx(told["score"], rel=1e-5)
    assert told["score"] == pytest.approx(top["score"], rel=1e-5)


def test_explain_without_an_item_is_a_profile(demo, user, capsys):
    assert asked(capsys, "explain", str(demo.bundle), user, "--store", demo.store)["kind"] == "profile"


def test_coldstart_repeats_for_a_seed_and_changes_with_it(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("coldstart", str(demo.bundle), "0:positive", "-n", "5", "--samples", "8")
    first, same, other = (asked(capsys, *words, "--seed", seed) for seed in ("3", "3", "4"))
    assert first == same
    assert [i["score"] for i in first["items"]] != [i["score"] for i in other["items"]]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("recommend", "--explain"), "rank"),
        (("recommend", "--genres", "Horror"), "condition satisfied by"),
        (("explain",), "profile"),
        (("explain", "--item", "i0000"), "by history"),
        (("explain", "--item", "i0000", "--counterfactual"), "counterfactual: "),
    ],
)
def test_answers_without_json_are_tables(words, shown, demo, user, capsys):
    verb, *rest = words
    assert main([verb, str(demo.bundle), user, "--store", demo.store, *rest]) == 0
    assert shown in capsys.readouterr().out


def test_evaluate_of_the_run_prints_the_table(demo, capsys):
    run = str(demo.root / "runs" / "demo")
    assert main(["evaluate", run]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in ("c-vae", "popularity", "ease", "ndcg@100"))


def test_load_again_stores_nothing_twice(demo, capsys):
    counts = asked(capsys, "load", str(demo.root / DATA), "--store", demo.store)
    assert counts["stored"] == 0
    assert counts["known"] == counts["read"] > 0


def test_top_item_for_somebody_who_liked_everything_is_one_of_theirs(tmp_path):
    from prismrec.commands.standalone import _top_item
    from service.bundles.loader import load_bundle
    from tests.builders import make_bundle

    loaded = load_bundle(make_bundle(tmp_path))
    everything = loaded.catalogue.ids
    assert _top_item(loaded, everything) in everything
    assert _top_item(loaded, everything[:3]) not in everything[:3]
