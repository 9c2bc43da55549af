"""A run folder without training: the builder's planted weights as a torch model, and everything a run leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from bundle.manifest import Conditions, Data, Metric, encode
from tests.builders import BuilderModel, builder_catalogue, builder_model
from tests.builders.catalogue import GENRES
from tests.builders.factor_map import factor_map_of, latent_map_of
from training.data.split import HeldOut, Protocol, Split, assemble_split
from training.data.split_file import save_split
from training.evaluate.result import Conditioned, Evaluation
from training.models.mult_vae import MultVAE
from training.models.registry import make_model
from training.models.weights import weights_of
from training.run_folder import RunFolder
from training.run_info import RunInfo

N_ITEMS = 50


def torch_twin(planted: BuilderModel) -> MultVAE:
    """The torch model with the planted weights."""
    kind = "c-vae" if planted.n_conditions else "mult-vae"
    config = {"hidden": planted.item_in.shape[1], "latent": planted.n_latent}
    model = make_model(kind, n_items=planted.n_items, n_conditions=planted.n_conditions, config=config)
    assert isinstance(model, MultVAE)

    def put(parameter: torch.nn.Parameter, value: np.ndarray) -> None:
        parameter.copy_(torch.from_numpy(value.astype(np.float32)))

    with torch.no_grad():
        put(model.item_in.weight, planted.item_in)
        if model.condition_in is not None:
            put(model.condition_in.weight, planted.condition_in)
        put(model.bias_in, planted.bias_in)
        put(model.to_mu.weight, planted.to_mu.T)
        put(model.to_mu.bias, planted.mu_bias)
        put(model.decoder_hidden.weight, planted.hidden.T)
        put(model.decoder_hidden.bias, planted.hidden_bias)
        put(model.decoder_out.weight, planted.out.T)
        put(model.decoder_out.bias, planted.out_bias)
    return model.eval()


def tiny_split(item_ids: tuple[str, ...], *, leaked: bool = False) -> Split:
    """Twelve training users and three held-out ones in each part, drawn with a seed."""
    rng = np.random.default_rng(3)

    def rows(n: int, length: int) -> sparse.csr_matrix:
        picks = np.concatenate([np.sort(rng.permutation(len(item_ids))[:length]) for _ in range(n)])
        indptr = np.arange(0, n * length + 1, length)
        return sparse.csr_matrix((np.ones(n * length, dtype=np.float32), picks, indptr), shape=(n, len(item_ids)))

    def heldout(prefix: str) -> HeldOut:
        users = ("t0" if leaked else f"{prefix}0", f"{prefix}1", f"{prefix}2")
        return HeldOut(users, rows(3, 6), rows(3, 2))

    return assemble_split(
        item_ids=item_ids,
        train_users=tuple(f"t{u}" for u in range(12)),
        train=rows(12, 8),
        heldout=(heldout("v"), heldout("e")),
        protocol=Protocol(),
    )


def planted_run(folder: Path, *, n_conditions: int = 3, leaked: bool = False) -> RunFolder:
    """A complete run (trained, evaluated, decoded) whose model beats popularity in its evaluation.json."""
    folder.mkdir(parents=True)
    run, planted = RunFolder(folder), builder_model(n_items=N_ITEMS, n_conditions=n_conditions)
    catalogue = builder_catalogue(n_items=N_ITEMS)
    split = tiny_split(catalogue.ids, leaked=leaked)
    model, conditions = torch_twin(planted), GENRES[:n_conditions]
    save_split(split, run.split)
    run.write(run.items, encode(catalogue))
    run.write(run.best, weights_of(model))
    run.write(run.factors, encode(factor_map_of(planted, catalogue)))
    run.write(run.latent_map, encode(latent_map_of(planted, conditions)))
    run.save_info(
        RunInfo(
            name="planted",
            kind=model.kind,
            config=model.config.model_dump(),
            fit={"epochs": 1},
            seeds={"train": 0, "split": 98765},
            device="cpu",
            data=_data(split),
            source="made up",
            protocol=split.protocol,
            conditions=Conditions(attribute="genre" if conditions else None, values=conditions),
            libraries={"torch": str(torch.__version__)},
            git=None,
            complete=True,
        )
    )
    save_evaluation(run, ours=0.4)
    return run


def save_evaluation(run: RunFolder, *, ours: float, part: str = "test", popularity: bool = True) -> None:
    """evaluation.json with a ndcg@100 of `ours` against popularity's 0.2."""
    info = run.load_info()
    conditioned = None
    if info.conditions.values:
        soft = {"satisfaction@10": metric(0.9), "ndcg@100": metric(0.4)}
        conditioned = Conditioned(attribute="genre", overall={"soft": soft}, by_value={})
    evaluation = Evaluation(
        kind=info.kind,
        part=part,
        fingerprint=info.data.fingerprint,
        model={"ndcg@100": metric(ours), "recall@20": metric(0.3)},
        baselines={"popularity": {"ndcg@100": metric(0.2)}} if popularity else {"ease": {"ndcg@100": metric(0.2)}},
        gain={},
        settings={},
        conditioned=conditioned,
    )
    run.write(run.evaluation, evaluation.to_json())


def metric(mean: float) -> Metric:
    return Metric(mean=mean, se=0.01, low=mean - 0.02, high=mean + 0.02, n=3)


def _data(split: Split) -> Data:
    return Data(
        name="planted",
        fingerprint=split.fingerprint,
        n_users=18,
        n_items=len(split.item_ids),
        n_interactions=int(split.train.nnz),
        threshold=4.0,
        min_items=5,
    )
