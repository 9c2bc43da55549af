"""Scoring on Ray Data: the same parts, on this machine or on the cluster that RAY_ADDRESS names.

Chunks and bundle travel through Ray's object store and the parts come back through it, so the machines need prismrec
and nothing of ours on a shared disk.
"""

from __future__ import annotations

import logging
import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from prismrec.failures import CommandError
from prismrec.scoring.histories import Chunk
from prismrec.scoring.lists import Lists, Part, part_of

ADDRESS = "RAY_ADDRESS"


def check_ray() -> None:
    """CommandError, before anything is read, when Ray is not installed."""
    if find_spec("ray") is None:
        raise CommandError(
            "--ray needs the package ray, which is not installed",
            hint="pip install 'prismrec[ray]', or leave --ray out and use --workers N on this machine",
        )


def on_ray(folder: Path, chunks: Iterable[Chunk], lists: Lists, *, workers: int | None) -> Iterator[Part]:
    """The parts in the order in which they get done. workers: actors of one CPU each; None = as many as there are CPUs.

    All chunks are put into the object store first, which spills to disk: 4 bytes an interaction and the users' ids.
    """
    import ray
    import ray.data

    with _connected():
        rows = [{"chunk": pickle.dumps(chunk, protocol=5)} for chunk in chunks]
        actors = min(len(rows), workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
        dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Scorer,
            fn_constructor_args=([ray.put(_files(folder))], lists),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
        )
        try:
            for row in dataset.iter_rows():
                yield Part(int(row["number"]), row["content"], int(row["n_rows"]), int(row["n_users"]))
        except ray.exceptions.RayError as error:
            said = [line for line in str(error).splitlines() if line.strip()]
            raise CommandError(
                f"Ray gave up: {said[-1].strip() if said else type(error).__name__}",
                hint="its logs are in /tmp/ray/session_latest/logs; the same command goes on with what is left",
            ) from error


class Scorer:
    """One actor: it writes the bundle to a folder of its own, loads it as the service does, and answers chunks.

    files  [where the object store has the bundle's files]
    """

    def __init__(self, files: list[Any], lists: Lists) -> None:
        import ray

        from service.bundles.loader import load_bundle

        self.lists = lists
        with tempfile.TemporaryDirectory(prefix="prismrec-") as made:
            content: Mapping[str, bytes] = ray.get(files[0])
            for name, data in content.items():
                (Path(made) / name).write_bytes(data)
            self.engine = load_bundle(Path(made))

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        parts = [part_of(self.engine, pickle.loads(chunk), self.lists) for chunk in batch["chunk"]]  # noqa: S301 - ours
        return {
            "number": np.array([part.number for part in parts]),
            "content": [part.content for part in parts],
            "n_rows": np.array([part.n_rows for part in parts]),
            "n_users": np.array([part.n_users for part in parts]),
        }


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@contextmanager
def _connected() -> Iterator[None]:
    """A cluster: that of RAY_ADDRESS, else one of this machine that ends with the block. Nothing is reported home."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it calls the way Ray Data starts its actors an error
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # our own progress is enough

    if ray.is_initialized():
        yield
        return
    address = os.environ.get(ADDRESS)
    if address:
        try:
            ray.init(address=address, log_to_driver=False, logging_level="error")
        except ConnectionError as error:
            raise CommandError(
                f"no Ray cluster answers at {ADDRESS}={address}",
                hint=f"check the address, and RAY_AUTH_TOKEN if it wants one; without {ADDRESS} this machine is used",
            ) from error
    else:
        ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        yield
    finally:
        ray.shutdown()
