"""The quick verbs: data, version, doctor, verify on a built bundle."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from prismrec.__main__ import main
from prismrec.bundles import opened_store
from prismrec.checks import check_writable
from prismrec.commands.doctor import check_extras
from prismrec.commands.doctor_serving import check_port
from service.store import Interaction, Write
from tests.builders import DAMAGES, damage, make_bundle


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_version_prints_one_document(capsys):
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bundle_format"] == 1


def test_help_without_arguments_goes_to_stdout(capsys):
    assert main([]) == 0
    captured = capsys.readouterr()
    assert "standalone" in captured.out
    assert captured.err == ""


def test_help_of_every_verb_says_where_global_options_are(capsys):
    for verb in (["train"], ["score"], ["data", "synth"], ["recommend"], ["standalone"], ["doctor"]):
        assert main([*verb, "--help"]) == 0
        assert "--no-progress" in capsys.readouterr().out


def test_synth_with_a_seed_is_repeatable(tmp_path, capsys):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["data", "synth", name, "--users", "50", "--items", "30", "--seed", seed, "--name", "x"]) == 0
    tables = [(tmp_path / name / "interactions.parquet").read_bytes() for name in "abc"]
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]


def test_convert_keeps_what_was_read(tmp_path, capsys):
    rows = "".join(f"u{u},i{i},5\n" for u in range(12) for i in range(6))
    (tmp_path / "interactions.csv").write_text("user_id,item_id,rating\n" + rows + "u1,i1,5\n")
    assert main(["data", "convert", "interactions.csv", "out", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["n_read"], document["n_interactions"]) == (73, 72)
    assert sum(reject["count"] for reject in document["rejects"]) == 1
    assert main(["data", "describe", "out", "--heldout", "2"]) == 0
    assert "density" in capsys.readouterr().out


def test_validate_fails_with_exit_code_1_and_passes_with_0(tmp_path, capsys):
    assert main(["data", "synth", "tiny", "--users", "60", "--items", "40"]) == 0
    assert main(["data", "validate", "tiny"]) == 1
    assert "FAIL  enough users to hold out" in capsys.readouterr().out
    assert main(["data", "validate", "tiny", "--heldout", "20", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [c["name"] for c in document["checks"] if c["passed"] is False]


def test_validate_fails_bad_lines_by_the_share_that_is_allowed(tmp_path, capsys):
    rows = "".join(f"u{u},i{i},5\n" for u in range(12) for i in range(6))
    (tmp_path / "bad.csv").write_text("user_id,item_id,rating\n" + rows + "u1,i1,much\n" * 8)
    assert main(["data", "validate", "bad.csv"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  lines readable: 8 of 80 lines (10.00%, at most 1.00% may be)" in said
    assert "hint: repair these lines" in said
    main(["data", "validate", "bad.csv", "--max-bad", "0.1"])
    assert "PASS  lines readable: 8 of 80" in capsys.readouterr().out


def test_describe_names_the_quantiles_of_histories(tmp_path, capsys):
    assert main(["data", "synth", "tiny", "--users", "60", "--items", "40"]) == 0
    capsys.readouterr()
    assert main(["data", "describe", "tiny"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("shortest history", "history of the 5% quantile", "median history"))
    assert main(["data", "describe", "tiny", "--json"]) == 0
    quantiles = json.loads(capsys.readouterr().out)["history_quantiles"]
    assert list(quantiles) == ["0", "0.05", "0.25", "0.5", "0.75", "0.95", "1"]


def test_describe_tells_the_epochs_until_latents_are_active(tmp_path, capsys):
    assert main(["data", "synth", "tiny", "--users", "60", "--items", "40"]) == 0
    capsys.readouterr()
    assert main(["data", "describe", "tiny"]) == 0
    said = capsys.readouterr()
    assert "expected epochs until the latents carry tastes" in said.out
    assert "docs/results/complexity.md" in said.err
    assert main(["data", "describe", "tiny", "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)["expected_epochs"]
    assert 0 < expected["low"] < expected["epochs"] < expected["high"]


def test_train_says_when_it_was_likely_too_short(tmp_path, capsys):
    assert main(["data", "synth", "tiny", "--users", "80", "--items", "40"]) == 0
    words = ["--model", "mult-vae", "--set", "hidden=16", "--set", "latent=4", "--threads", "1"]
    assert main(["train", "tiny", *words, "-o", "short", "--set", "epochs=1"]) == 0
    assert "likely too short" in capsys.readouterr().err
    quick = ["--set", "learning_rate=0.05", "--set", "batch_size=8", "--set", "epochs=12", "--set", "beta_cap=0.01"]
    assert main(["train", "tiny", *words, "-o", "enough", *quick]) == 0
    assert "likely too short" not in capsys.readouterr().err


def interactions(tmp_path, name: str, item: str) -> str:
    rows = "".join(f"u{u},{item}{i},5\n" for u in range(12) for i in range(6))
    (tmp_path / f"{name}.csv").write_text("user_id,item_id,rating\n" + rows)
    return f"{name}.csv"


def histories(url: str) -> set[str]:
    with opened_store(url) as store:
        return {item for user in store.users(100) for item in store.history(user.user_id) or ()}


def test_load_of_other_data_into_the_same_store_is_refused_unless_merged(tmp_path, capsys):
    films, books = interactions(tmp_path, "films", "i"), interactions(tmp_path, "books", "j")
    url = "sqlite:///mixed.sqlite"
    assert main(["load", films, "--store", url]) == 0
    assert main(["load", films, "--store", url]) == 0, "the same data again is no other data"
    capsys.readouterr()
    assert main(["load", books, "--store", url]) == 2
    said = capsys.readouterr().err
    assert "histories of other data (films)" in said
    assert "--merge" in said
    assert not any(item.startswith("j") for item in histories(url))
    assert main(["load", books, "--store", url, "--merge"]) == 0
    assert {item[0] for item in histories(url)} == {"i", "j"}


def test_load_beside_histories_of_unknown_origin_warns(tmp_path, capsys):
    url = "sqlite:///mixed.sqlite"
    with opened_store(url) as store:
        store.append(Write("u1", (Interaction("elsewhere"),), "key"))
    assert main(["load", interactions(tmp_path, "films", "i"), "--store", url]) == 0
    assert "warning: the store holds items of other data" in capsys.readouterr().err


def test_load_leaves_out_users_that_no_request_can_name_and_says_so(tmp_path, capsys):
    rows = "".join(f"{user},i{i}\n" for user in ("José", "user 1", "a/b", "u1") for i in range(3))
    (tmp_path / "odd.csv").write_text("user_id,item_id\n" + rows, "utf-8")
    assert main(["load", "odd.csv", "--store", "sqlite:///odd.sqlite", "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["users"], document["stored"], document["left_out"][0]["count"]) == (1, 3, 3)
    assert "3 users whose id the service does not take" in captured.err
    assert "'José'" in captured.err
    with opened_store("sqlite:///odd.sqlite") as store:
        assert [user.user_id for user in store.users(10)] == ["u1"]


def test_load_goes_to_the_store_of_the_model_that_is_named(tmp_path, capsys):
    for name in ("demo", "other"):
        make_bundle(tmp_path / "models", name=name)
    films = interactions(tmp_path, "films", "i")
    assert main(["load", films]) == 2
    assert "models holds 2 models (demo, other)" in capsys.readouterr().err
    assert main(["load", films, "--model", "nobody"]) == 2
    assert "the models there are demo, other" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.sqlite"))
    assert main(["load", films, "--model", "demo"]) == 0
    assert main(["load", films, "--model", "models/other"]) == 0
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.sqlite"))
    assert found == ["models/demo.sqlite", "models/other.sqlite"]


def test_recommend_reads_the_store_beside_the_model_from_any_folder(tmp_path, monkeypatch, capsys):
    bundle = make_bundle(tmp_path / "models")
    with opened_store(f"sqlite:///{tmp_path}/models/demo.sqlite") as store:
        store.append(Write("u1", (Interaction("m0"),), "key"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for place in (bundle, bundle.parent, bundle.parent.parent, Path("../models/demo")):
        assert main(["recommend", str(place), "u1"]) == 0
    assert not list((tmp_path / "elsewhere").iterdir())


def test_verify_of_a_good_bundle_passes(tmp_path, capsys):
    assert main(["verify", str(make_bundle(tmp_path / "models"))]) == 0
    assert "FAIL" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", sorted(DAMAGES))
def test_verify_of_a_damaged_bundle_fails_at_its_check(kind, tmp_path, capsys):
    bundle = make_bundle(tmp_path / "models")
    damage(bundle, kind)
    code = main(["verify", str(bundle), "--json"])
    document = json.loads(capsys.readouterr().out)
    failed = [check for check in document["checks"] if check["passed"] is False]
    assert (code, [check["name"] for check in failed]) == (1, [DAMAGES[kind]])
    assert failed[0]["hint"]
    assert "prismrec verify" not in failed[0]["hint"], "that is what was just run"


def test_doctor_on_a_good_machine_passes(capsys):
    assert main(["doctor", "--port", str(free_port())]) == 0
    assert "FAIL" not in capsys.readouterr().out


def test_doctor_with_a_taken_port_fails(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert check_port(port).passed is False
        assert main(["doctor", "--port", str(port)]) == 1
    assert "FAIL  port" in capsys.readouterr().out


def test_standalone_on_a_taken_port_says_how_to_choose_another_for_both_callers(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["standalone", "data", "--out", "models/x", "--port", port]) == 2
    said = capsys.readouterr().err
    assert "--port" in said
    assert "PORT=" in said


def test_doctor_tells_a_torn_extra_from_an_absent_one(monkeypatch):
    monkeypatch.setattr("prismrec.commands.doctor._installed", lambda package: package != "torch")
    found = {line.name: line.passed for line in check_extras()}
    assert found.pop("extra train") is False
    assert set(found.values()) == {True}


def test_doctor_sees_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "runs").write_text("")
    assert check_writable("runs", tmp_path / "runs").passed is False
    assert check_writable("runs", tmp_path / "elsewhere" / "runs").passed is True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
