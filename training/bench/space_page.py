"""Whole-space measures as a page of docs/results/: Markdown and its JSON twin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.bench.space_runner import Row
from training.evaluate.table import markdown_table

LEGEND = (
    "*R2*: squared correlation of the best single dimension with a factor, the mean over factors; *gap*: less that of "
    "the runner-up (for factors that are numbers, as here, this is SAP, too). *MIG*: mutual information gap, on 20 "
    "bins, adjusted for chance. *D, C, I*: DCI disentanglement, completeness and informativeness by a lasso. *UDR*: "
    "how much alike the seeds' axes are, without any known factor, by a lasso (at most 0.9) and by rank correlation. "
    "*active*: dimensions with KL above 0.01 nats. All on held-out users' fold-in; the lasso and the forest are fitted "
    "on training users, what they tell is measured on the held-out ones. Mean over seeds +- standard deviation between "
    "them. Definitions and sources: [science.md](../science.md#whole-space-measures)."
)
MAIN = {
    "ndcg@100": "ndcg", "R2": "r2", "gap": "gap", "MIG": "mig", "D": "disentanglement", "C": "completeness",
    "I": "informativeness", "UDR": "udr", "UDR, ranks": "udr_spearman",
}  # fmt: skip
TURNED = {"R2": "r2", "gap": "gap", "MIG": "mig", "D": "disentanglement", "C": "completeness"}
FOREST = {
    "D, forest": "forest_disentanglement", "C, forest": "forest_completeness", "I, forest": "forest_informativeness",
}  # fmt: skip
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One data set. said: in words, what the known factors are; rows as measure_all gives them."""

    title: str
    data: str
    fingerprint: str
    said: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the page; note: of who ran it."""

    command: str
    part: str
    ran_on: Mapping[str, Any]
    libraries: Mapping[str, str]
    git: Mapping[str, Any] | None
    code: str
    note: str | None = None


def write_spaces(stem: Path, parts: Sequence[Part], provenance: Provenance) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`; only figures over many users go in."""
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages[0].write_text(_markdown(parts, provenance), encoding="utf-8")
    twin = {**_provenance(provenance), "parts": [part_document(part) for part in parts]}
    pages[1].write_text(json.dumps(twin, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return pages


def part_document(part: Part) -> dict[str, Any]:
    """Every figure of the part, by seed."""
    first = part.rows[0].seeds[0]
    return {
        "title": part.title,
        "data": part.data,
        "fingerprint": part.fingerprint,
        "factors": list(first.factors),
        "users": first.users,
        "fitting_users": first.fitting,
        "axes_of_dci_and_udr": first.n_axes,
        "models": [_row_document(row) for row in part.rows],
    }


def _row_document(row: Row) -> dict[str, Any]:
    first = row.seeds[0]
    names = [*MAIN.values(), *FOREST.values(), "chance_r2", *(f"turned {name}" for name in TURNED.values())]
    return {
        "model": row.model,
        "seeds": [one.seed for one in row.seeds],
        "runs": [one.run for one in row.seeds],
        "n_latent": first.n_latent,
        "active": [one.active for one in row.seeds],
        "moving": [one.moving for one in row.seeds],
        "figures": {
            name: {"mean": float(np.mean(values)), "sd": _spread(values), "by_seed": [round(v, 6) for v in values]}
            for name in names
            if (values := row.by_seed(name))
        },
        "by_factor": {
            name: {"r2": float(r2), "gap": float(gap)}
            for name, r2, gap in zip(first.factors, *_by_factor(row), strict=True)
        },
    }


def _provenance(provenance: Provenance) -> dict[str, Any]:
    return {
        "command": provenance.command,
        "part": provenance.part,
        "ran_on": dict(provenance.ran_on),
        "libraries": dict(provenance.libraries),
        "git": provenance.git,
        "code": provenance.code,
        "note": provenance.note,
    }


def _markdown(parts: Sequence[Part], provenance: Provenance) -> str:
    ran_on = provenance.ran_on
    about = (
        f"Measured on {provenance.part} users. Sources {provenance.code}. Ran on {ran_on['processor']}, "
        f"{ran_on['cores']} cores, Python {ran_on['python']}, torch {ran_on['torch']}. {provenance.note or ''}"
    )
    found = ["# What the axes of each model say", f"    {provenance.command}", about.strip(), LEGEND]
    for part in parts:
        found += [f"## {part.title}", _said(part), _main(part), _turned(part), _forest(part), _factors(part)]
    return "\n\n".join(text for text in found if text) + "\n"


def _said(part: Part) -> str:
    first = part.rows[0].seeds[0]
    said = (
        f"{part.said} {len(first.factors)} factors, {first.users} held-out users, {first.fitting} fitting users; split "
        f"{part.fingerprint[:12]}. The best of all dimensions has an R2 of about "
        f"{np.mean(part.rows[0].by_seed('chance_r2')):.3f} by chance."
    )
    longer = [row for row in part.rows if row.seeds[0].n_latent > row.seeds[0].n_axes]
    for row in longer:
        said += (
            f" DCI and UDR depend on the number of dimensions: of {row.model}'s {row.seeds[0].n_latent} they see the "
            f"{first.n_axes} that vary most; its R2, gap and MIG are over all of them."
        )
    return said


def _main(part: Part) -> str:
    cells = [["model", "seeds", "dimensions", "active", *MAIN]]
    for row in part.rows:
        figures = [_cell(row.by_seed(name)) if name != "ndcg" else _mean(row.by_seed(name)) for name in MAIN.values()]
        active = f"{np.mean(row.by_seed('active')):.0f}" if row.seeds[0].seed is not None else ""
        cells.append([_label(row), _seeds(row), str(row.seeds[0].n_latent), active, *figures])
    return markdown_table(cells)


def _turned(part: Part) -> str:
    cells = [["model", *(f"{title}: own axes, turned" for title in TURNED)]]
    for row in part.rows:
        pairs = [(np.mean(row.by_seed(name)), np.mean(row.by_seed(f"turned {name}"))) for name in TURNED.values()]
        cells.append([_label(row), *(f"{own:.{_DIGITS}f}, {turned:.{_DIGITS}f}" for own, turned in pairs)])
    return (
        "**Do the axes matter?** The same spaces with their axes turned at random. Of what a model has no more than "
        "its turned self, the axes tell nothing.\n\n" + markdown_table(cells)
    )


def _forest(part: Part) -> str:
    cells = [["model", *FOREST]]
    cells += [[_label(row), *(_cell(row.by_seed(name)) for name in FOREST.values())] for row in part.rows]
    return (
        "**DCI without straight lines**: random forests in the lasso's place, fitted on at most 600 users.\n\n"
        + markdown_table(cells)
    )


def _factors(part: Part) -> str:
    rows = [row for row in part.rows if row.seeds[0].seed is not None]
    columns = [_by_factor(row) for row in rows]
    cells = [["factor", *(row.model for row in rows)]]
    for at, name in enumerate(part.rows[0].seeds[0].factors):
        cells.append([name, *(f"{r2[at]:.2f} ({gap[at]:.2f})" for r2, gap in columns)])
    return "**Factor by factor**: R2 of the best dimension (and its gap), mean over seeds.\n\n" + markdown_table(cells)


def _by_factor(row: Row) -> tuple[np.ndarray, np.ndarray]:
    return np.mean([one.r2 for one in row.seeds], axis=0), np.mean([one.gap for one in row.seeds], axis=0)


def _label(row: Row) -> str:
    return f"**{row.model}**" if row.model.endswith("guided") else row.model


def _seeds(row: Row) -> str:
    return str(len(row.seeds)) if row.seeds[0].seed is not None else ""


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4f}" if values else ""


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    spread = f" +- {_spread(values):.{_DIGITS}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{_DIGITS}f}{spread}"


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
