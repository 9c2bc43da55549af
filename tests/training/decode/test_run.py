"""decode and report on a run folder as `train` leaves it."""

from __future__ import annotations

import msgspec
import pytest

from bundle.factors import FactorMap, LatentMap
from tests.training.decode.planted import QUICK
from training.data.catalogue import build_catalogue
from training.data.split import Protocol, split_dataset
from training.data.synth import SynthConfig, synthesise
from training.decode.map import decode_run
from training.decode.report import write_report
from training.errors import DecodeError, FitError
from training.fit import fit
from training.models.registry import config_for
from training.options import FitOptions, RunOptions, fit_config
from training.run_folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    dataset = synthesise(SynthConfig(n_users=120, n_items=80, mean_history=15)).dataset
    split = split_dataset(dataset, Protocol(threshold=None))
    options = FitOptions(
        name="tiny",
        data_name="synth",
        source="synth",
        kind="c-vae",
        model=config_for("c-vae", {"hidden": 8, "latent": 3}),
        fit=fit_config({"epochs": 2}),
        run=RunOptions(threads=1, progress="none"),
    )
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    fit(folder, split, build_catalogue(dataset, split), options)
    return folder


def test_write_report_before_decoding_says_which_command_comes_first(run):
    with pytest.raises(FitError) as caught:
        write_report(run)
    assert "prismrec decode" in caught.value.hint


def test_decode_run_writes_what_it_returns_and_the_report_reads_it(run):
    found = decode_run(run, QUICK)
    assert msgspec.json.decode(run.factors.read_bytes(), type=FactorMap) == found
    latent = msgspec.json.decode(run.latent_map.read_bytes(), type=LatentMap)
    assert len(latent.conditions) == len(latent.centroids) == len(latent.spreads) > 1
    page = write_report(run)
    assert page == run.report
    html = page.read_text(encoding="utf-8")
    assert "tiny: what its latent factors encode" in html
    assert html.count("<svg") == 4 + sum(f.active for f in found.factors)


def test_write_report_damaged_map_is_an_error_with_a_hint(run):
    decode_run(run, QUICK)
    run.factors.write_bytes(b'{"settings": {}}')
    with pytest.raises(DecodeError) as caught:
        write_report(run)
    assert "decode" in caught.value.hint
