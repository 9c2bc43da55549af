"""A run's folder: the only module that knows the names of its files.

    run.json          RunInfo: what was trained, on what, with which settings, seeds and code
    split.npz         the split it was trained on       items.json       the catalogue, aligned with the split
    best.pt           weights of the best epoch          last.ckpt        where `--resume` goes on
    metrics.jsonl     one line per epoch                 tensorboard/     the same for TensorBoard
    evaluation.json   written by evaluate                report.html      written by decode
    factors.json, latent_map.json                        written by decode
    retrainings/<seed>/   runs of their own, with the same settings and other seeds: made by decode --seeds
    retrainings/of.json   of which weights they are the retrainings

Every file is written beside its place and then renamed, so that a killed process leaves the old one or the new one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bundle.catalogue import Catalogue
from bundle.errors import ContentError
from bundle.manifest import encode
from training.data.split import Split
from training.errors import FitError
from training.evaluate.result import Evaluation
from training.run_info import RunInfo

if TYPE_CHECKING:
    from training.models.base import LatentModel

Part = TypeVar("Part")

_MADE_BY = {
    "run.json": "prismrec train --out",
    "split.npz": "prismrec train --out",
    "items.json": "prismrec train --out",
    "best.pt": "prismrec train --out",
    "last.ckpt": "prismrec train --out",
    "metrics.jsonl": "prismrec train --out",
    "evaluation.json": "prismrec evaluate",
    "factors.json": "prismrec decode",
    "latent_map.json": "prismrec decode",
    "report.html": "prismrec decode --report",
}


@dataclass(frozen=True)
class LoadedRun:
    """A trained run in memory; the model holds the best epoch's weights, in eval mode, on the CPU."""

    info: RunInfo
    split: Split
    catalogue: Catalogue
    model: LatentModel


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; it need not exist yet."""

    path: Path

    @cached_property
    def info(self) -> Path:
        return self.path / "run.json"

    @cached_property
    def split(self) -> Path:
        return self.path / "split.npz"

    @cached_property
    def items(self) -> Path:
        return self.path / "items.json"

    @cached_property
    def best(self) -> Path:
        return self.path / "best.pt"

    @cached_property
    def last(self) -> Path:
        return self.path / "last.ckpt"

    @cached_property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @cached_property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @cached_property
    def evaluation(self) -> Path:
        return self.path / "evaluation.json"

    @cached_property
    def factors(self) -> Path:
        return self.path / "factors.json"

    @cached_property
    def latent_map(self) -> Path:
        return self.path / "latent_map.json"

    @cached_property
    def report(self) -> Path:
        return self.path / "report.html"

    @cached_property
    def retrainings(self) -> Path:
        return self.path / "retrainings"

    @cached_property
    def retrained_weights(self) -> Path:
        return self.retrainings / "of.json"

    def retraining(self, seed: int) -> RunFolder:
        return RunFolder(self.retrainings / str(seed))

    def prepare(self, *, resume: bool = False) -> None:
        """Make the folder before hours are spent. FitError when it holds a run (unless resumed) or is not writable."""
        if self.path.exists() and not self.path.is_dir():
            raise FitError(f"{self.path} is a file, a run needs a folder", hint="choose another --out")
        if resume:
            self.require(self.info)
        elif self.info.exists():
            raise FitError(
                f"{self.path} already holds a run", hint="add --resume to go on with it, or choose another --out"
            )
        probe = self.path / ".writable"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise FitError(f"{self.path} cannot be written: {error.strerror}", hint="choose another --out") from error

    def require(self, path: Path) -> Path:
        """The path itself if the file is there; otherwise FitError naming the command that makes it."""
        if path.is_file():
            return path
        if not self.path.is_dir():
            raise FitError(f"there is no run folder {self.path}", hint="make one with `prismrec train <data>`")
        verb = _MADE_BY.get(path.name, "prismrec train --out")
        raise FitError(f"{self.path} has no {path.name}", hint=f"run `{verb} {self.path}` first")

    def require_current(self, path: Path) -> Path:
        """`require`, and FitError when the file was made before the weights it tells of."""
        if self.require(path).stat().st_mtime_ns < self.require(self.best).stat().st_mtime_ns:
            raise FitError(
                f"{path} is older than the weights in {self.best.name}: it tells of another state of the model",
                hint=f"run `{_MADE_BY[path.name]} {self.path}` again",
            )
        return path

    def write(self, path: Path, content: bytes) -> None:
        """Replace one file of the run atomically; FitError when the disk refuses."""
        staged = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with staged.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            staged.replace(path)
        except OSError as error:
            staged.unlink(missing_ok=True)
            raise _unwritable(path, error, n_bytes=len(content)) from error

    def save_info(self, info: RunInfo) -> None:
        self.write(self.info, encode(info))

    def load_info(self) -> RunInfo:
        return _decode(self.require(self.info), RunInfo)

    def save_inputs(self, split: Split, catalogue: Catalogue) -> None:
        """Write split.npz and items.json; FitError unless they speak of the same items in the same order."""
        from training.data.split_file import save_split

        if catalogue.ids != split.item_ids:
            raise FitError(
                f"the catalogue has {len(catalogue)} items, the split {len(split.item_ids)}, or in another order",
                hint="build the catalogue with `build_catalogue(dataset, split)`",
            )
        self.write(self.items, encode(catalogue))
        try:
            save_split(split, self.split)
        except OSError as error:
            raise _unwritable(self.split, error) from error

    def load_split(self) -> Split:
        from training.data.split_file import load_split

        return load_split(self.require(self.split))

    def load_catalogue(self) -> Catalogue:
        catalogue = _decode(self.require(self.items), Catalogue)
        try:
            catalogue.check()
        except ContentError as error:
            raise FitError(f"{self.items} contradicts itself: {error.message}", hint="train the run again") from error
        return catalogue

    def load_evaluation(self) -> Evaluation:
        return Evaluation.load(self.require(self.evaluation))

    def load(self) -> LoadedRun:
        """Read everything that training left; costs reading the weights and the split. FitError names what is wrong."""
        from training.models.weights import load_model

        info = self.load_info()
        catalogue, split = self.load_catalogue(), self.load_split()
        if catalogue.ids != split.item_ids or split.fingerprint != info.data.fingerprint:
            raise FitError(
                f"the files of {self.path} are not of one run (items or fingerprint differ)", hint="train the run again"
            )
        return LoadedRun(info, split, catalogue, load_model(info, self.require(self.best), n_items=len(catalogue)))


def _unwritable(path: Path, error: OSError, *, n_bytes: int | None = None) -> FitError:
    size = "" if n_bytes is None else f" ({n_bytes} bytes)"
    return FitError(f"{path}{size} cannot be written: {error.strerror}", hint="make room or check the folder's rights")


def _decode(path: Path, kind: type[Part]) -> Part:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise FitError(f"{path} is not readable: {error}", hint="train the run again") from error
