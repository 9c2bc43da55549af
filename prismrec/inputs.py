"""From a path to data that can be trained on, saying on the way what was read, rejected and left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prismrec.config import Config, build
from prismrec.failures import CommandError
from prismrec.session import Session

if TYPE_CHECKING:
    from bundle.catalogue import Catalogue
    from training.data.dataset import Dataset
    from training.data.protocol import Protocol
    from training.data.servable import Servable
    from training.data.split import Split
    from training.run_info import Reading

MAX_BAD = 0.01
"""Share of rejected lines from which reading stops, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class DataChoice:
    """Which data, and what of it: the command line's part of `read` and `Protocol` (None = not said).

    split  a file that holds the split: it is then read, not made, and nothing may be said about how to make one
    """

    path: Path
    items: Path | None = None
    max_bad: float = MAX_BAD
    threshold: str | None = None
    min_items: int | None = None
    heldout: int | None = None
    split: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A data set read as `choice` says, split, with the catalogue that is aligned with the split."""

    choice: DataChoice
    dataset: Dataset
    split: Split
    catalogue: Catalogue

    @property
    def path(self) -> Path:
        return self.choice.path

    @property
    def reading(self) -> Reading:
        """For run.json: how to read these data again."""
        from training.run_info import Reading

        items, split = (None if path is None else str(path) for path in (self.choice.items, self.choice.split))
        return Reading(folder=str(Path.cwd()), items=items, split=split, max_bad=self.choice.max_bad)


def read(session: Session, choice: DataChoice) -> Dataset:
    """The data set, with a note of what was read and one for each reason of rejection."""
    from training.data.read import read_dataset

    dataset = read_dataset(choice.path, items=choice.items, max_bad=choice.max_bad)
    kept, n_items = len(dataset.interactions), len(dataset.items)
    session.note(f"read {choice.path}: {kept} interactions of {dataset.n_read} lines, {n_items} items")
    for what, rejects in (("interactions", dataset.rejects), ("items", dataset.item_rejects)):
        for reject in rejects:
            session.note(f"  {reject.count} {what} left out: {reject.reason} (e.g. {', '.join(reject.examples)})")
    for sentence in dataset.notes:
        session.note(f"  {sentence}")
    return dataset


def protocol_for(dataset: Dataset, config: Config, choice: DataChoice) -> Protocol:
    """The data's own threshold < [protocol] of the file and --set < the flags."""
    from training.data.protocol import Protocol

    said = {"min_items": choice.min_items, "n_heldout": choice.heldout}
    section = dict(config.protocol)
    if "threshold" in section:
        section["threshold"] = threshold_of(str(section["threshold"]))
    protocol = build(Protocol, "protocol", section, said)
    threshold: float | None = section.get("threshold", dataset.threshold)
    if choice.threshold is not None:
        threshold = threshold_of(choice.threshold)
    return replace(protocol, threshold=threshold)


def threshold_of(text: str) -> float | None:
    """A number, or None for "none"."""
    if text.strip().lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise CommandError(
            f"the threshold is {text!r}, expected a number or none", hint="for example --threshold 4"
        ) from None


def prepare(session: Session, choice: DataChoice, config: Config) -> Prepared:
    """Read, split (or read the split) and build the catalogue, with a note of the split."""
    from training.data.catalogue import build_catalogue
    from training.data.split import split_dataset

    if choice.split is not None:
        _refuse_protocol(choice, config)
    dataset = read(session, choice)
    if choice.split is not None:
        split = read_split(choice.split, dataset)
    else:
        split = split_dataset(dataset, protocol_for(dataset, config, choice))
    parts = (len(split.train_users), len(split.validation.users), len(split.test.users), len(split.item_ids))
    session.note("split: {} training, {} validation and {} test users; {} items".format(*parts))
    return Prepared(choice, dataset, split, build_catalogue(dataset, split))


def read_split(path: Path, dataset: Dataset) -> Split:
    """The split in a file (ours, or the reference form). DataError when it is unreadable or of other data."""
    from training.data.check_split import check_split
    from training.data.split_file import load_split

    split = load_split(path)
    check_split(split, dataset)
    return split


def _refuse_protocol(choice: DataChoice, config: Config) -> None:
    said = {"--threshold": choice.threshold, "--min-items": choice.min_items, "--heldout": choice.heldout}
    said["[protocol]"] = dict(config.protocol) or None
    for name, value in said.items():
        if value is not None:
            raise CommandError(
                f"{name} says how to make a split, but --split reads one from {choice.split}",
                hint="leave one of the two out",
            )


def histories(dataset: Dataset, threshold: float | None) -> Servable:
    """user_id, item_id, timestamp of what was liked, each user's oldest first, as the store takes them.

    Users and items that no request can name are left out: nobody could be served or erased by such an id.
    """
    import polars as pl

    from training.data.servable import servable

    table = dataset.interactions
    if threshold is not None:
        table = table.filter(pl.col("rating") >= threshold)
    kept = servable(table)
    ordered = kept.table.sort("user_id", "timestamp", maintain_order=True, nulls_last=False)
    return replace(kept, table=ordered.select("user_id", "item_id", "timestamp"))
