"""The table of all models as a page of docs/results/: Markdown, the rows as JSON, and where they come from as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from bundle.manifest import Metric
from training.bench.document import Provenance, provenance_document, row_document
from training.bench.rows import Row
from training.evaluate.result import HEADLINE, in_order
from training.evaluate.table import chosen_settings

ACCURACY = ("ndcg@100", "recall@20", "recall@50", "ndcg@10", "hit@10", "mrr@10")
LISTS = ("coverage@10", "gini@10", "novelty@10", "ild@10")
COMMIT_DIGITS = 7
LEGEND = (
    "Mean over users and seeds, +- the standard error over users. *seeds*: how many trainings; 1 (nothing random) = "
    "another run would give the same. *95 % interval*: bootstrap over users and seeds together. *s*: seconds to train "
    "until early stopping, validation included; for a baseline to fit, its search on the validation users included. "
    "*MB*: the most memory that its process held, libraries and data included. Each ran in a process of its own, one "
    "at a time. *code*: the commit that trained it, + = with changes."
)


def write_pages(stem: Path, rows: Sequence[Row], provenance: Provenance) -> tuple[Path, Path, Path]:
    """Write `<stem>.md`, `<stem>.json` (a list of rows) and `<stem>.provenance.json`; nothing of single users."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages = tuple(stem.with_name(f"{stem.name}{suffix}") for suffix in (".md", ".json", ".provenance.json"))
    pages[0].write_text(markdown(rows, provenance), encoding="utf-8")
    _write_json(pages[1], [row_document(row) for row in rows])
    _write_json(pages[2], provenance_document(rows, provenance))
    return pages[0], pages[1], pages[2]


def markdown(rows: Sequence[Row], provenance: Provenance) -> str:
    """The page; every figure in it is in the JSON, too."""
    n_users = rows[0].metrics[HEADLINE].n
    chosen = (
        "What was chosen was chosen on the validation users; the test users were measured once, at the end."
        if provenance.part == "test"
        else "These are the users on whom settings and epochs were chosen: the figures are optimistic."
    )
    lines = [
        f"# {provenance.data.name}: every model and baseline on the same {n_users} {provenance.part} users",
        "\n".join(f"    {command}" for command in provenance.commands),
        _about(rows, provenance),
        _main_table(rows),
        LEGEND,
        _mixed(rows),
        "## 95 % intervals",
        _grid(rows, ACCURACY, lambda metric: f"{metric.low:.4f} to {metric.high:.4f}"),
        "## The lists",
        _grid(rows, LISTS, _plus_minus),
        "## Settings",
        chosen,
        "\n".join(_settings(row) for row in rows),
        _conditioned(rows),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def _about(rows: Sequence[Row], provenance: Provenance) -> str:
    data, protocol, ran_on = provenance.data, provenance.split.protocol, provenance.ran_on
    kept = "every row counts" if protocol.threshold is None else f"rating >= {protocol.threshold:g}"
    parts = (len(provenance.split.validation.users), len(provenance.split.test.users))
    source = "made by its protocol" if provenance.split_file is None else f"read from `{provenance.split_file}`"
    seeds = sorted({outcome.seed for row in rows for outcome in row.outcomes if outcome.drawn})
    memory = "" if ran_on["memory_gb"] is None else f", {ran_on['memory_gb']:g} GB"
    return (
        f"{data.n_users} training users, {data.n_items} items, {data.n_interactions} training interactions ({kept}, at "
        f"least {protocol.min_items} items a user); {parts[0]} validation and {parts[1]} test users, split {source}, "
        f"seed {protocol.seed}, fingerprint {provenance.split.fingerprint[:12]}. "
        f"Training seeds: {', '.join(map(str, seeds)) or 'none'}.\n\n"
        f"Ran on {ran_on['processor']}, {ran_on['cores']} cores{memory}, Python {ran_on['python']}, torch "
        f"{ran_on['torch']}.{f' {provenance.note}' if provenance.note else ''}"
    )


def _main_table(rows: Sequence[Row]) -> str:
    peer = next((row.against for row in rows if row.against is not None), None)
    columns = [name for name in ACCURACY if any(name in row.metrics for row in rows)]
    head = ["model", "seeds", *columns, f"{HEADLINE} less {peer}, paired, 95 % interval", "s", "MB", "code"]
    cells = [head]
    for row in rows:
        figures = [_plus_minus(row.metrics[c]) if c in row.metrics else "" for c in columns]
        seeds = str(len(row.outcomes)) if row.drawn else "1 (nothing random)"
        cells.append([_label(row), seeds, *figures, _gain(row), _seconds(row), _megabytes(row), _commits(row)])
    return _lines_of(cells)


def _grid(rows: Sequence[Row], columns: Sequence[str], said: Callable[[Metric], str]) -> str:
    there = [name for name in columns if any(name in row.metrics for row in rows)]
    cells = [["model", *there]]
    cells += [[_label(row), *(said(row.metrics[c]) if c in row.metrics else "" for c in there)] for row in rows]
    return _lines_of(cells)


def _lines_of(cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(row)} |" for row in [padded[0], rule, *padded[1:]])


def _label(row: Row) -> str:
    return f"**{row.model}** (flagship)" if row.flagship else row.model


def _plus_minus(metric: Metric) -> str:
    return f"{metric.mean:.4f} +- {metric.se:.4f}"


def _gain(row: Row) -> str:
    gain = row.gain
    return "the best peer" if gain is None else f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"


def _seconds(row: Row) -> str:
    seconds = sum(outcome.seconds for outcome in row.outcomes) / len(row.outcomes)
    return f"{seconds:.0f}" if seconds >= 1 else f"{seconds:.1f}"


def _megabytes(row: Row) -> str:
    return f"{max(outcome.peak_bytes for outcome in row.outcomes) / 1e6:.0f}"


def _commits(row: Row) -> str:
    return ", ".join(sorted({_short(outcome.commit) for outcome in row.outcomes}))


def _short(commit: str | None) -> str:
    return "unknown" if commit is None else commit[:COMMIT_DIGITS] + ("+" if commit.endswith("+") else "")


def _mixed(rows: Sequence[Row]) -> str:
    """What is not the same in all rows, said aloud: the sources that made them, and the machine."""
    said = []
    for what, of in (("the same sources", attrgetter("code")), ("the same machine", attrgetter("ran_on"))):
        groups: dict[str, dict[str, None]] = {}
        for row in rows:
            for outcome in row.outcomes:
                groups.setdefault(of(outcome), {})[row.model] = None
        if len(groups) > 1:
            parts = "; ".join(f"{name}: {', '.join(models)}" for name, models in groups.items())
            said.append(f"**Not all rows are of {what}.** {parts}.")
    return "\n\n".join(said)


def _settings(row: Row) -> str:
    first = row.outcomes[0]
    said = {key: value for part in first.asked.values() for key, value in part.items() if value is not None}
    chosen = "; ".join(f"seed {o.seed}: {chosen_settings(o.chosen)}" for o in row.outcomes if o.chosen)
    parts = [", ".join(f"{key} {value}" for key, value in said.items()), chosen]
    return f"* {row.model}: {' | '.join(part for part in parts if part) or 'nothing to choose'}"


def _conditioned(rows: Sequence[Row]) -> str:
    """A line for each model with conditions and way to ask for one."""
    found = [(row.model, way, row.conditioned[way]) for row in rows for way in in_order(row.conditioned)]
    columns = list(dict.fromkeys(name for _, _, metrics in found for name in sorted(metrics)))
    if not found:
        return ""
    cells = [["model", "way", *columns]]
    cells += [
        [model, way, *(_plus_minus(metrics[c]) if c in metrics else "" for c in columns)]
        for model, way, metrics in found
    ]
    return "## Conditioned on one value\n\n" + _lines_of(cells)


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
