"""Data sets that a reader solves by eye, and fits of tiny models on them.

blocks: items and users fall into blocks; a user of block b likes the items of blocks b and b + 1. Held-out users show
half of those items and hold the other half back, so the right list is every unseen item of the two blocks.
With n_blocks = 2 and width 1 it is a checkerboard: even users like even items.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse

from bundle.catalogue import Attribute, Catalogue
from training.data.split import HeldOut, Protocol, Split, assemble_split
from training.fit import FitResult, fit
from training.models.registry import config_for
from training.options import FitOptions, RunOptions, fit_config
from training.run_folder import RunFolder

TINY = {"hidden": 16, "latent": 4}


def likes(n_users: int, *, n_items: int, n_blocks: int, width: int) -> np.ndarray:
    """bool [n_users, n_items]: item j is in block j % n_blocks, user u likes `width` blocks from u % n_blocks on."""
    gap = (np.arange(n_items)[None, :] - np.arange(n_users)[:, None]) % n_blocks
    return gap < width


def held_out(n_users: int, *, n_items: int, n_blocks: int, width: int, prefix: str) -> HeldOut:
    """Every second liked item of a block is the fold-in, the others are the target."""
    liked = likes(n_users, n_items=n_items, n_blocks=n_blocks, width=width)
    shown = (np.arange(n_items) // n_blocks) % 2 == 0
    users = tuple(f"{prefix}{u}" for u in range(n_users))
    return HeldOut(users, csr(liked & shown), csr(liked & ~shown))


def csr(dense: np.ndarray) -> sparse.csr_matrix:
    return sparse.csr_matrix(dense.astype(np.float32))


def blocks(n_users: int = 60, *, n_items: int = 24, n_blocks: int = 4, width: int = 2, keep: float = 1.0) -> Split:
    """keep: the share of the training interactions that is kept, at random with a fixed seed."""
    liked = likes(n_users, n_items=n_items, n_blocks=n_blocks, width=width)
    liked &= np.random.default_rng(0).random(liked.shape) < keep
    validation, test = (
        held_out(12, n_items=n_items, n_blocks=n_blocks, width=width, prefix=name) for name in ("val", "test")
    )
    return assemble_split(
        item_ids=tuple(f"i{j:03d}" for j in range(n_items)),
        train_users=tuple(f"u{u}" for u in range(n_users)),
        train=csr(liked),
        heldout=(validation, test),
        protocol=Protocol(n_heldout=12),
    )


def checkerboard(n_users: int = 40, *, n_items: int = 20) -> Split:
    return blocks(n_users, n_items=n_items, n_blocks=2, width=1)


def catalogue_of(split: Split, *, n_blocks: int = 4) -> Catalogue:
    """Genre = the item's block."""
    n = len(split.item_ids)
    counts = np.asarray(split.train.sum(axis=0)).ravel()
    genre = Attribute(
        name="genre",
        field="genres",
        kind="multilabel",
        values=tuple(f"block{b}" for b in range(n_blocks)),
        rows=tuple((j % n_blocks,) for j in range(n)),
    )
    return Catalogue(
        ids=split.item_ids,
        titles=(None,) * n,
        popularity=tuple(float(share) for share in counts / max(counts.sum(), 1)),
        attributes=(genre,),
    )


def options(
    kind: str = "mult-vae", *, resume: bool = False, seed: int = 3, model: dict | None = None, **settings
) -> FitOptions:
    """Options of a tiny, silent fit on one thread."""
    return FitOptions(
        name="board",
        data_name="board",
        source="boards.py",
        kind=kind,
        model=config_for(kind, TINY | (model or {})),
        fit=fit_config({"epochs": 2, "batch_size": 16, "learning_rate": 0.01} | settings),
        run=RunOptions(seed=seed, device="cpu", threads=1, progress="none", resume=resume),
    )


def fitted(folder: Path, split: Split, fit_options: FitOptions) -> FitResult:
    return fit(RunFolder(folder), split, catalogue_of(split), fit_options)
