"""The figures of an evaluation as a table, for a terminal or for a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bundle.manifest import Metric
from training.evaluate.result import Conditioned, Evaluation, Metrics, in_order

COLUMNS = ("ndcg@100", "recall@20", "recall@50", "ndcg@10", "coverage@10", "gini@10", "novelty@10", "ild@10")
CONDITIONED_COLUMNS = ("satisfaction@10", "ndcg@100")


def table(evaluation: Evaluation, *, markdown: bool = False) -> str:
    """Model and baselines by metric, mean and standard error; then the ways to ask for a condition, if any."""
    rows = {evaluation.kind: evaluation.model} | {
        _label(evaluation, name): evaluation.baselines[name] for name in in_order(evaluation.baselines)
    }
    users = evaluation.model["ndcg@100"].n
    title = f"{users} {evaluation.part} users; mean +- standard error"
    parts = [title, _grid(rows, COLUMNS, markdown=markdown)]
    if evaluation.latents_in_words is not None:
        parts.append(evaluation.latents_in_words)
    if evaluation.conditioned is not None:
        parts += [_conditioned_title(evaluation.conditioned), _ways(evaluation.conditioned, markdown=markdown)]
    return "\n\n".join(parts) if markdown else "\n".join(parts)


def by_value_table(conditioned: Conditioned, *, markdown: bool = False) -> str:
    """Each value of the attribute by way: pairs, satisfaction@10 and ndcg@100."""
    rows = {
        f"{value}, {way}": ways[way] for value, ways in sorted(conditioned.by_value.items()) for way in in_order(ways)
    }
    return _grid(rows, CONDITIONED_COLUMNS, markdown=markdown)


def _label(evaluation: Evaluation, name: str) -> str:
    return f"{name} ({chosen})" if (chosen := chosen_settings(evaluation.settings.get(name, {}))) else name


def chosen_settings(settings: Mapping[str, float | str]) -> str:
    """What was chosen for a baseline, in a line: "weighting bm25, k1 1.2"."""
    return ", ".join(
        f"{key} {value if isinstance(value, str) else f'{value:g}'}" for key, value in sorted(settings.items())
    )


def _conditioned_title(conditioned: Conditioned) -> str:
    pairs = next(iter(conditioned.overall.values()))["ndcg@100"].n if conditioned.overall else 0
    return f"{pairs} pairs of a user and a {conditioned.attribute} with a held-out item of it"


def _ways(conditioned: Conditioned, *, markdown: bool) -> str:
    rows = {way: conditioned.overall[way] for way in in_order(conditioned.overall)}
    return _grid(rows, CONDITIONED_COLUMNS, markdown=markdown)


def _grid(rows: dict[str, Metrics], columns: Sequence[str], *, markdown: bool) -> str:
    shown = [name for name in columns if any(name in metrics for metrics in rows.values())]
    cells = [["", *shown]]
    cells += [[name, *(_cell(metrics.get(column)) for column in shown)] for name, metrics in rows.items()]
    return markdown_table(cells) if markdown else "\n".join("  ".join(row).rstrip() for row in _padded(cells))


def markdown_table(cells: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first row is its head."""
    padded = _padded(cells)
    rule = ["-" * len(cell) for cell in padded[0]]
    return "\n".join(f"| {' | '.join(row)} |" for row in [padded[0], rule, *padded[1:]])


def _padded(cells: Sequence[Sequence[str]]) -> list[list[str]]:
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]


def _cell(metric: Metric | None) -> str:
    return "" if metric is None else f"{metric.mean:.4f} +- {metric.se:.4f}"
