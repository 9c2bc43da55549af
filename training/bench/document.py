"""The table of all models as JSON: a row each, and where they come from. Nothing of single users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bundle.manifest import Data
from training.bench.rows import Row
from training.data.split import Split
from training.evaluate.result import Part


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the figures.

    commands    every call of the bench whose rows are on the page
    part        whose figures these are; split_file: where the split was read from, None = made by the protocol
    outcomes    the folders of the outcomes, below the bench's own: what a later call joins its rows to
    code        the digest of the sources now; git, libraries, ran_on: of this call
    note        what the person who ran it says of it, e.g. that the machine had other work
    """

    commands: tuple[str, ...]
    data: Data
    split: Split
    split_file: str | None
    part: Part
    outcomes: tuple[str, ...]
    flagship: str | None
    ran_on: Mapping[str, Any]
    libraries: Mapping[str, str]
    git: Mapping[str, Any] | None
    code: str
    note: str | None = None


def row_document(row: Row) -> dict[str, Any]:
    """One row: metric -> mean, se (over users), 95 % interval, seeds (how many), seed_sd, mean by seed; then what it
    took by seed, settings, whence it comes, and the paired difference of ndcg@100 to the best peer."""
    first = row.outcomes[0]
    document: dict[str, Any] = {
        "model": row.model,
        "flagship": row.flagship,
        "baseline": row.baseline,
        "random": row.drawn,
    }
    for name, metric in row.metrics.items():
        document[name] = {
            "mean": metric.mean,
            "se": metric.se,
            "low": metric.low,
            "high": metric.high,
            "seeds": len(row.outcomes),
            "seed_sd": row.seed_sd(name),
            "users": metric.n,
            "by_seed": {str(outcome.seed): outcome.metrics[name].mean for outcome in row.outcomes},
        }
    document["seconds"] = [round(outcome.seconds, 1) for outcome in row.outcomes]
    document["peak_memory_mb"] = [round(outcome.peak_bytes / 1e6) for outcome in row.outcomes]
    document["settings"] = {**first.asked, "chosen": [outcome.chosen for outcome in row.outcomes]}
    document["commits"] = [outcome.commit for outcome in row.outcomes]
    document["code"] = [outcome.code for outcome in row.outcomes]
    document["ran_on"] = sorted({outcome.ran_on for outcome in row.outcomes})
    document["against"] = None if row.gain is None else {"model": row.against, **msgspec.to_builtins(row.gain)}
    if row.conditioned:
        document["conditioned"] = msgspec.to_builtins(dict(row.conditioned))
    return document


def provenance_document(rows: Sequence[Row], provenance: Provenance) -> dict[str, Any]:
    """What `<stem>.provenance.json` holds."""
    return {
        "commands": list(provenance.commands),
        "part": provenance.part,
        "ran_on": dict(provenance.ran_on),
        "note": provenance.note,
        "libraries": dict(provenance.libraries),
        "git": provenance.git,
        "code": provenance.code,
        "data": msgspec.to_builtins(provenance.data),
        "split": {
            "file": provenance.split_file,
            "fingerprint": provenance.split.fingerprint,
            "protocol": msgspec.to_builtins(provenance.split.protocol),
        },
        "seeds": {row.model: [outcome.seed for outcome in row.outcomes] for row in rows},
        "flagship": provenance.flagship,
        "outcomes": list(provenance.outcomes),
    }
