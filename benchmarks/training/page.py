"""The figures as a page of docs/results/ and its JSON twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
FORM = (
    "| | users x items | dense fp32, s | ours, s | ratio | ours in fp32, s | ratio |",
    "|---|---|---|---|---|---|---|",
)


def write_page(stem: Path, figures: Figures) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`."""
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages[0].write_text(markdown(figures), encoding="utf-8")
    pages[1].write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return pages


def markdown(figures: Figures) -> str:
    """The page; a part that was not measured is left out."""
    parts = [_head(figures)]
    epochs = {name: found for name, found in figures["epochs"].items() if found}
    if epochs:
        parts += [_epochs(epochs), _floor(epochs)]
    parts += [_accuracy(figures["accuracy"])] if figures.get("accuracy") else []
    parts += [_goal(figures["goal"])] if figures.get("goal") else []
    parts += [_memory(figures["memory"])] if figures.get("memory") else []
    return "\n".join(parts)


def _head(figures: Figures) -> str:
    ran = figures["ran_on"]
    quick = "**A quick run on tiny shapes: no figure here means anything.**\n\n" if figures["quick"] else ""
    return f"""# How fast training is

{quick}    {figures["command"]}

Mult-VAE {figures["model"]}, Adam. *Dense*: the model written the ordinary way (`benchmarks/training/dense.py`): dense
batches, float32, PyTorch's own layers, loss and optimiser. *Ours*: the step that `prismrec train` takes. Both in one
process, in turns, on {ran["processor"]}, {ran["cores"]} cores, {figures["threads"]} threads, torch {ran["torch"]};
{figures["seconds"]:.0f} s for everything on this page. {figures["note"]}
"""


def _epochs(epochs: Figures) -> str:
    rows, told = [], []
    for name, found in epochs.items():
        seconds, timed, ratios = found["seconds_per_epoch"], found["timed"], found["ratios"]
        rows.append(
            f"| {name} ({found['data']}) | {found['users']:,} x {found['items']:,} | {seconds['dense']:.2f} "
            f"| {seconds['ours']:.2f} | **{found['ratio']:.1f}** "
            f"| {seconds['ours_fp32']:.2f} | {found['ratio_fp32']:.1f} |"
        )
        told.append(
            f"- {name}: {timed['rounds']} rounds of {timed['dense']} dense steps and {timed['ours']} of ours; an epoch "
            f"has {found['steps_per_epoch']} of {found['batch_size']} users. Ratios of the rounds: {min(ratios):.1f} "
            f"to {max(ratios):.1f}."
        )
    explained = "Training steps only, without validation and checkpoints: the median step times the steps of an epoch."
    return "\n".join(["## Seconds per epoch", "", *FORM, *rows, "", explained, *told, ""])


def _floor(epochs: Figures) -> str:
    lines = ["## The arithmetic floor", ""]
    for name, found in epochs.items():
        rates, gflop, floor = found["gemm_gflops"], found["gflop_per_epoch"], found["floor_seconds"]
        lines.append(
            f"- {name}: products of this size run at {rates['fp32']:.0f} GFLOP/s in float32 and {rates['bf16']:.0f} in "
            f"bfloat16, measured in the same run. Our epoch has {gflop['ours']:,.0f} GFLOP, so no less than "
            f"{floor['ours']:.2f} s; the dense one {gflop['dense']:,.0f}, no less than {floor['dense_fp32']:.2f} s. "
            f"**Ours runs at {found['share_of_floor']:.0%} of its floor.**"
        )
    return "\n".join([*lines, ""])


def _accuracy(found: Figures) -> str:
    dense, ours = (", ".join(f"{value:.4f}" for value in found[name]) for name in ("dense", "ours"))
    return f"""## The same accuracy

Validation NDCG@100 ({found["data"]}) after {found["epochs"]} epochs, batches of {found["batch_size"]}, learning rate
{found["learning_rate"]:g}, {len(found["dense"])} seeds: dense {dense}; ours {ours}.
Difference of the means, paired by user: {found["difference"]:+.4f}, standard error over users
{found["standard_error"]:.4f}, spread of a seed {found["spread_of_a_seed"]:.4f}.
"""


def _goal(found: Figures) -> str:
    theirs, ours = found["published"], found["ours"]
    reached = ", ".join("not reached" if value is None else f"{value:.1f}" for value in ours["seconds"])
    ratio = "not known" if found["ratio"] is None else f"{found['ratio']:.1f}"
    settings = ", ".join(f"{name} {value}" for name, value in ours["settings"].items())
    whole = f"{theirs['seconds']:.1f} ({theirs['seconds_in_all']:.0f} for {theirs['epochs']} epochs)"
    return f"""## Seconds until the figure is good

Goal: 99 % of the best validation NDCG@100 ({found["data"]}) that the published settings reach, {theirs["best"]:.4f}:
{found["goal"]:.4f}. Those are of Liang et al.'s code: batches of 500, Adam at 1e-3, KL weight step / 200,000 up to 0.2,
at most 200 epochs; here they end 20 epochs after their best one. Time runs from the start, with a validation after each
epoch; ours also writes checkpoints, logs and a copy of the data.

| | seconds to the goal | best NDCG@100 |
|---|---|---|
| published settings, dense fp32 | {whole} | {theirs["best"]:.4f} |
| ours: {settings} | {reached} | {", ".join(f"{value:.4f}" for value in ours["best"])} |

**Ratio, with our slowest seed: {ratio}.** Our settings were chosen on these validation users.
"""


def _memory(found: Figures) -> str:
    run = found["run"]
    lines = [
        "## Memory",
        "",
        f"- One epoch of `fit` at {run['shape']}, {run['interactions']:,} interactions, with its validation and "
        f"checkpoints: the whole process holds **{run['peak_gb']:.2f} GB** at most (of which "
        f"{run['peak_gb_of_the_data']:.2f} were reached before, in drawing the data); {run['seconds']:.0f} s.",
    ]
    for part in (found["sampled"], found["whole"]):
        n, largest = part["sampled_items"], " x ".join(f"{n:,}" for n in part["largest_tensor"])
        what = "all items, in chunks" if n is None else f"the batch's items and {n:,} sampled ones"
        lines.append(
            f"- {part['shape']}, batches of 500, hidden {part['model']['hidden']}, softmax over {what}: "
            f"{part['seconds_per_step']:.2f} s a step, {part['peak_gb']:.2f} GB. The largest tensor of a step is "
            f"{largest}, {part['largest_tensor_share_of_batch_by_items']:.2f} of a [batch, items] matrix."
        )
    return "\n".join([*lines, ""])
