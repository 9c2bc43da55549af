"""The exporter's real graphs under the service's loader; skipped where torch is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bundle.manifest import GoldenCase
from bundle.writer import write_bundle
from service.loader import load_bundle
from service.query import Query
from tests.builders import builder_model, make_payload


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
    assert np.allclose(loaded.scores(loaded.encode((9, 4)), (9, 4)), logits, atol=1e-5)
    for seen in ((9, 4), (3,), ()):
        found = loaded.explainer(seen, None, None, (0, 7))
        score = loaded.scores(loaded.encode(seen), seen)[[0, 7]]
        assert np.allclose(found.latent_base + found.latent.sum(1), score, atol=1e-5)
    assert loaded.recommend(Query(history=(4, 9), n=5)).returned == 5
