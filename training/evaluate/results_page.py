"""An evaluation as a page of `docs/results/`: a Markdown file and its JSON twin, written by one call."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from training.evaluate.result import HEADLINE, Evaluation, in_order
from training.evaluate.table import by_value_table, table
from training.machine import machine
from training.run_info import RunInfo


def write_results(stem: Path, info: RunInfo, evaluation: Evaluation, *, command: str) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`; command is the line that made them. Only figures over many users go in."""
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    ran_on = {
        "device": info.device,
        "machine": platform.machine(),
        **machine(info.libraries),
        "libraries": info.libraries,
    }
    pages[0].write_text(_markdown(info, evaluation, command, ran_on), encoding="utf-8")
    twin = {
        "command": command,
        "ran_on": ran_on,
        "data": msgspec.to_builtins(info.data),
        "protocol": msgspec.to_builtins(info.protocol),
        "model": {"kind": info.kind, "config": info.config, "fit": info.fit, "seeds": info.seeds},
        "training": msgspec.to_builtins(info.summary),
        "evaluation": msgspec.to_builtins(evaluation),
    }
    pages[1].write_text(json.dumps(twin, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return pages


def _markdown(info: RunInfo, evaluation: Evaluation, command: str, ran_on: Mapping[str, Any]) -> str:
    data, protocol = info.data, info.protocol
    held_out = "a tenth of the" if protocol.n_heldout is None else protocol.n_heldout
    kept = "every row counts" if protocol.threshold is None else f"rating >= {protocol.threshold:g}"
    lines = [
        f"# {data.name}: {info.kind} beside {', '.join(in_order(evaluation.baselines))}",
        f"    {command}",
        f"{data.n_users} training users, {data.n_items} items, {data.n_interactions} training interactions ({kept}, "
        f"at least {protocol.min_items} items a user; {held_out} users held out for each of validation and test, "
        f"split seed {protocol.seed}). Training seed {info.seeds['train']}.",
        f"Ran on {ran_on['cores']} cores ({ran_on['device']}), Python {ran_on['python']}, torch "
        f"{info.libraries.get('torch', '?')}.",
        _training(info),
        table(evaluation, markdown=True),
        _gains(evaluation),
    ]
    if evaluation.conditioned is not None:
        lines.append(by_value_table(evaluation.conditioned, markdown=True))
    return "\n\n".join(line for line in lines if line) + "\n"


def _training(info: RunInfo) -> str:
    summary = info.summary
    if summary is None:
        return ""
    return (
        f"Training: {summary.epochs} epochs in {summary.seconds:.0f} s, stopped by {summary.stopped}; the weights are "
        f"those of epoch {summary.best_epoch}, validation {HEADLINE} {summary.best_ndcg:.4f}; {summary.active_units} "
        "active latents."
    )


def _gains(evaluation: Evaluation) -> str:
    return "\n".join(
        f"* against {name}: {gain.mean:+.4f} {HEADLINE} per user, paired, 95 % interval {gain.low:+.4f} to "
        f"{gain.high:+.4f}"
        for name, gain in ((name, evaluation.gain[name]) for name in in_order(evaluation.gain))
    )
