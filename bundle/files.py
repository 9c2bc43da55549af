"""The names of a bundle's files and of the folders around it. No other module spells them.

models/<name>/<version>/manifest.json   written last; lists every other file with size and sha256
                        encoder.onnx decoder.onnx explainer.onnx; linear.onnx, steering.onnx where the model has them
                        items.json factors.json latent_map.json
models/<name>/current                   the version to serve; without it the highest version is served
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MANIFEST = "manifest.json"
ENCODER = "encoder.onnx"
DECODER = "decoder.onnx"
EXPLAINER = "explainer.onnx"
LINEAR = "linear.onnx"
STEERING = "steering.onnx"
ITEMS = "items.json"
FACTORS = "factors.json"
LATENT_MAP = "latent_map.json"
PAYLOAD = (ENCODER, DECODER, EXPLAINER, ITEMS, FACTORS, LATENT_MAP)
OPTIONAL = (LINEAR, STEERING)
"""A bundle has its manifest, every file of PAYLOAD, and of OPTIONAL the graphs that its manifest names."""

CURRENT = "current"
STAGING_PREFIX = ".staging-"
MAX_BUNDLE_BYTES = 1 << 30

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def valid_name(name: str) -> bool:
    """Whether `name` may be a model's name or version: a plain folder name, no dots in a row, no leading dot."""
    return _NAME.fullmatch(name) is not None and ".." not in name and not name.endswith(".")


def valid_version(version: str) -> bool:
    """Whether `version` may be a version's folder name: a valid name that is not the pointer's."""
    return valid_name(version) and version != CURRENT


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Total order of versions: 10 after 9, 1.10 after 1.9, v10 after v9, and 1.0-rc1 before 1.0 before 1.0.1."""
    parts = re.findall(r"[0-9]+|[A-Za-z]+", version)
    ranked = [(2, int(p), "") if p.isdigit() else (0, 0, p) for p in parts]
    return (*ranked, (1, 0, version))


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and fsync it; the caller fsyncs the folder."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
