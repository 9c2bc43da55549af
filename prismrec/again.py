"""The data to train on: named on the command line, or those of the former run that -c names."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from prismrec.config import Config
from prismrec.failures import CommandError
from prismrec.former import FormerRun
from prismrec.inputs import MAX_BAD, DataChoice, Prepared, prepare
from prismrec.session import Session


@dataclass(frozen=True, slots=True)
class Said:
    """What the command line said of the data (None = not said); see DataChoice."""

    data: Path | None
    items: Path | None = None
    max_bad: float | None = None
    threshold: str | None = None
    min_items: int | None = None
    heldout: int | None = None
    split: Path | None = None


def prepared_for(session: Session, config: Config, said: Said) -> Prepared:
    """The data read and split. Without DATA: the former run's, read and split as it was, and refused when they changed.

    With DATA and a former run its protocol is taken, and its own split too if it was read from a file and DATA is what
    it was trained on; what differs is noted, not refused. CommandError when there are neither data nor a run.
    """
    former = config.former
    if former is None:
        if said.data is None:
            raise CommandError("there is no DATA to train on", hint="name it, or a former run: -c runs/x/run.json")
        return prepare(session, _choice(said, said.data, None), config)
    own = {key: value for key, value in config.protocol.items() if value != former.protocol.get(key)}
    splits_anew = bool(own) or (said.threshold, said.min_items, said.heldout, said.split) != (None,) * 4
    same = said.data is None or said.data.resolve() == former.data.resolve()
    choice = _choice(said, said.data or former.data, former if same else None)
    if same and not splits_anew:
        choice = dataclasses.replace(choice, split=former.split)
    prepared = prepare(session, choice, dataclasses.replace(config, protocol=own) if choice.split else config)
    if said.data is None and not splits_anew:
        former.check(prepared)
    elif prepared.split.fingerprint != former.info.data.fingerprint:
        then, now = former.info.data.fingerprint[:12], prepared.split.fingerprint[:12]
        session.note(f"the settings of {former.path} on another split: its fingerprint is {now}, that run's {then}")
    return prepared


def _choice(said: Said, path: Path, former: FormerRun | None) -> DataChoice:
    """How to read `path`: as the command line says, else as the former run did."""
    max_bad = said.max_bad
    if max_bad is None:
        max_bad = MAX_BAD if former is None else former.info.reading.max_bad
    items = said.items or (None if former is None else former.items)
    return DataChoice(path, items, max_bad, said.threshold, said.min_items, said.heldout, said.split)
