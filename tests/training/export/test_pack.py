"""export_run: what comes out, what is refused, and that a refusal costs nothing."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import numpy as np
import pytest

from bundle.errors import FilesError, HashError
from bundle.reader import read_bundle, resolve, versions
from prismrec.__main__ import main
from service.bundles.loader import load_bundle
from tests.builders import builder_model
from training.errors import ExportError, FitError
from training.export import pack
from training.export.onnx_graphs import export_graphs
from training.export.pack import export_run

from .planted_run import planted_run, save_evaluation, torch_twin

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def planted_graphs():
    return {n: export_graphs(torch_twin(builder_model(n_conditions=n))) for n in (0, 3)}


@pytest.fixture
def quick(planted_graphs, monkeypatch):
    """The exporter's seconds spent once a module: the weights are always the same."""
    monkeypatch.setattr(pack, "export_graphs", lambda model: planted_graphs[model.n_conditions])


@pytest.fixture
def never(monkeypatch):
    """Long work that a refusal must not reach."""

    def called(_model):
        raise AssertionError("graphs were exported before the refusal")

    monkeypatch.setattr(pack, "export_graphs", called)


@pytest.mark.parametrize("n_conditions", [0, 3])
def test_export_run_gives_a_bundle_that_the_service_loads_and_that_answers_as_the_model(tmp_path, quick, n_conditions):
    run = planted_run(tmp_path / "run", n_conditions=n_conditions)
    folder = export_run(run, tmp_path / "models" / "demo", clock=lambda: NOON)
    loaded = load_bundle(folder)
    twin = builder_model(n_conditions=n_conditions)
    np.testing.assert_allclose(loaded.encode((0, 4, 9), None), twin.encode((0, 4, 9)), atol=1e-5)
    assert resolve(tmp_path / "models" / "demo") == folder.resolve()


def test_export_run_manifest_tells_where_everything_came_from(tmp_path, quick):
    run = planted_run(tmp_path / "run")
    manifest = read_bundle(export_run(run, tmp_path / "demo", clock=lambda: NOON)).manifest
    info = run.load_info()
    assert (manifest.name, manifest.version, manifest.created) == ("demo", "1", "2026-03-04T12:00:00Z")
    assert (manifest.data, manifest.seeds, manifest.conditions) == (info.data, info.seeds, info.conditions)
    assert manifest.metrics["ndcg@100"].mean == 0.4 and manifest.metrics["satisfaction@10 | soft"].mean == 0.9
    assert manifest.baselines["popularity"]["ndcg@100"].mean == 0.2
    assert manifest.forced is None
    assert {"torch", "export-torch", "export-onnx"} <= set(manifest.trainer.libraries)
    assert len(manifest.golden) >= 8 and any(case.condition for case in manifest.golden)


def test_export_run_golden_histories_are_nobodys(tmp_path, quick):
    run = planted_run(tmp_path / "run")
    manifest = read_bundle(export_run(run, tmp_path / "demo")).manifest
    split = run.load_split()
    rows = [
        m[i].indices for m in (split.train, split.validation.fold_in, split.test.fold_in) for i in range(m.shape[0])
    ]
    people = {tuple(sorted(int(ix) for ix in row)) for row in rows}
    assert not people & {tuple(sorted(case.history)) for case in manifest.golden}


def test_export_run_twice_gives_two_versions_of_the_same_content(tmp_path, quick):
    run = planted_run(tmp_path / "run")
    first = export_run(run, tmp_path / "demo", clock=lambda: NOON)
    second = export_run(run, tmp_path / "demo", clock=lambda: NOON)
    assert versions(tmp_path / "demo") == ["1", "2"] and resolve(tmp_path / "demo").name == "2"
    one, two = (json.loads((folder / "manifest.json").read_text()) for folder in (first, second))
    assert one | {"version": "2", "digest": two["digest"]} == two and one["digest"] != two["digest"]


def test_export_not_made_current_says_which_version_is_and_how_to_serve_the_new_one(tmp_path, quick, capsys):
    run, target = planted_run(tmp_path / "run"), tmp_path / "demo"
    words = ["export", str(run.path), "--out", str(target)]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["current"] == "1"
    assert main([*words, "--no-current"]) == 0
    assert f"current is 1; serve this one with `prismrec use {target} 2`" in capsys.readouterr().out
    assert (resolve(target).name, versions(target)) == ("1", ["1", "2"])
    assert main(["use", str(target), "2"]) == 0
    assert resolve(target).name == "2"
    assert main(words) == 0
    assert "it is current" in capsys.readouterr().out
    assert resolve(target).name == "3"


def test_export_run_of_model_below_popularity_is_refused_before_any_work(tmp_path, never):
    run = planted_run(tmp_path / "run")
    save_evaluation(run, ours=0.15)
    with pytest.raises(ExportError, match=r"0\.1500 .* not above the 0\.2000") as refused:
        export_run(run, tmp_path / "demo")
    assert "--force" in refused.value.hint
    assert versions(tmp_path / "demo") == []


@pytest.mark.parametrize("changes", [{"ours": 0.15}, {"ours": 0.2}, {"popularity": False}, {"part": "validation"}])
def test_export_run_forced_records_the_reason(tmp_path, quick, changes):
    run = planted_run(tmp_path / "run")
    save_evaluation(run, **{"ours": 0.4, **changes})
    with pytest.raises(ExportError):
        export_run(run, tmp_path / "demo")
    folder = export_run(run, tmp_path / "demo", force="  a look at the format ")
    assert read_bundle(folder).manifest.forced == "a look at the format"


def test_export_run_of_good_model_with_force_has_nothing_to_record(tmp_path, quick):
    folder = export_run(planted_run(tmp_path / "run"), tmp_path / "demo", force="not needed")
    assert read_bundle(folder).manifest.forced is None


def test_export_run_with_blank_reason_is_refused(tmp_path, never):
    with pytest.raises(ExportError, match="needs a reason"):
        export_run(planted_run(tmp_path / "run"), tmp_path / "demo", force="  ")


def test_t14_export_run_of_leaking_split_is_refused_even_when_forced(tmp_path, never):
    run = planted_run(tmp_path / "run", leaked=True)
    with pytest.raises(ExportError, match="2 held-out users are also training users"):
        export_run(run, tmp_path / "demo", force="I insist")


def test_export_run_with_evaluation_of_another_split_is_refused(tmp_path, never):
    run = planted_run(tmp_path / "run")
    text = run.evaluation.read_text().replace(run.load_info().data.fingerprint, "f" * 64)
    run.evaluation.write_text(text)
    with pytest.raises(ExportError, match="another run"):
        export_run(run, tmp_path / "demo", force="I insist")


@pytest.mark.parametrize("name", ["evaluation", "factors", "latent_map", "best"])
def test_export_run_of_incomplete_run_names_what_is_missing(tmp_path, never, name):
    run = planted_run(tmp_path / "run")
    path = getattr(run, name)
    path.unlink()
    with pytest.raises(FitError, match=path.name.replace(".", r"\.")):
        export_run(run, tmp_path / "demo")


@pytest.mark.parametrize("name", ["evaluation", "factors", "latent_map"])
def test_export_run_with_a_file_older_than_the_weights_is_refused(tmp_path, never, name):
    run = planted_run(tmp_path / "run")
    path = getattr(run, name)
    older = run.best.stat().st_mtime_ns - 1
    os.utime(path, ns=(older, older))
    with pytest.raises(FitError, match=rf"{path.name} is older than the weights"):
        export_run(run, tmp_path / "demo", force="I insist")
    assert not (tmp_path / "demo" / "1").exists()


@pytest.mark.parametrize(
    "obstacle", ["version exists", "version link", "model is a file", "bad version", "pointer's name"]
)
def test_t9_export_run_to_unusable_target_is_refused_before_any_work(tmp_path, never, obstacle):
    run, target, version = planted_run(tmp_path / "run"), tmp_path / "demo", "7"
    if obstacle == "model is a file":
        target.write_text("")
    elif obstacle == "bad version":
        version = "../7"
    elif obstacle == "pointer's name":
        version = "current"
    elif obstacle == "version link":
        target.mkdir()
        (target / version).symlink_to(tmp_path / "nowhere")
    else:
        (target / version).mkdir(parents=True)
    with pytest.raises(FilesError) as refused:
        export_run(run, target, version=version)
    assert refused.value.hint


def test_export_run_with_map_of_another_catalogue_is_refused_and_nothing_is_written(tmp_path, quick):
    run = planted_run(tmp_path / "run")
    run.factors.write_text(run.factors.read_text().replace('"Comedy"', '"Commedia"'))
    with pytest.raises(Exception, match="Commedia"):
        export_run(run, tmp_path / "demo")
    assert versions(tmp_path / "demo") == []


def test_export_run_whose_disk_lies_leaves_the_older_version_current(tmp_path, quick, monkeypatch):
    run, target = planted_run(tmp_path / "run"), tmp_path / "demo"
    export_run(run, target)
    write = pack.write_bundle

    def lying_disk(*args, **kwargs):
        folder = write(*args, **kwargs)
        content = bytearray((folder / "decoder.onnx").read_bytes())
        content[100] ^= 1
        (folder / "decoder.onnx").write_bytes(bytes(content))
        return folder

    monkeypatch.setattr(pack, "write_bundle", lying_disk)
    with pytest.raises(ExportError, match="cannot be read back"):
        export_run(run, target)
    assert resolve(target).name == "1"
    with pytest.raises(HashError):
        read_bundle(target / "2")


def test_export_run_whose_graphs_differ_writes_nothing(tmp_path, planted_graphs, monkeypatch):
    monkeypatch.setattr(pack, "export_graphs", lambda model: planted_graphs[model.n_conditions])
    run = planted_run(tmp_path / "run")
    other = torch_twin(builder_model(seed=4))
    from training.models.weights import weights_of

    run.write(run.best, weights_of(other))
    for made in (run.evaluation, run.factors, run.latent_map):
        os.utime(made)
    with pytest.raises(ExportError, match="golden user"):
        export_run(run, tmp_path / "demo")
    assert versions(tmp_path / "demo") == []
