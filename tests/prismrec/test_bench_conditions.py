"""`prismrec bench-conditions` on tiny data: the page, and what is refused."""

from __future__ import annotations

import json

import pytest

from prismrec.__main__ import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set and a run of two models on it."""
    folder = tmp_path_factory.mktemp("work")
    assert main(["data", "synth", str(folder / "data"), "--users", "120", "--items", "40", "--quiet"]) == 0
    tiny = ["--set", "hidden=16", "--set", "latent=4", "--set", "epochs=1", "--threads", "1", "--quiet"]
    for kind in ("c-vae", "mult-vae"):
        assert main(["train", str(folder / "data"), "--model", kind, "--out", str(folder / "runs" / kind), *tiny]) == 0
    return folder


def words(folder, *more):
    return ["bench-conditions", str(folder / "runs"), "--results", str(folder / "out" / "conditions"), *more]


def test_page_is_written_from_a_folder_of_runs(folder, capsys):
    asked = ["--part", "validation", "--baselines", "ease", "--flagship", "c-vae", "--note", "Windy.", "--json"]
    assert main(words(folder, *asked)) == 0
    document = json.loads(capsys.readouterr().out)
    twin = json.loads((folder / "out" / "conditions.json").read_text())
    assert {key: value for key, value in document.items() if key != "pages"} == twin
    assert [one["model"] for one in twin["models"]] == ["c-vae", "mult-vae", "ease"]
    assert (twin["part"], twin["flagship"], twin["attribute"], twin["note"]) == (
        "validation",
        "c-vae",
        "genre",
        "Windy.",
    )
    single = twin["sorts"][0]
    assert single["figures"]["mult-vae"]["strict"]["satisfaction@10"]["mean"] == 1.0
    assert {gain["model"] for gain in single["against"]} == {"c-vae"}
    assert "c-vae, soft, against" in (folder / "out" / "conditions.md").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--baselines", "oracle"], "oracle"),
        (["--flagship", "rec-vae"], "no run of the flagship"),
        (["--condition", "colour"], "colour"),
        (["--seed", "3"], "neither -c nor --seed"),
    ],
)
def test_what_is_not_there_is_refused(folder, more, said, capsys):
    assert main(words(folder, *more)) == 2
    assert said in capsys.readouterr().err


def test_folder_without_runs_is_refused(folder, capsys):
    assert main(["bench-conditions", str(folder / "data"), "--results", str(folder / "x")]) == 2
    assert "holds none" in capsys.readouterr().err
