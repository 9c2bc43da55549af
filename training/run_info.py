"""What a run was: enough to train it again and get the same numbers (file `run.json`)."""

from __future__ import annotations

from typing import Literal

import msgspec

from bundle.factors import Guide
from bundle.manifest import Conditions, Data
from training.data.split import Protocol

Setting = int | float | str | bool | None
Settings = dict[str, Setting]


class FitSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How training ended.

    stopped       epochs (all done), patience (no better for a while) or interrupted (Ctrl-C)
    epochs        epochs finished; best_epoch, best_ndcg: the one whose weights best.pt holds, from epoch 0, and its
                  figure when it was validated: what a model chooses afterwards (LatentModel.finish) is not in it
    active_units  latents with KL > 0.01 nats on the validation users (without a posterior: that vary there) at the
                  best epoch, of n_latent
    seconds       spent in training, all sessions of a resumed run together
    """

    stopped: Literal["epochs", "patience", "interrupted"]
    epochs: int
    best_epoch: int
    best_ndcg: float
    active_units: int
    seconds: float


class Git(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The commit of the code, and whether the work tree differed from it."""

    commit: str
    dirty: bool


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the data were read, beside their path: what the command line said of it.

    items, split  files, as the user gave them; folder: where relative paths start
    max_bad       share of rejected lines from which reading stops with an error
    """

    folder: str | None = None
    items: str | None = None
    split: str | None = None
    max_bad: float = 0.01


class RunInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One run.

    name        what the model will be called; kind: its entry in the registry ("c-vae"); config: its hyper-parameters
    fit         the FitConfig; seeds: {"train": ..., "split": ...}; device: what it was trained on ("cpu", "cuda")
    data        counts and fingerprint of the split; source: the path it was read from, as the user gave it; reading:
                how
    threads     of the CPU: other numbers of them add in another order; devices: processes on each of `nodes` machines,
                which draw other numbers than one alone
    conditions  the values of the attribute that the model takes as condition; empty for an unconditioned model
    guide       the GuideConfig; guides: what the first latents are tied to, in their order, empty = an unguided model
    libraries   name -> version; git is None outside a checkout; code: a digest of the sources that shape the numbers
    complete    training ended by itself (all epochs, or early stopping); summary: how, None before the end
    """

    format_version: Literal[1] = 1
    name: str
    kind: str
    config: Settings
    fit: Settings
    seeds: dict[str, int]
    device: str
    data: Data
    source: str
    protocol: Protocol
    conditions: Conditions
    libraries: dict[str, str]
    git: Git | None
    complete: bool
    summary: FitSummary | None = None
    reading: Reading = Reading()
    threads: int | None = None
    devices: int = 1
    nodes: int = 1
    code: str | None = None
    guide: Settings = {}
    guides: tuple[Guide, ...] = ()
