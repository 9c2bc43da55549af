"""Peak memory of a training, in a process of its own: `python -m benchmarks.training.memory PART`, one JSON line."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.training.ours import seconds_of_steps
from benchmarks.training.shapes import MILLION, ML_20M, TINY, Shape, bare_catalogue, drawn
from training.bench.memory import peak_bytes
from training.fit import fit
from training.models.registry import config_for
from training.options import FitOptions, RunOptions, fit_config
from training.run_folder import RunFolder

BATCH = 500
NARROW: dict[str, object] = {"hidden": 128, "latent": 64}
"""The model of the large catalogue: the weights of one of the usual width and their optimiser would take 15 GB."""
SAMPLED = 20_000


class Largest(TorchDispatchMode):
    """Keeps the size of the largest tensor that any operation returned, views and parameters' gradients included."""

    def __init__(self) -> None:
        super().__init__()
        self.numel, self.shape = 0, ()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, tuple | list) else (found,):
            if isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided and tensor.numel() > self.numel:
                self.numel, self.shape = tensor.numel(), tuple(tensor.shape)
        return found


def whole_run(shape: Shape) -> dict[str, Any]:
    """`fit` for one epoch as anyone would run it, its validation and checkpoints included."""
    split = drawn(shape)
    before, started = peak_bytes(), time.perf_counter()
    options = FitOptions(
        name="bench",
        data_name=shape.name,
        source="drawn",
        kind="mult-vae",
        model=config_for("mult-vae"),
        fit=fit_config({"epochs": 1, "batch_size": BATCH}),
        run=RunOptions(device="cpu", progress="none"),
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(RunFolder(Path(folder) / "run"), split, bare_catalogue(split), options)
    return {
        "shape": shape.told(),
        "interactions": int(split.train.nnz),
        "seconds": time.perf_counter() - started,
        "peak_gb": peak_bytes() / 1e9,
        "peak_gb_of_the_data": before / 1e9,
    }


def large_catalogue(shape: Shape, sampled_items: int | None, *, steps: int) -> dict[str, Any]:
    """A few steps over the items of a large catalogue, all of them or sampled."""
    train = drawn(shape).train
    config = fit_config({"batch_size": BATCH, "sampled_items": sampled_items})
    with Largest() as largest:  # in the steps themselves too: its cost is a few microseconds an operation
        seconds = seconds_of_steps(train, config, steps=steps, warm=2, model=NARROW)
    return {
        "shape": shape.told(),
        "sampled_items": sampled_items,
        "model": NARROW,
        "seconds_per_step": sorted(seconds)[len(seconds) // 2],
        "peak_gb": peak_bytes() / 1e9,
        "largest_tensor": list(largest.shape),
        "largest_tensor_share_of_batch_by_items": largest.numel / (BATCH * shape.items),
    }


def part(name: str, *, quick: bool) -> dict[str, Any]:
    """One measurement, by name."""
    if name == "run":
        return whole_run(TINY if quick else ML_20M)
    shape = Shape("tiny", 600, 5_000, 20.0, 40) if quick else MILLION
    return large_catalogue(shape, {"whole": None, "sampled": 500 if quick else SAMPLED}[name], steps=3 if quick else 12)


def in_its_own_process(name: str, *, quick: bool) -> dict[str, Any]:
    """part(name), measured where nothing else was before."""
    command = [sys.executable, "-m", "benchmarks.training.memory", name, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[2:])} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    print(json.dumps(part(sys.argv[1], quick="--quick" in sys.argv)))
