"""Outcomes of an earlier bench: used again when they are of what is asked for now, and joined to a page."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from training.bench.task import Outcome, Task, outcome_file
from training.errors import FitError
from training.evaluate.result import Part


def kept_outcome(task: Task, fingerprint: str) -> Outcome | None:
    """The outcome of an earlier bench, if it was of the same options, seed, split and part."""
    found = read_outcome(task.outcome)
    if found is None or (found.fingerprint, found.asked, found.seed) != (fingerprint, task.asked, task.seed):
        return None
    return found


def read_outcome(path: Path) -> Outcome | None:
    """None when there is none, or an earlier form of one."""
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outcome)
    except msgspec.DecodeError:
        return None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a page was made of: folders of outcomes below the bench's folder, the flagship, and the commands."""

    outcomes: tuple[tuple[str, Outcome], ...]
    flagship: str | None
    commands: tuple[str, ...]


NOTHING = Earlier((), None, ())


def earlier_page(stem: Path, root: Path, *, part: Part, fingerprint: str, without: Collection[str]) -> Earlier:
    """The rows that a page has, less those of the models named in `without`. FitError when they cannot be had.

    stem: as for write_pages; root: the folder that the outcomes' folders are in.
    """
    source = stem.with_name(f"{stem.name}.provenance.json")
    try:
        said = json.loads(source.read_text("utf-8"))
        folders, flagship, commands = said["outcomes"], said["flagship"], tuple(said["commands"])
        same = (said["split"]["fingerprint"], said["part"]) == (fingerprint, part)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FitError(
            f"{source} does not say what the page was made of ({type(error).__name__}: {error})",
            hint="leave --add out, and name every model",
        ) from error
    if not same:
        raise FitError(f"{source} is of another split or part", hint="leave --add out, or choose another --results")
    kept = []
    for name in folders:
        outcome = read_outcome(root / name / outcome_file(part))
        if outcome is None:
            raise FitError(
                f"{stem.name} has a row from {root / name}, and its outcome is not there any more",
                hint="leave --add out, and name every model",
            )
        if outcome.model not in without:
            kept.append((name, outcome))
    return Earlier(tuple(kept), flagship, commands)
