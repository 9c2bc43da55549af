"""Explanations of several models as a page of docs/results/: Markdown, its JSON twin and a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from bundle.manifest import Metric
from prismrec.explaining.claims import Claim, claims
from prismrec.explaining.curves import KS
from prismrec.explaining.figures import (
    Order,
    Removed,
    Users,
    View,
    additivity,
    by_length,
    factors_of,
    history_of,
    orders,
    removed,
)
from prismrec.explaining.measure import Measured, N
from prismrec.explaining.orders import LEAVE_ONE_OUT, N_RANDOM, OURS, RANDOM, SIMILARITY
from prismrec.explaining.plot import write_plot
from prismrec.explaining.removals import BEAM
from prismrec.explaining.words import ADDITIVE, CLAIMS, FACTORS, HISTORY, LENGTH, REMOVALS
from service.limits import LIMITS
from training.evaluate.table import markdown_table

BY_LENGTH = (OURS, LEAVE_ONE_OUT, SIMILARITY, RANDOM)
"""The orders that are told by length of history."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the page. seed: of the choice of users and of every draw; note: of who ran it."""

    command: str
    data: str
    fingerprint: str
    part: str
    n_users: int
    seed: int
    flagship: str | None
    ran_on: Mapping[str, Any]
    libraries: Mapping[str, str]
    git: Mapping[str, Any] | None
    code: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that is said of one model."""

    measured: Measured
    flagship: bool
    claims: Sequence[Claim]
    history: Sequence[Order]
    factors: Sequence[Order]
    removed: Removed

    @classmethod
    def of(cls, one: Measured, *, flagship: bool) -> Told:
        users = one.users
        found = orders(users, history_of), orders(users, factors_of)
        return cls(one, flagship, claims(users, *found), *found, removed(users))

    @property
    def label(self) -> str:
        return self.measured.contender.label

    @property
    def users(self) -> Users:
        return self.measured.users


def write_explanations(stem: Path, rows: Sequence[Measured], about: Provenance) -> tuple[Path, Path, Path]:
    """Write `<stem>.md`, `<stem>.json` and `<stem>.svg`; nothing of single users.

    The flagship's row comes first (the guided one where there are two), and the plot is of the first row.
    """
    ours = [one for one in rows if one.contender.kind == about.flagship]
    first = next((one for one in ours if one.contender.guided), ours[0] if ours else None)
    told = [Told.of(one, flagship=one is first) for one in sorted(rows, key=lambda one: one is not first)]
    pages = tuple(stem.with_name(f"{stem.name}{suffix}") for suffix in (".md", ".json", ".svg"))
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_plot(pages[2], told[0].users, told[0].label)
    pages[0].write_text(_markdown(told, about, plot=pages[2].name), encoding="utf-8")
    twin = json.dumps(_short(_document(told, about)), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    pages[1].write_text(f"{twin}\n", encoding="utf-8")
    return pages[0], pages[1], pages[2]


def _document(told: Sequence[Told], about: Provenance) -> dict[str, Any]:
    """What the twin holds: the page's figures, and all measures at every k."""
    return {
        **asdict(about),
        "n": N,
        "ks": list(KS),
        "random_orders": N_RANDOM,
        "models": [
            {
                "model": one.label,
                "flagship": one.flagship,
                "bundle_id": one.measured.contender.bundle_id,
                "claims": [asdict(claim) for claim in one.claims],
                "additivity": [asdict(row) for row in additivity(one.users)],
                "history": [_order(order) for order in one.history],
                "factors": [_order(order) for order in one.factors],
                "counterfactuals": msgspec.to_builtins(one.removed, str_keys=True),
                "by_length": [_group(name, users) for name, users in by_length(one.users)],
            }
            for one in told
        ],
    }


def _order(order: Order) -> dict[str, Any]:
    parts = {"at": order.at, "to_leave_one_out": order.to_loo, "less_leave_one_out": order.less_loo}
    return {"order": order.label, **{name: msgspec.to_builtins(dict(part)) for name, part in parts.items()}}


def _group(name: str, users: Users) -> dict[str, Any]:
    at = {order.label: msgspec.to_builtins(dict(order.at)) for order in _of(users, history_of, BY_LENGTH)}
    return {"length": name, "users": len(users), "history": at, "coverage": removed(users).coverage}


def _short(value: Any) -> Any:
    """Numbers to five digits, frozen parts as plain ones."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, msgspec.Struct):
        return _short(msgspec.to_builtins(value))
    if isinstance(value, list | tuple):
        return [_short(part) for part in value]
    return {str(name): _short(part) for name, part in value.items()} if isinstance(value, dict) else value


def _markdown(told: Sequence[Told], about: Provenance, *, plot: str) -> str:
    parts = [
        f"# {about.data}: explanations of the lists of {about.n_users} {about.part} users",
        f"    {about.command}",
        _about(about),
        _claims_table(told),
        CLAIMS,
        *(_claims(one, whole=one is told[0]) for one in told),
        f"![the target's probability along each order]({plot})",
        "## The parts make the score",
        ADDITIVE,
        _additive_table(told),
        "## History items",
        HISTORY.format(n=N, random=N_RANDOM),
        *(_fidelity(one.label, one.history) for one in told),
        "## Factors",
        FACTORS,
        *(_fidelity(one.label, one.factors) for one in told),
        "## Counterfactuals",
        REMOVALS.format(n=N, removals=LIMITS.removals, beam=BEAM),
        _removed_table(told),
        _sizes_table(told),
        _ranks_table(told),
        "## By the length of the history",
        LENGTH,
        *(_length_table(one) for one in told),
    ]
    return "\n\n".join(parts) + "\n"


def _about(about: Provenance) -> str:
    ran_on = about.ran_on
    said = [
        f"Split {about.fingerprint[:12]}, sources {about.code}, seed {about.seed}. Ran on {ran_on['processor']}, one "
        f"thread, Python {ran_on['python']}, onnxruntime {about.libraries.get('onnxruntime', 'unknown')}. Means over "
        "users with 95 % intervals (bootstrap over users; one value a user)."
    ]
    if about.part == "validation":
        said.append("These are the users on whom settings and epochs were chosen.")
    return " ".join([*said, about.note or ""]).strip()


def _claims_table(told: Sequence[Told]) -> str:
    names = dict.fromkeys(claim.name for one in told for claim in one.claims)
    found = [{claim.name: claim for claim in one.claims} for one in told]
    asked = {claim.name: claim.required for one in told for claim in one.claims}
    cells = [["claim", "asked for", *(one.label for one in told)]]
    for name in names:
        passed = [_word(by_name[name]) if name in by_name else "" for by_name in found]
        cells.append([name, "yes" if asked[name] else "", *passed])
    return markdown_table(cells)


def _claims(one: Told, *, whole: bool) -> str:
    """All with their figures, or those that failed."""
    title = f"**{one.label}**{' (flagship)' if one.flagship else ''}, bundle {one.measured.contender.bundle_id[:12]}"
    shown = [claim for claim in one.claims if whole or not claim.passed]
    lines = [f"* {_word(claim)} {claim.name}: {claim.said}." for claim in shown]
    return "\n".join([title, "", *(lines or ["* every claim passes"])])


def _word(claim: Claim) -> str:
    return "PASS" if claim.passed else "**FAIL**"


def _additive_table(told: Sequence[Told]) -> str:
    cells = [["model", "list", "view", "items", "largest", "99 of 100", "within 1e-4", "largest in itself"]]
    for one in told:
        for row in additivity(one.users):
            figures = [f"{row.largest:.1e}", f"{row.p99:.1e}", f"{row.within:.2%}", f"{row.left:.1e}"]
            cells.append([one.label, row.situation, row.view, str(row.n), *figures])
    return markdown_table(cells)


def _fidelity(label: str, found: Sequence[Order]) -> str:
    head = ["order", *(f"{name.upper()}@{k}" for k in KS for name in ("del", "ins")), "log DEL@10", "log INS@10"]
    cells = [[*head, "POS@10", "NEG@10", "DEL@10 less leave one out", "INS@10 less leave one out"]]
    for order in found:
        name = f"**{order.label}**" if order.label == OURS else order.label
        figures = [_short_interval(order.at[f"{measure}@{k}"]) for k in KS for measure in ("del", "ins")]
        figures += [f"{order.at[f'{measure}@10'].mean:.3f}" for measure in ("log del", "log ins", "pos", "neg")]
        paired = [_short_interval(order.less_loo[f"{m}@10"], sign="+") for m in ("del", "ins")]
        cells.append([name, *figures, *(["", ""] if order.label == LEAVE_ONE_OUT else paired)])
    return f"### {label}\n\n{markdown_table(cells)}"


def _removed_table(told: Sequence[Told]) -> str:
    head = ["model", "coverage", "valid", "confirmed", "mean size", "items changed", "runs, median", "runs, 95 of 100"]
    head[2:2] = ["items kept off"]
    head.insert(5, "wider search")
    cells = [[*head, "cost in lists, median", "cost, 95 of 100"]]
    for one in told:
        found = one.removed
        figures = [_short_interval(found.coverage), _short_interval(found.strict)]
        figures += [f"{found.valid:.4f}", f"{found.confirmed:.4f}"]
        figures.append(f"{found.widened[1]} of {found.widened[0]}")
        figures += [f"{found.mean_size:.2f}", f"{found.changed:.2f}"]
        figures += [f"{found.runs['median']:.0f}", f"{found.runs['p95']:.0f}"]
        cells.append([one.label, *figures, f"{found.cost['median']:.1f}", f"{found.cost['p95']:.1f}"])
    return markdown_table(cells)


def _sizes_table(told: Sequence[Told]) -> str:
    sizes = range(1, LIMITS.removals + 1)
    cells = [["model", "items", *(f"{size} removed" for size in sizes), "none found"]]
    for one in told:
        counts, total = one.removed.sizes, sum(one.removed.sizes.values())
        shares = [f"{counts.get(size, 0) / total:.3f}" for size in (*sizes, 0)]
        cells.append([one.label, str(total), *shares])
    return markdown_table(cells)


def _ranks_table(told: Sequence[Told]) -> str:
    ranks = sorted({rank for one in told for rank in one.removed.by_rank})
    cells = [["coverage at rank", *map(str, ranks)]]
    cells += [[one.label, *(f"{one.removed.by_rank.get(r, 0.0):.3f}" for r in ranks)] for one in told]
    return markdown_table(cells)


def _length_table(one: Told) -> str:
    head = ["items", "users", *(f"{measure}@5, {label}" for measure in ("DEL", "INS") for label in BY_LENGTH)]
    cells = [[*head, "coverage"]]
    for name, users in by_length(one.users):
        found = {order.label: order for order in _of(users, history_of, BY_LENGTH)}
        figures = [_short_interval(found[label].at[f"{m}@5"]) for m in ("del", "ins") for label in BY_LENGTH]
        cells.append([name, str(len(users)), *figures, _short_interval(removed(users).coverage)])
    return f"### {one.label}\n\n{markdown_table(cells)}"


def _of(users: Users, view: View, labels: Sequence[str]) -> list[Order]:
    return [order for order in orders(users, view) if order.label in labels]


def _short_interval(metric: Metric, *, sign: str = "") -> str:
    return f"{metric.mean:{sign}.3f} ({metric.low:{sign}.3f} to {metric.high:{sign}.3f})"
