"""Every model of the registry, through the same steps: it learns a checkerboard, and a service can load its bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bundles.loader import load_bundle
from service.explaining.explain import explain_item
from service.query import Query
from tests.training.boards import blocks, checkerboard, fitted, options
from training.decode.map import decode_run
from training.decode.options import DecodeOptions
from training.evaluate.evaluate import evaluate_run
from training.export.pack import export_run
from training.models.registry import MODELS
from training.run_folder import RunFolder

EXTRA: dict[str, dict[str, object]] = {"macrid-vae": {"concepts": 2, "latent": 32, "hidden": 64}}
"""Blocks of two numbers would be coarse, and their encoder's path passes close to 0 (macrid_vae.py)."""


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_model_beats_popularity_on_the_checkerboard(tmp_path: Path, kind: str) -> None:
    settings = options(kind, model=EXTRA.get(kind), epochs=24, patience=24, beta_cap=0.05)
    fitted(tmp_path / "run", checkerboard(80), settings)
    evaluation = evaluate_run(RunFolder(tmp_path / "run"), baselines=("popularity",))
    ours, popular = evaluation.model["ndcg@100"], evaluation.baselines["popularity"]["ndcg@100"]
    assert ours.mean > popular.mean + 0.2
    assert ours.mean > 0.95


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_model_is_decoded_exported_and_served_by_the_same_code(tmp_path: Path, kind: str) -> None:
    """A board with fewer liked items than a list has ranks would tie with popularity: hence 96 items."""
    run, split = RunFolder(tmp_path / "run"), blocks(120, n_items=96)
    fitted(run.path, split, options(kind, model=EXTRA.get(kind), epochs=24, patience=24, beta_cap=0.02))
    evaluate_run(run, baselines=("popularity",))
    decode_run(run, DecodeOptions(permutations=20, bootstraps=20, users=20, samples=8))
    loaded = load_bundle(export_run(run, tmp_path / "models" / "board"))
    assert loaded.manifest.model == kind
    history = tuple(int(ix) for ix in split.test.fold_in[0].indices)
    ranking = loaded.recommend(Query(history=history))
    assert len(ranking.items) == 10
    told = explain_item(loaded, Query(history=history), ranking.items[0].item_ix)
    assert abs(told.residual) < 1e-4 * max(1.0, abs(told.score))
    through_factors = sum(factor.contribution for factor in told.factors)
    assert told.base_value + through_factors + told.linear == pytest.approx(told.score, abs=1e-3)
    assert (told.linear != 0.0) == (kind == "additive-vae")
