"""A bundle's accuracy from outside: `python -m benchmarks.outside BUNDLE SPLIT.npz`.

Nothing of prismrec and no torch is imported: the graphs are run by onnxruntime alone, as the manifest describes them,
on the held-out users of a split file (a run's split.npz, or the reference form), and the metrics are written out here
once more. So a mistake in the project's own scoring or metrics would show as a difference.

Prints one JSON document: the figures found, those that the manifest claims, and the largest difference. Exit code 0;
1 when a figure differs from the manifest's by more than --tolerance; 2 when the files do not fit each other or
there is nothing to compare.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

DEPTH = 100
RECALLS = (20, 50)
PARTS = {"test": ("test_tr", "test_te"), "validation": ("val_tr", "val_te")}
ORT_ERRORS = (ort_state.Fail, ort_state.InvalidArgument, ort_state.InvalidGraph, ort_state.InvalidProtobuf)
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class OutsideError(Exception):
    """The bundle or the split is not what was expected; the message says what."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Sparse rows of ones: row u holds columns[offsets[u]:offsets[u + 1]]."""

    offsets: Ints
    columns: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, user: int) -> Ints:
        return self.columns[self.offsets[user] : self.offsets[user + 1]]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What each user shows (history) and what is to be found (target), in the bundle's item order."""

    history: Rows
    target: Rows


class Bundle:
    """manifest.json, the ids of items.json, and a session for each graph that takes part in a score."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        self.folder, self.threads = folder, threads
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        self.ids: list[str] = json.loads((folder / "items.json").read_text("utf-8"))["ids"]
        self.n_conditions = int(self.manifest["dims"]["n_conditions"])
        if len(self.ids) != self.manifest["dims"]["n_items"]:
            raise OutsideError(f"items.json has {len(self.ids)} items, the manifest {self.manifest['dims']['n_items']}")
        graphs = self.manifest["graphs"]
        self.encoder, self.decoder = (self._session(graphs[name]["file"]) for name in ("encoder", "decoder"))
        linear = graphs.get("linear")
        self.linear = None if linear is None else self._session(linear["file"])

    def scores(self, history: Ints, mask: Floats) -> Floats:
        """float32 [B, n_items]: decoder(encoder(history)), plus the linear graph where the bundle has one."""
        condition = np.zeros((len(history), self.n_conditions), dtype=np.float32)
        given = {"history": history, "mask": mask, "condition": condition}
        (mu,) = _run(self.encoder, given)
        (logits,) = _run(self.decoder, {"z": mu})
        if self.linear is not None:
            (more,) = _run(self.linear, given)
            logits = logits + more
        found: Floats = logits
        return found

    def _session(self, file: str) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        return ort.InferenceSession(str(self.folder / file), options, providers=["CPUExecutionProvider"])


def _run(session: ort.InferenceSession, given: dict[str, Any]) -> list[Floats]:
    """The outputs for those of the given inputs that the graph has."""
    found: list[Floats] = session.run(None, {node.name: given[node.name] for node in session.get_inputs()})
    return found


def read_heldout(path: Path, ids: list[str], part: str) -> HeldOut:
    """The held-out users of a split file, columns moved to the order of `ids`. OutsideError when items are missing."""
    with np.load(path, allow_pickle=False) as arrays:
        named = "item_id" if "item_id" in arrays.files else "item_movie_id"
        place = {item: ix for ix, item in enumerate(ids)}
        columns = [str(item) for item in arrays[named].tolist()]
        missing = [item for item in columns if item not in place]
        if missing:
            raise OutsideError(f"{len(missing)} of the split's items are not in the bundle, e.g. {missing[0]!r}")
        moved = np.array([place[item] for item in columns], dtype=np.int64)
        history, target = (_rows(arrays, name, moved) for name in PARTS[part])
    return HeldOut(history, target)


def _rows(arrays: Any, name: str, moved: Ints) -> Rows:
    offsets, columns = arrays[f"{name}_indptr"].astype(np.int64), arrays[f"{name}_indices"].astype(np.int64)
    if len(columns) != offsets[-1] or (len(columns) and not 0 <= columns.min() <= columns.max() < len(moved)):
        raise OutsideError(f"the part {name} of the split is damaged")
    return Rows(offsets, moved[columns])


def measure(bundle: Bundle, heldout: HeldOut, *, batch: int) -> dict[str, NDArray[np.float64]]:
    """Metric -> a figure for each user with a target. Never more than batch * n_items scores at a time."""
    users = [user for user in range(len(heldout.history)) if len(heldout.target.of(user))]
    if not users:
        raise OutsideError("no user of that part has an item to find")
    found: dict[str, list[float]] = {name: [] for name in ("ndcg@100", *(f"recall@{k}" for k in RECALLS))}
    for start in range(0, len(users), batch):
        part = users[start : start + batch]
        scores = bundle.scores(*padded([heldout.history.of(user) for user in part]))
        if not np.isfinite(scores).all():
            raise OutsideError("the graphs give scores that are not finite")
        for user, row in zip(part, scores, strict=True):
            row[heldout.history.of(user)] = -np.inf
            ranked = best(row)
            wanted = set(heldout.target.of(user).tolist())
            found["ndcg@100"].append(ndcg(ranked, wanted))
            for k in RECALLS:
                found[f"recall@{k}"].append(sum(item in wanted for item in ranked[:k]) / min(k, len(wanted)))
    return {name: np.array(values) for name, values in found.items()}


def padded(histories: list[Ints]) -> tuple[Ints, Floats]:
    """history int64 [B, L] and mask float32 [B, L]; L is the longest history, at least 1; padding is item 0, mask 0."""
    length = max(1, *(len(history) for history in histories))
    history, mask = np.zeros((len(histories), length), np.int64), np.zeros((len(histories), length), np.float32)
    for row, items in enumerate(histories):
        history[row, : len(items)], mask[row, : len(items)] = items, 1.0
    return history, mask


def best(scores: Floats) -> list[int]:
    """The DEPTH items of the highest scores, equal ones by index; what is -inf is never among them."""
    ranked: list[int] = np.argsort(-scores, kind="stable")[:DEPTH].tolist()
    return [item for item in ranked if scores[item] > -np.inf]


def ndcg(ranked: list[int], wanted: set[int]) -> float:
    """Binary gain, discount 1 / log2(rank + 1), the ideal list cut at DEPTH."""
    gained = sum(1.0 / math.log2(place + 2) for place, item in enumerate(ranked) if item in wanted)
    ideal = sum(1.0 / math.log2(place + 2) for place in range(min(DEPTH, len(wanted))))
    return gained / ideal


def document_of(bundle: Bundle, found: dict[str, NDArray[np.float64]], part: str) -> dict[str, Any]:
    """The figures found beside those of the manifest, which are of the test users; difference: the largest, or None."""
    users = len(next(iter(found.values())))
    figures = {
        name: {"mean": float(values.mean()), "se": float(values.std(ddof=1) / math.sqrt(users)) if users > 1 else 0.0}
        for name, values in found.items()
    }
    claimed = {name: bundle.manifest["metrics"][name]["mean"] for name in found if name in bundle.manifest["metrics"]}
    if part == "test" and not claimed:
        raise OutsideError(f"the manifest claims none of {', '.join(found)}: there is nothing to compare")
    difference = max((abs(figures[name]["mean"] - mean) for name, mean in claimed.items()), default=None)
    return {
        "bundle": f"{bundle.manifest['name']}/{bundle.manifest['version']}",
        "model": bundle.manifest["model"],
        "graphs": ["encoder", "decoder", *(["linear"] if bundle.linear is not None else [])],
        "part": part,
        "users": users,
        "found": figures,
        "claimed": claimed if part == "test" else {},
        "difference": difference if part == "test" else None,
    }


def main(words: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outside", description="Score a bundle from outside.")
    parser.add_argument("bundle", type=Path, help="a version's folder, models/<name>/<version>")
    parser.add_argument("split", type=Path, help="an npz with the held-out users")
    parser.add_argument("--part", choices=sorted(PARTS), default="test")
    parser.add_argument("--batch", type=int, default=200, help="users at a time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=1e-6, help="of the means, from the manifest's")
    asked = parser.parse_args(words)
    try:
        bundle = Bundle(asked.bundle, threads=asked.threads)
        heldout = read_heldout(asked.split, bundle.ids, asked.part)
        document = document_of(bundle, measure(bundle, heldout, batch=max(1, asked.batch)), asked.part)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, OutsideError, *ORT_ERRORS) as error:
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(document, indent=1))
    difference = document["difference"]
    return 0 if difference is None or difference <= asked.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
