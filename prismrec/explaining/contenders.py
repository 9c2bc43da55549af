"""Finished runs with a bundle of each: one that is given and is of the run, or one exported for the measurement."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bundle.manifest import Manifest
from bundle.reader import read_bundle
from prismrec import stages
from prismrec.asked_runs import names, runs_of
from prismrec.bundles import find_bundle
from prismrec.failures import CommandError
from prismrec.session import Session
from service.bundles.loader import load_bundle
from service.engine import LoadedBundle
from training.bench.spaces import label_of
from training.decode.options import DecodeOptions
from training.errors import FitError
from training.run_folder import RunFolder
from training.run_info import RunInfo

MEASURED_ONLY = "exported to be measured, not to be served"


@dataclass(frozen=True)
class Contender:
    """A run, the bundle of it, and the name of its row."""

    label: str
    kind: str
    run: RunFolder
    bundle: Path

    @property
    def guided(self) -> bool:
        return self.label != self.kind

    @cached_property
    def manifest(self) -> Manifest:
        return read_bundle(self.bundle).manifest

    @property
    def bundle_id(self) -> str:
        return read_bundle(self.bundle).bundle_id

    @property
    def fingerprint(self) -> str:
        return self.manifest.data.fingerprint

    def load(self) -> LoadedBundle:
        """As the service loads it. CommandError when its items are not those of the run's split, in their order."""
        loaded = load_bundle(self.bundle)
        if loaded.catalogue.ids != self.run.load_split().item_ids:
            raise CommandError(
                f"the items of {self.bundle} are not those of the run {self.run.path}",
                hint="export the bundle from this run, or leave --bundle out",
            )
        return loaded


def chosen_runs(places: Sequence[Path], models: str | None, note: Callable[[str], None]) -> list[RunFolder]:
    """One finished run of each model, that of the lowest seed; a note names those left out.

    FitError where there is none; CommandError when a model that is asked for has no run, or splits differ.
    """
    kept = runs_of(places, names(models), note)
    first: dict[str, tuple[RunFolder, RunInfo]] = {}
    for run, info in sorted(kept, key=lambda pair: pair[1].seeds["train"]):
        first.setdefault(label_of(info), (run, info))
    runs = [run for run, _ in kept if any(run is one for one, _ in first.values())]
    if len(runs) < len(kept):
        note(f"one run of each model: {len(kept) - len(runs)} of other seeds are left out")
    return runs


def contenders(session: Session, runs: Sequence[RunFolder], given: Sequence[Path], root: Path) -> list[Contender]:
    """Each run with its bundle. CommandError when a bundle that is given is of none of them, naming what differs.

    Without one the run is decoded and exported below `root`, which takes minutes once; the run stays as it is.
    """
    folders = [find_bundle(path) for path in given]
    mine = {run.path: [folder for folder in folders if not differences(run, folder)] for run in runs}
    for folder in folders:
        if not any(folder in found for found in mine.values()):
            what = " and ".join(differences(runs[0], folder))
            of = f"of {runs[0].path}" if len(runs) == 1 else "of any of these runs"
            raise CommandError(
                f"the bundle {folder} is not {of}: {what} differ", hint="name the run it was exported from"
            )
    made = []
    for run in runs:
        run.load_split()  # a run without one is refused before minutes are spent
        info = run.load_info()
        bundle = mine[run.path][0] if mine[run.path] else exported(session, run, root)
        made.append(Contender(label_of(info), info.kind, run, bundle))
    return made


def differences(run: RunFolder, folder: Path) -> list[str]:
    """What of a bundle is not the run's; empty when it was exported from it, as far as a manifest tells."""
    info, manifest = run.load_info(), read_bundle(folder).manifest
    pairs = {
        "model": (info.kind, manifest.model),
        "data": (info.data.fingerprint, manifest.data.fingerprint),
        "settings": (info.config, manifest.config),
        "seeds": (info.seeds, manifest.seeds),
    }
    return [name for name, (there, here) in pairs.items() if there != here]


def exported(session: Session, run: RunFolder, root: Path) -> Path:
    """A bundle of a copy of the run, made unless it is there already."""
    copy = copied(run, root / "runs" / run.path.name)
    stages.evaluated(session, copy, baselines=("popularity",))
    try:
        copy.require_current(copy.factors)
    except FitError:
        stages.decoded(session, copy, DecodeOptions())
    return stages.exported(session, copy, root / "models" / run.path.name, force=MEASURED_ONLY)


def copied(run: RunFolder, folder: Path) -> RunFolder:
    """What decoding and exporting read, with the times of the files, by which they know what is stale."""
    copy = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (run.info, run.split, run.items, run.best, run.evaluation, run.factors, run.latent_map):
        target = folder / path.name
        if path.is_file() and (not target.is_file() or target.stat().st_mtime_ns < path.stat().st_mtime_ns):
            shutil.copy2(path, target)
    return copy
