"""From a run to a bundle: refuse what should not be served, export, compare, write, read back, make it current."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bundle import files
from bundle.errors import BundleError
from bundle.manifest import Dims, FileEntry, GoldenCase, Manifest, Metric, Trainer, encode
from bundle.reader import read_bundle
from bundle.writer import check_target, next_version, point_current, write_bundle
from training.data.split import Split
from training.errors import ExportError
from training.evaluate.result import HEADLINE, Evaluation
from training.export.golden import check_golden, golden_cases, held_out_users, made_up_users
from training.export.onnx_graphs import ExportedGraphs, export_graphs
from training.export.parity import OnnxModel, check_parity
from training.provenance import library_versions
from training.run_folder import LoadedRun, RunFolder

GOLDEN_SEED = 20_260_101
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Packed:
    """Everything the manifest tells of, beside the files."""

    loaded: LoadedRun
    evaluation: Evaluation
    exported: ExportedGraphs
    golden: tuple[GoldenCase, ...]


def _now() -> datetime:
    return datetime.now(UTC)


def export_run(
    run: RunFolder,
    model_folder: Path,
    *,
    version: str | None = None,
    force: str | None = None,
    make_current: bool = True,
    clock: Clock = _now,
) -> Path:
    """Make the bundle `model_folder/<version>` of a trained, evaluated and decoded run; returns its folder.

    version       the next whole number when None
    force         a reason to export a model that is not shown to beat the popularity baseline; goes into the manifest
    make_current  False: `current` names what it named before
    clock         gives the time of `created`

    The target is checked first. Takes some seconds and the memory of the weights four times over.
    Raises FitError (a file of the run is missing, or older than the weights), ExportError (refused, or the graphs
    differ from the model), BundleError (target or disk). After an error `current` names what it named before.
    """
    version = next_version(model_folder) if version is None else version
    check_target(model_folder, version)
    decoded = {name: run.require_current(run.path / name).read_bytes() for name in (files.FACTORS, files.LATENT_MAP)}
    run.require_current(run.evaluation)
    evaluation, loaded = run.load_evaluation(), run.load()
    _check_leakage(loaded.split)
    forced = _check_worth(evaluation, loaded, force)
    packed = _export(loaded, evaluation)
    payload = {**packed.exported.content, files.ITEMS: encode(loaded.catalogue), **decoded}
    created = clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def manifest_of(entries: dict[str, FileEntry]) -> Manifest:
        return _manifest(packed, entries, name=model_folder.name, version=version, created=created, forced=forced)

    folder = write_bundle(model_folder, version, payload, manifest_of, make_current=False)
    _read_back(folder)
    if make_current:
        point_current(model_folder, version)
    return folder


def _check_leakage(split: Split) -> None:
    """A held-out user among the training users would make every figure of the bundle worthless."""
    train = set(split.train_users)
    leaked = sum(user in train for part in (split.validation, split.test) for user in part.users)
    if leaked:
        raise ExportError(
            f"{leaked} held-out users are also training users, so the figures of this run mean nothing",
            hint="make the split again with `prismrec train`",
        )


def _check_worth(evaluation: Evaluation, loaded: LoadedRun, force: str | None) -> str | None:
    """The reason for the manifest's `forced` (None when nothing had to be forced), or ExportError."""
    if force is not None and not force.strip():
        raise ExportError("--force needs a reason", hint='say why, e.g. --force "first look at the format"')
    if evaluation.fingerprint != loaded.info.data.fingerprint or evaluation.kind != loaded.info.kind:
        raise ExportError(
            "evaluation.json is of another run or split", hint="run `prismrec evaluate` on this run again"
        )
    refusal = _refusal(evaluation)
    if refusal is None:
        return None
    if force is None:
        raise ExportError(refusal, hint='train it better, or export it all the same with --force "reason"')
    return force.strip()


def _refusal(evaluation: Evaluation) -> str | None:
    if evaluation.part != "test":
        return f"the run was evaluated on its {evaluation.part} users only, on which it was chosen"
    if evaluation.above_popularity is None:
        return "the run was not compared with the popularity baseline"
    if not evaluation.above_popularity:
        ours, theirs = evaluation.model[HEADLINE], evaluation.baselines["popularity"][HEADLINE]
        return (
            f"{HEADLINE} of the model is {ours.mean:.4f} (se {ours.se:.4f}), not above the {theirs.mean:.4f} of "
            f"recommending the most popular items to everyone"
        )
    return None


def _export(loaded: LoadedRun, evaluation: Evaluation) -> _Packed:
    model, n_conditions = loaded.model, loaded.model.n_conditions
    popularity = np.asarray(loaded.catalogue.popularity)
    made_up = made_up_users(popularity, n_conditions=n_conditions, seed=GOLDEN_SEED)
    exported = export_graphs(model)
    users = made_up + held_out_users(loaded.split.validation, n_conditions=n_conditions)
    check_parity(model, exported.content, users, seed=GOLDEN_SEED)
    return _Packed(loaded, evaluation, exported, golden_cases(model, made_up))


def _manifest(
    packed: _Packed, entries: dict[str, FileEntry], *, name: str, version: str, created: str, forced: str | None
) -> Manifest:
    info, model = packed.loaded.info, packed.loaded.model
    libraries = {**info.libraries, **{f"export-{k}": v for k, v in library_versions().items()}}
    if info.git is not None:
        libraries["commit"] = info.git.commit + (" with changes" if info.git.dirty else "")
    return Manifest(
        format_version=1,
        name=name,
        version=version,
        created=created,
        model=info.kind,
        config=info.config,
        dims=Dims(n_items=model.n_items, n_latent=model.n_latent, n_conditions=model.n_conditions),
        graphs=packed.exported.graphs,
        conditions=info.conditions,
        data=info.data,
        seeds=info.seeds,
        metrics=_metrics(packed.evaluation),
        baselines=packed.evaluation.baselines,
        golden=packed.golden,
        trainer=Trainer(version=library_versions().get("prismrec", "unknown"), libraries=libraries),
        files=entries,
        forced=forced,
    )


def _metrics(evaluation: Evaluation) -> dict[str, Metric]:
    """The model's figures; those under a condition are named "<metric> | <way>" ("satisfaction@10 | soft")."""
    found = dict(evaluation.model)
    if evaluation.conditioned is not None:
        for way in ("none", "soft", "strict", "both"):
            figures = evaluation.conditioned.overall.get(way, {})
            found |= {f"{metric} | {way}": figure for metric, figure in figures.items()}
    return found


def _read_back(folder: Path) -> None:
    """What a service would read from the disk gives the golden answers; else the version is never made current."""
    try:
        bundle = read_bundle(folder)
    except BundleError as error:
        raise ExportError(
            f"{folder} cannot be read back: {error.message}", hint="check the disk, remove that folder, export again"
        ) from error
    onnx_model = OnnxModel(bundle.graphs, n_conditions=bundle.manifest.dims.n_conditions)
    check_golden(onnx_model, bundle.manifest.golden)
