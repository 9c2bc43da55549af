"""`prismrec bench-explanations` on tiny data: the page, that it goes on where it stopped, and what is refused."""

from __future__ import annotations

import json
import shutil

import pytest

from prismrec.__main__ import main
from prismrec.explaining import measure

N_USERS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set, a finished run on it, and a bundle that is exported for the measurement."""
    folder = tmp_path_factory.mktemp("work")
    assert main(["data", "synth", str(folder / "data"), "--users", "150", "--items", "120", "--quiet"]) == 0
    tiny = ["--set", "hidden=16", "--set", "latent=4", "--set", "epochs=2", "--threads", "1", "--quiet"]
    assert main(["train", str(folder / "data"), "--model", "mult-vae", "--out", str(folder / "runs" / "m"), *tiny]) == 0
    return folder


def words(folder, *more, kept="kept", out="explanations"):
    where = ["--results", str(folder / "out" / out), "--run", str(folder / kept), "--quiet"]
    return ["bench-explanations", str(folder / "runs"), *where, "--part", "validation", *more]


@pytest.fixture(scope="module")
def measured(folder):
    """The page of twelve users, the lines that were kept, and its bundle."""
    assert main(words(folder, "--users", str(N_USERS), "--flagship", "mult-vae", "--note", "Windy.")) == 0
    kept = next((folder / "kept" / "measured").iterdir())
    bundle = folder / "kept" / "models" / "m"
    return json.loads((folder / "out" / "explanations.json").read_text()), kept, bundle


def test_page_is_written_and_says_every_figure_twice(folder, measured):
    twin, _, _ = measured
    text = (folder / "out" / "explanations.md").read_text()
    model = twin["models"][0]
    assert (twin["part"], twin["n_users"], twin["note"], model["flagship"]) == ("validation", N_USERS, "Windy.", True)
    assert "Windy." in text and "settings and epochs were chosen" in text and "(flagship)" in text
    assert all(claim["said"] in text for claim in model["claims"])
    ours = next(order for order in model["history"] if order["order"] == "the explanation")
    assert f"{ours['at']['del@5']['mean']:.3f} (" in text
    assert ours["at"]["ins@20"]["n"] == N_USERS
    assert sum(model["counterfactuals"]["sizes"].values()) == 10 * N_USERS
    plain = next(row for row in model["additivity"] if (row["situation"], row["view"]) == ("as it is", "factors"))
    assert plain["n"] == 10 * N_USERS and plain["largest"] < 1e-4
    assert (folder / "out" / "explanations.svg").read_text().startswith("<?xml")
    assert str(folder) not in (folder / "out" / "explanations.svg").read_text()


def test_nothing_of_single_users_is_in_the_twin(measured):
    twin, kept, _ = measured
    assert len(kept.read_text().splitlines()) == N_USERS
    assert not [one for one in _lists(twin) if len(one) >= N_USERS]


def test_run_is_left_as_it_was(folder, measured):
    assert not (folder / "runs" / "m" / "factors.json").exists()
    assert not (folder / "runs" / "m" / "evaluation.json").exists()


def test_asked_again_it_measures_nobody_and_with_more_users_only_those(folder, measured, monkeypatch):
    _, kept, _ = measured
    before = kept.read_text()
    rows = []
    real = measure.measured_user
    monkeypatch.setattr(measure, "measured_user", lambda *a, **k: rows.append(k["row"]) or real(*a, **k))
    assert main(words(folder, "--users", str(N_USERS), out="again")) == 0
    assert rows == []
    assert main(words(folder, "--users", str(N_USERS + 2), out="again")) == 0
    assert len(rows) == 2
    assert kept.read_text().startswith(before)


def test_stopped_and_called_again_it_finds_the_same(folder, measured, monkeypatch, capsys):
    _, kept, bundle = measured
    asked = words(folder, "--users", str(N_USERS), "--bundle", str(bundle), kept="other", out="other")
    real, rows = measure.measured_user, []

    def stopped(*arguments, **named):
        rows.append(named["row"])
        if len(rows) == 4:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(measure, "measured_user", stopped)
    assert main(asked) == 130
    assert "users that are measured are kept" in capsys.readouterr().err
    path = next((folder / "other" / "measured").iterdir())
    assert len(path.read_text().splitlines()) == 3
    path.write_bytes(path.read_bytes()[:-20])  # killed in the middle of a line
    monkeypatch.setattr(measure, "measured_user", real)
    assert main(asked) == 0
    assert not (folder / "other" / "models").exists(), "the bundle that was given is used"
    assert _without_costs(path) == _without_costs(kept)[:N_USERS]


def test_draws_are_those_of_the_seed_and_json_is_the_twin(folder, measured, capsys):
    _, kept, bundle = measured
    capsys.readouterr()
    asked = words(folder, "--users", str(N_USERS), "--bundle", str(bundle), "--seed", "3", kept="seeded", out="seeded")
    assert main([*asked, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("pages") == [str(folder / "out" / f"seeded.{end}") for end in ("md", "json", "svg")]
    assert document == json.loads((folder / "out" / "seeded.json").read_text())
    assert document["seed"] == 3
    found = next((folder / "seeded" / "measured").iterdir())
    assert _without_costs(found) != _without_costs(kept)[:N_USERS]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--users", "5000"], "only"),
        (["--models", "rec-vae"], "no run of rec-vae"),
        (["--flagship", "c-vae"], "no run of the flagship 'c-vae'"),
        (["-c", "x.toml"], "takes no -c"),
        (["--bundle", "nowhere"], "nowhere does not exist"),
    ],
)
def test_what_is_not_there_is_refused(folder, measured, more, said, capsys):
    assert main(words(folder, *more)) == 2
    assert said in capsys.readouterr().err


def test_bundle_of_another_run_is_refused_by_what_differs(folder, measured, capsys, tmp_path):
    _, _, bundle = measured
    other = tmp_path / "runs" / "n"
    shutil.copytree(folder / "runs" / "m", other)
    info = json.loads((other / "run.json").read_text())
    info["seeds"]["train"] += 1
    info["data"]["fingerprint"] = "f" * 64
    (other / "run.json").write_text(json.dumps(info))
    asked = ["bench-explanations", str(other), "--bundle", str(bundle), "--results", str(tmp_path / "x"), "--quiet"]
    assert main([*asked, "--run", str(tmp_path / "kept")]) == 2
    told = capsys.readouterr().err
    assert "data and seeds differ" in told and "exported from" in told


def test_run_without_a_split_is_refused(folder, measured, capsys, tmp_path):
    other = tmp_path / "runs" / "n"
    shutil.copytree(folder / "runs" / "m", other)
    (other / "split.npz").unlink()
    asked = ["bench-explanations", str(other), "--results", str(tmp_path / "x"), "--quiet"]
    assert main([*asked, "--run", str(tmp_path / "kept")]) == 2
    assert "has no split.npz" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()


def _without_costs(path):
    """The users by row, but for what the clock said."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    for user in found:
        for removal in user["removals"]:
            del removal["cost"]
    return found


def _lists(document):
    if isinstance(document, dict):
        return [found for value in document.values() for found in _lists(value)]
    if isinstance(document, list):
        inner = [found for value in document for found in _lists(value)]
        return [document, *inner] if all(isinstance(value, int | float) for value in document) else inner
    return []
