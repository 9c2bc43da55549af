"""The exporter's real graphs under the service's loader; skipped where torch is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bundle.manifest import GoldenCase
from bundle.writer import write_bundle
from service.bundles.loader import load_bundle
from service.query import Query
from tests.builders import builder_catalogue, builder_model, make_payload


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_load_bundle_of_an_exported_torch_model_answers_as_torch_does(tmp_path: Path) -> None:
    """The real exporter's operators are on the list, and its explainer adds up with any history, even none."""
    torch = pytest.importorskip("torch")
    from training.export.onnx_graphs import export_graphs
    from training.models.mult_vae import MultVAE, MultVAEConfig

    torch.manual_seed(0)
    model = MultVAE(50, MultVAEConfig(hidden=16, latent=4), n_conditions=3).eval()
    exported = export_graphs(model)
    payload, manifest_of = make_payload(builder_model())
    with torch.no_grad():
        history, mask = torch.tensor([[4, 9]]), torch.ones(1, 2)
        logits = model.decode(model.encode_padded(history, mask, torch.zeros(1, 3)))[0].numpy()
    top = np.argsort(-logits, kind="stable")[:5]
    case = GoldenCase(
        history=(4, 9),
        condition=(),
        top_items=tuple(map(int, top)),
        scores=tuple(map(float, logits[top])),
        tolerance=1e-4,
    )

    def manifest(entries):
        good = manifest_of(entries)
        fields = {f: getattr(good, f) for f in good.__struct_fields__}
        return type(good)(**{**fields, "graphs": exported.graphs, "golden": (case,)})

    loaded = load_bundle(write_bundle(tmp_path / "demo", "1", {**payload, **exported.content}, manifest))
    assert np.allclose(loaded.scores(loaded.encode((9, 4)), (9, 4), shift=None), logits, atol=1e-5)
    for seen in ((9, 4), (3,), ()):
        found = loaded.explainer(seen, None, None, (0, 7))
        score = loaded.scores(loaded.encode(seen), seen, shift=None)[[0, 7]]
        assert np.allclose(found.latent_base + found.latent.sum(1), score, atol=1e-5)
    assert loaded.recommend(Query(history=(4, 9), n=5)).returned == 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("linear_items", [50, 20])
def test_load_bundle_of_an_exported_model_with_a_linear_term_answers_as_torch_does(
    tmp_path: Path, linear_items: int
) -> None:
    """The term over all items and over a part of them; any, all and no values asked, one who steers, in one batch."""
    torch = pytest.importorskip("torch")
    from scipy import sparse

    from training.export.onnx_graphs import export_graphs
    from training.models.additive_vae import AdditiveVAE, AdditiveVAEConfig
    from training.rows import sparse_rows

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    config = AdditiveVAEConfig(hidden=16, latent=4, linear_items=linear_items, linear_ridge=20.0)
    model = AdditiveVAE(50, config, n_conditions=3)
    payload, manifest_of = make_payload(builder_model(linear=True))
    members = builder_catalogue().attribute("genre").members
    model.prepare(sparse.csr_matrix((rng.random((80, 50)) < 0.2).astype(np.float32)), members)
    model.start_validation()
    model.eval()
    assert float(model.scale) > 0
    model.linear_along.copy_(torch.from_numpy(rng.normal(size=(4, linear_items))))
    shift = np.array([1.0, -0.5, 2.0, 0.0], dtype=np.float32)
    exported = export_graphs(model)

    def truth(history: tuple[int, ...], *condition: float, shift: np.ndarray | None = None) -> np.ndarray:
        row = sparse.csr_matrix((np.ones(len(history)), history, [0, len(history)]), shape=(1, 50), dtype=np.float32)
        with torch.no_grad():
            rows, asked = sparse_rows(row), torch.tensor([condition], dtype=torch.float32)
            moved = None if shift is None else torch.from_numpy(shift)[None, :]
            return model.score_at(model.encode(rows, asked).mu, rows, asked, shift=moved)[0].numpy()

    def manifest(entries):
        good = manifest_of(entries)
        case = _case(truth((4, 9), 1, 0, 0), history=(4, 9), condition=(0,))
        return type(good)(
            **{f: getattr(good, f) for f in good.__struct_fields__} | {"graphs": exported.graphs, "golden": (case,)}
        )

    loaded = load_bundle(write_bundle(tmp_path / "demo", "1", {**payload, **exported.content}, manifest))
    pair = {match: loaded.condition(["Comedy", "Drama"], match=match) for match in ("any", "all")}
    asked = [
        (Query(history=(4, 9), n=50), (0, 0, 0)),
        (Query(history=(2, 3, 30, 49), n=50, condition=pair["any"]), (1, 1, 0)),
        (Query(history=(7,), n=50, condition=pair["all"]), (0.5, 0.5, 0)),
        (Query(history=(), n=50, condition=pair["all"]), (0.5, 0.5, 0)),
        (Query(history=(4, 9), n=50, shift=shift), (0, 0, 0)),
        (Query(history=(7, 8), n=50, condition=pair["any"], shift=shift), (1, 1, 0)),
    ]
    for (query, condition), answer in zip(asked, loaded.recommend_batch([query for query, _ in asked]), strict=True):
        scores = truth(query.history, *condition, shift=query.shift)
        assert np.allclose([i.score for i in answer.items], scores[[i.item_ix for i in answer.items]], atol=1e-4)
        told = loaded.explainer(query.history, query.condition, query.shift, (0, 7, 49))
        assert np.allclose(told.latent_base + told.latent.sum(1) + told.linear.sum(1), scores[[0, 7, 49]], atol=1e-4)
        assert np.allclose(told.history_base + told.history.sum(1), scores[[0, 7, 49]], atol=1e-3)


def _case(scores: np.ndarray, **asked: tuple[int, ...]) -> GoldenCase:
    top = tuple(int(j) for j in np.argsort(-scores, kind="stable")[:5])
    return GoldenCase(**asked, top_items=top, scores=tuple(float(scores[j]) for j in top), tolerance=1e-3)
