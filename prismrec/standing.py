"""Whether a version that was just put into its place is the one that is served, and how to serve it if it is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bundle.errors import BundleError
from bundle.reader import resolve


@dataclass(frozen=True, slots=True)
class Standing:
    """current: the version that is served of this model, None where `current` names none; words: half a sentence."""

    current: str | None
    words: str


def standing_of(folder: Path) -> Standing:
    """How a version stands; folder: models/<name>/<version>."""
    try:
        current = resolve(folder.parent).name
    except BundleError:
        current = None  # a broken pointer: `use` mends it
    if current == folder.name:
        return Standing(current, "it is current, a running service takes it up")
    serve = f"serve this one with `prismrec use {folder.parent} {folder.name}`"
    return Standing(current, f"current is {'none' if current is None else current}; {serve}")
