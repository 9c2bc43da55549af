"""A split on disk: one npz of plain arrays (no pickles), readable wherever NumPy is."""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.data.split import HeldOut, Protocol, Split, assemble_split
from training.errors import DataError

FORMAT_VERSION = 1
_AGAIN = "make the split again from the data set"
_REFERENCE_PROTOCOL = Protocol(n_heldout=600)

Arrays = Mapping[str, NDArray[np.generic]]


def save_split(split: Split, path: Path) -> None:
    """Write the split to `path` (.npz), atomically. Raises OSError when the disk refuses."""
    arrays: dict[str, NDArray[np.generic]] = {
        "format": np.array(FORMAT_VERSION),
        "protocol": np.array(json.dumps(dataclasses.asdict(split.protocol))),
        "fingerprint": np.array(split.fingerprint),
        "item_id": np.array(split.item_ids, dtype=np.str_),
        "train_user_id": np.array(split.train_users, dtype=np.str_),
        "val_user_id": np.array(split.validation.users, dtype=np.str_),
        "test_user_id": np.array(split.test.users, dtype=np.str_),
    }
    for part, matrix in (
        ("train", split.train),
        ("val_tr", split.validation.fold_in),
        ("val_te", split.validation.target),
        ("test_tr", split.test.fold_in),
        ("test_te", split.test.target),
    ):
        arrays[f"{part}_indptr"] = matrix.indptr
        arrays[f"{part}_indices"] = matrix.indices
        arrays[f"{part}_shape"] = np.asarray(matrix.shape, dtype=np.int64)
    staged = path.with_name(f".{path.name}.part")
    with staged.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    os.replace(staged, path)  # noqa: PTH105 - os.replace says what it does: atomic, overwrites


def load_split(path: Path) -> Split:
    """Read a split back; its fingerprint is computed again and must agree. Raises DataError.

    Also reads the reference form (keys `item_movie_id`, `train_user_id`...: no protocol, no fingerprint), whose ids
    are numbers and become text.
    """
    try:
        # opened here, because np.load leaves a file open that turns out not to be a zip
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if "item_movie_id" in arrays:
            return _assemble(arrays, "item_movie_id", _REFERENCE_PROTOCOL)
        if int(arrays["format"]) != FORMAT_VERSION:
            raise DataError(f"{path.name}: format {int(arrays['format'])}, expected {FORMAT_VERSION}", hint=_AGAIN)
        split = _assemble(arrays, "item_id", Protocol(**json.loads(str(arrays["protocol"]))))
        recorded = str(arrays["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as a split: {error}", hint=_AGAIN) from error
    if split.fingerprint != recorded:
        raise DataError(f"{path}: the fingerprint does not agree with the content", hint=_AGAIN)
    return split


def _assemble(arrays: Arrays, item_key: str, protocol: Protocol) -> Split:
    for users, part in (("train_user_id", "train"), ("val_user_id", "val_tr"), ("test_user_id", "test_tr")):
        expected = (len(arrays[users]), len(arrays[item_key]))
        if tuple(arrays[f"{part}_shape"].tolist()) != expected:
            raise ValueError(f"part {part} is not of shape {expected}")
    return assemble_split(
        item_ids=_texts(arrays[item_key]),
        train_users=_texts(arrays["train_user_id"]),
        train=_matrix(arrays, "train"),
        heldout=(
            HeldOut(_texts(arrays["val_user_id"]), _matrix(arrays, "val_tr"), _matrix(arrays, "val_te")),
            HeldOut(_texts(arrays["test_user_id"]), _matrix(arrays, "test_tr"), _matrix(arrays, "test_te")),
        ),
        protocol=protocol,
    )


def _texts(array: NDArray[np.generic]) -> tuple[str, ...]:
    return tuple(str(value) for value in array.tolist())


def _matrix(arrays: Arrays, part: str) -> sparse.csr_matrix:
    indices, indptr = arrays[f"{part}_indices"], arrays[f"{part}_indptr"]
    ones = np.ones(len(indices), dtype=np.float32)
    matrix = sparse.csr_matrix((ones, indices, indptr), shape=tuple(arrays[f"{part}_shape"].tolist()))
    matrix.check_format(full_check=True)
    return matrix
