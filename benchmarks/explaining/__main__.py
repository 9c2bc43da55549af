"""`python -m benchmarks.explaining [--of MODEL RUN ...] [--results STEM] [--quick]`.

MODEL is a bundle's folder (models/<name>/<version>), or the folder of its versions, of which the last is taken; RUN the
run folder that it was exported from, whose split has the validation users' histories (of the test users nothing is
read). Without --of: what `make demo` leaves. Exit code 1 when a bound is broken, 2 when there is nothing to measure.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.explaining.inside import measure_inside
from benchmarks.explaining.page import BOUNDS, bundle_figures, write_page
from benchmarks.explaining.rounds import WARM_UP, run_block
from benchmarks.explaining.server import BenchmarkError, serving
from benchmarks.outside import OutsideError, read_heldout
from service.bundles.loader import load_bundle
from service.errors import ServiceError
from training.machine import machine
from training.provenance import git_state

DEMO = ("models/demo", "runs/demo")
RESULTS = Path("docs/results/explain-cost")
QUICK_RESULTS = Path("runs/explain-cost")


def main(words: Sequence[str] | None = None) -> int:
    """See the module."""
    asked = _asked(words)
    started = time.perf_counter()
    try:
        found = [_measured(Path(model), Path(run), asked) for model, run in asked.of]
    except (OSError, BenchmarkError, OutsideError, ServiceError) as error:
        print(f"error: {error}", file=sys.stderr)
        print("hint: `make demo` leaves a bundle and its run; --of MODEL RUN names others", file=sys.stderr)
        return 2
    git = git_state()
    document = {
        "command": _command(asked),
        "quick": asked.quick,
        "note": asked.note,
        "seconds": time.perf_counter() - started,
        "seed": asked.seed,
        "blocks": asked.blocks,
        "users": asked.users,
        "bounds": BOUNDS,
        "ran_on": machine({}),
        "load": os.getloadavg()[1],
        "git": None if git is None else {"commit": git.commit, "dirty": git.dirty},
        "bundles": found,
    }
    for path in write_page(asked.results, document):
        print(path)
    return 0 if asked.quick or all(bundle["holds"][name] for bundle in found for name in BOUNDS) else 1


def _asked(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explaining", description=__doc__)
    parser.add_argument("--of", nargs=2, action="append", metavar=("MODEL", "RUN"), help="more than once for several")
    parser.add_argument("--blocks", type=int, default=8, help="repetitions with other users; intervals are over them")
    parser.add_argument("--users", type=int, default=100, help="of each block")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, help=f"where the page and its JSON go, without ending; {RESULTS}")
    parser.add_argument("--quick", action="store_true", help="two blocks of five users: does the command work?")
    parser.add_argument("--note", default="", help="a sentence for the page")
    asked = parser.parse_args(words)
    asked.of = asked.of or [DEMO]
    if asked.quick:
        asked.blocks, asked.users = 2, 5
    if asked.results is None:
        asked.results = QUICK_RESULTS if asked.quick else RESULTS
    if asked.blocks < 2 or asked.users < 1:
        parser.error("intervals need two blocks, and a block a user")
    return asked


def _command(asked: argparse.Namespace) -> str:
    """The line that makes the same page; of a folder with its full path only the name: the rest is of one machine."""
    of = [word for folders in asked.of for word in ("--of", *map(_told, folders))]
    sizes = ["--blocks", str(asked.blocks), "--users", str(asked.users), "--seed", str(asked.seed)]
    return shlex.join(["python", "-m", "benchmarks.explaining", *of, *(["--quick"] if asked.quick else sizes)])


def _told(folder: str) -> str:
    path = Path(folder)
    return str(Path("...", path.name) if path.is_absolute() else path)


def _measured(model: Path, run: Path, asked: argparse.Namespace) -> dict[str, Any]:
    bundle = _bundle(model)
    loaded = load_bundle(bundle)
    heldout = read_heldout(run / "split.npz", list(loaded.catalogue.ids), "validation").history
    histories = [heldout.of(user).tolist() for user in range(len(heldout)) if len(heldout.of(user))]
    if not histories:
        raise BenchmarkError(f"{run}/split.npz has no validation user with a history")
    rng = np.random.Generator(np.random.PCG64(asked.seed))
    blocks = []
    with serving(bundle) as server:
        run_block(server, _drawn(histories, WARM_UP, rng, ids=loaded.catalogue.ids), rng)
        for _ in range(asked.blocks):
            blocks.append(run_block(server, _drawn(histories, asked.users, rng, ids=loaded.catalogue.ids), rng))
    inside = measure_inside(loaded, _drawn(histories, asked.users, rng), rng)
    manifest = loaded.manifest
    lengths = np.percentile([len(history) for history in histories], (5, 50, 95)).tolist()
    size = {"model": manifest.model, "items": loaded.n_items, "latent": loaded.n_latent, "history_lengths": lengths}
    return size | bundle_figures(blocks, inside)


def _drawn(histories: list[list[int]], count: int, rng: np.random.Generator, *, ids: Sequence[str] = ()) -> list[Any]:
    """So many users' histories, none twice while there are others; as ids where these are given."""
    places = rng.permutation(np.resize(rng.permutation(len(histories)), count))
    return [[ids[ix] for ix in histories[u]] if ids else histories[u] for u in places.tolist()]


def _bundle(model: Path) -> Path:
    """The folder itself when it holds a bundle, else its last version."""
    if (model / "manifest.json").is_file():
        return model
    versions = [path.parent for path in model.glob("*/manifest.json")]
    if not versions:
        raise BenchmarkError(f"{model} holds no bundle")
    return max(versions, key=lambda path: (len(path.name), path.name))


if __name__ == "__main__":
    sys.exit(main())
