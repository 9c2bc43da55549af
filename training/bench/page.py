"""The table of all models as a page of docs/results/: Markdown, the rows as JSON, and where they come from as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bundle.manifest import Data
from training.bench.rows import Row
from training.data.split import Split
from training.evaluate.result import HEADLINE
from training.evaluate.table import chosen_settings

COLUMNS = ("ndcg@100", "recall@20", "recall@50", "ndcg@10", "coverage@10", "gini@10", "novelty@10", "ild@10")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the figures. split_file: where the split was read from, None = made by the protocol.

    note: what the person who ran it says of it, e.g. that the machine had other work
    """

    command: str
    data: Data
    split: Split
    split_file: str | None
    seeds: tuple[int, ...]
    ran_on: Mapping[str, Any]
    libraries: Mapping[str, str]
    git: Mapping[str, Any] | None
    note: str | None = None


def write_pages(stem: Path, rows: Sequence[Row], provenance: Provenance) -> tuple[Path, Path, Path]:
    """Write `<stem>.md`, `<stem>.json` (a list of rows) and `<stem>.provenance.json`; nothing of single users."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages = tuple(stem.with_name(f"{stem.name}{suffix}") for suffix in (".md", ".json", ".provenance.json"))
    pages[0].write_text(markdown(rows, provenance), encoding="utf-8")
    _write_json(pages[1], [row_document(row) for row in rows])
    _write_json(pages[2], provenance_document(rows, provenance))
    return pages[0], pages[1], pages[2]


def row_document(row: Row) -> dict[str, Any]:
    """One row of the JSON: metric -> mean, se (over users), seeds (how many), seed_sd; seconds and bytes per seed."""
    first = row.outcomes[0]
    document: dict[str, Any] = {"model": row.model, "flagship": row.flagship, "baseline": row.baseline}
    for metric in first.metrics:
        document[metric] = {
            "mean": row.mean(metric),
            "se": row.se(metric),
            "seeds": len(row.outcomes),
            "seed_sd": row.seed_sd(metric),
            "users": first.metrics[metric].n,
            "by_seed": {str(outcome.seed): outcome.metrics[metric].mean for outcome in row.outcomes},
        }
    document["seconds"] = [round(outcome.seconds, 1) for outcome in row.outcomes]
    document["peak_memory_mb"] = [round(outcome.peak_bytes / 1e6) for outcome in row.outcomes]
    document["settings"] = {**first.asked, "chosen": [outcome.chosen for outcome in row.outcomes]}
    document["commits"] = [outcome.commit for outcome in row.outcomes]
    document["against"] = None if row.gain is None else {"model": row.against, **msgspec.to_builtins(row.gain)}
    if first.conditioned is not None:
        document["conditioned"] = msgspec.to_builtins(first.conditioned.overall)
    return document


def provenance_document(rows: Sequence[Row], provenance: Provenance) -> dict[str, Any]:
    return {
        "command": provenance.command,
        "ran_on": provenance.ran_on,
        "note": provenance.note,
        "libraries": dict(provenance.libraries),
        "git": provenance.git,
        "data": msgspec.to_builtins(provenance.data),
        "split": {
            "file": provenance.split_file,
            "fingerprint": provenance.split.fingerprint,
            "protocol": msgspec.to_builtins(provenance.split.protocol),
        },
        "seeds": list(provenance.seeds),
        "models": [row.model for row in rows],
    }


def markdown(rows: Sequence[Row], provenance: Provenance) -> str:
    """The page; every figure in it is in the JSON, too."""
    lines = [
        f"# {provenance.data.name}: every model and baseline on the same {len(rows[0].per_user)} test users",
        f"    {provenance.command}",
        _about(provenance),
        _table(rows),
        "Mean over users (and seeds), +- the standard error over users. *s*: seconds to train until early stopping, "
        "validation included; for a baseline to fit, its search on the validation users included. *MB*: the most "
        "memory that its process held, libraries and data included; each ran in a process of its own, one at a time.",
        _gains(rows),
        "## Settings",
        "What was chosen was chosen on the validation users; the test users were measured once, at the end.",
        "\n".join(_settings(row) for row in rows),
        _conditioned(rows),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def _about(provenance: Provenance) -> str:
    data, protocol, ran_on = provenance.data, provenance.split.protocol, provenance.ran_on
    kept = "every row counts" if protocol.threshold is None else f"rating >= {protocol.threshold:g}"
    parts = (len(provenance.split.validation.users), len(provenance.split.test.users))
    source = "made by its protocol" if provenance.split_file is None else f"read from `{provenance.split_file}`"
    seeds = ", ".join(str(seed) for seed in provenance.seeds)
    memory = "" if ran_on["memory_gb"] is None else f", {ran_on['memory_gb']:g} GB"
    return (
        f"{data.n_users} training users, {data.n_items} items, {data.n_interactions} training interactions ({kept}, at "
        f"least {protocol.min_items} items a user); {parts[0]} validation and {parts[1]} test users, split {source}, "
        f"seed {protocol.seed}, fingerprint {provenance.split.fingerprint[:12]}. Training seeds: {seeds}.\n\n"
        f"Ran on {ran_on['processor']}, {ran_on['cores']} cores{memory}, Python {ran_on['python']}, torch "
        f"{ran_on['torch']}.{f' {provenance.note}' if provenance.note else ''}"
    )


def _table(rows: Sequence[Row]) -> str:
    columns = [column for column in COLUMNS if any(column in row.outcomes[0].metrics for row in rows)]
    cells = [["model", *columns, "s", "MB"]]
    for row in rows:
        label = f"**{row.model}** (flagship)" if row.flagship else row.model
        figures = [f"{row.mean(c):.4f} +- {row.se(c):.4f}" if c in row.outcomes[0].metrics else "" for c in columns]
        seconds = sum(outcome.seconds for outcome in row.outcomes) / len(row.outcomes)
        peak = max(outcome.peak_bytes for outcome in row.outcomes) / 1e6
        cells.append([label, *figures, f"{seconds:.0f}" if seconds >= 1 else f"{seconds:.1f}", f"{peak:.0f}"])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(row)} |" for row in [padded[0], rule, *padded[1:]])


def _gains(rows: Sequence[Row]) -> str:
    return "\n".join(
        f"* {row.model} against {row.against}: {row.gain.mean:+.4f} {HEADLINE} per user, paired, 95 % interval "
        f"{row.gain.low:+.4f} to {row.gain.high:+.4f}"
        for row in rows
        if row.gain is not None
    )


def _settings(row: Row) -> str:
    first = row.outcomes[0]
    said = {key: value for part in first.asked.values() for key, value in part.items() if value is not None}
    chosen = "; ".join(f"seed {o.seed}: {chosen_settings(o.chosen)}" for o in row.outcomes if o.chosen)
    parts = [", ".join(f"{key} {value}" for key, value in said.items()), chosen]
    return f"* {row.model}: {' | '.join(part for part in parts if part) or 'nothing to choose'}"


def _conditioned(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        found = row.outcomes[0].conditioned
        for way, metrics in (found.overall if found else {}).items():
            figures = " | ".join(f"{metrics[name].mean:.4f} +- {metrics[name].se:.4f}" for name in sorted(metrics))
            lines.append(f"| {row.model} | {way} | {figures} |")
    if not lines:
        return ""
    head = "## Conditioned on one value\n\n| model | way | ndcg@100 | satisfaction@10 |\n| - | - | - | - |\n"
    return head + "\n".join(lines)


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
