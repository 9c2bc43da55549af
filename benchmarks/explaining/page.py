"""The figures of the blocks as a page of docs/results/ and its JSON twin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.explaining.rounds import (
    CONTROL,
    COUNTERFACTUAL,
    DEFAULT,
    LIST,
    QUESTIONS,
    Block,
    mean_in_lists,
    p95_in_lists,
)

Figures = dict[str, Any]
BOUNDS = {DEFAULT: 10.0, COUNTERFACTUAL: 30.0}
"""In lists: the mean of the default explanation, and the 95th percentile of one with a counterfactual."""

CROWDED = "Where others crowd the cores, a list suffers somewhat more than an explanation."
WORDS = {
    DEFAULT: "`/explain` of an item as it is asked by default: factors, history, fidelity of both",
    COUNTERFACTUAL: "`/explain` with a counterfactual, without fidelity",
    "no fidelity": "`/explain` without fidelity",
    "fidelity in 20 steps": "`/explain` with `fidelity_k` 20",
    "everything": "`/explain` with fidelity and a counterfactual",
    CONTROL: "control: `/recommend` once more",
}


def bundle_figures(blocks: Sequence[Block], inside: dict[str, dict[str, float]]) -> Figures:
    """Of each question: milliseconds (median over the blocks of the mean), mean and 95th percentile in lists."""
    questions = {
        name: {
            "milliseconds": float(np.median([block.seconds[name].mean() for block in blocks]) * 1e3),
            "mean": asdict(mean_in_lists(blocks, name)),
            "p95": asdict(p95_in_lists(blocks, name)),
        }
        for name in (*QUESTIONS, CONTROL)
    }
    sizes = np.array([size for block in blocks for size, _ in block.counterfactuals])
    runs = np.array([runs for block in blocks for _, runs in block.counterfactuals])
    return {
        "list_milliseconds": float(np.median([block.seconds[LIST].mean() for block in blocks]) * 1e3),
        "questions": questions,
        "holds": {
            DEFAULT: questions[DEFAULT]["mean"]["high"] <= BOUNDS[DEFAULT],
            COUNTERFACTUAL: questions[COUNTERFACTUAL]["p95"]["high"] <= BOUNDS[COUNTERFACTUAL],
        },
        "counterfactuals": {
            "asked": len(sizes),
            "found": float((sizes > 0).mean()),
            "sizes": np.bincount(sizes).tolist(),
            "runs_mean": float(runs.mean()),
            "runs_p95": float(np.percentile(runs, 95)),
        },
        "inside": inside,
    }


def write_page(stem: Path, figures: Figures) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`."""
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages[0].write_text(markdown(figures), encoding="utf-8")
    pages[1].write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return pages


def markdown(figures: Figures) -> str:
    """The page."""
    return "\n".join([_head(figures), *(_bundle(found) for found in figures["bundles"])])


def _head(figures: Figures) -> str:
    ran = figures["ran_on"]
    quick = "**A quick run of a few users: no figure here means anything.**\n\n" if figures["quick"] else ""
    blocks = f"{figures['blocks']} blocks of {figures['users']} users each (seed {figures['seed']})"
    on = f"{ran['processor']}, {ran['cores']} cores, {ran['memory_gb']} GB, Python {ran['python']}"
    note = f"\n{figures['note']}\n" if figures["note"] else ""
    return f"""# What an explanation costs

{quick}    {figures["command"]}

Processor time of the server process (`python -m service`, all its threads, user and system), read from the system's
clock of that process before and after each request over HTTP. Histories are those of validation users as they are;
the item is drawn from the ten listed. Each user's list is asked for several times, then the explanations, with one
more list between any two of them, so that what disturbs one disturbs the other. The unit is **`POST /recommend` with
n = 10** among its like: of the lists that follow an explanation, and find the caches full of other things, none is
counted. {blocks}; a figure is the mean of the blocks', in brackets its 95 % interval
over the blocks. The control is one of the user's lists, drawn out before the mean is taken: it has to cost a list.

Made on {on}, in {figures["seconds"]:.0f} s, with {figures["load"]:.1f} processes
at work in the mean of the last five minutes. {CROWDED}
{note}"""


def _bundle(found: Figures) -> str:
    low, middle, high = found["history_lengths"]
    rows = [
        f"| {words} | {found['questions'][name]['milliseconds']:.1f} | {_ratio(found['questions'][name]['mean'])} "
        f"| {_ratio(found['questions'][name]['p95'])} |"
        for name, words in WORDS.items()
    ]
    size = f"{found['items']:,} items, {found['latent']} latents"
    return f"""## {found["model"]}: {size}, histories of {middle:.0f} items ({low:.0f} to {high:.0f})

A list takes {found["list_milliseconds"]:.2f} ms.

| | ms, mean | mean, in lists | 95th percentile, in lists |
|---|---|---|---|
{chr(10).join(rows)}

- {_verdict(found, DEFAULT, "mean", "the default explanation costs at most")}
- {_verdict(found, COUNTERFACTUAL, "p95", "the 95th percentile with a counterfactual is at most")}
- {_counterfactuals(found["counterfactuals"])}
- {_inside(found["inside"])}
"""


def _counterfactuals(told: Figures) -> str:
    sizes = ", ".join(f"{count} of {size}" for size, count in enumerate(told["sizes"]) if size and count) or "none"
    return (
        f"Of {told['asked']:,} counterfactuals asked for, {told['found']:.1%} were found ({sizes} items), after\n"
        f"  scoring {told['runs_mean']:.0f} histories in the mean, {told['runs_p95']:.0f} in the 95th percentile."
    )


def _inside(inside: Figures) -> str:
    return (
        f"In the engine alone, without HTTP and JSON, a list takes {inside['recommend']['milliseconds']:.2f} ms, the"
        f" default explanation\n  {inside[DEFAULT]['mean_in_lists']:.1f} of that, the 95th percentile with a"
        f" counterfactual {inside[COUNTERFACTUAL]['p95_in_lists']:.1f}."
    )


def _verdict(found: Figures, name: str, figure: str, words: str) -> str:
    high, bound = found["questions"][name][figure]["high"], BOUNDS[name]
    holds = "Holds" if found["holds"][name] else "**Does not hold**"
    return f"{holds}: {words} {bound:.0f} lists (upper end of the interval: {high:.1f})."


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['mean']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
