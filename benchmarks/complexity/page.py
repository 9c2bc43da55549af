"""The study as a page of docs/results/ and its JSON twin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.evaluate.table import markdown_table

Figures = dict[str, Any]


def write_page(stem: Path, figures: Figures) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`."""
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages[0].write_text(markdown(figures, plot=f"{stem.name}.svg"), encoding="utf-8")
    pages[1].write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return pages


def markdown(figures: Figures, *, plot: str) -> str:
    """The page."""
    parts = [_head(figures, plot), _definition(figures), _goings(figures), _prediction(figures), _warnings(figures)]
    parts += [_settings(figures)] if figures["settings"] else []
    parts += [_real(figures)] if figures["real"] else []
    return "\n\n".join([*parts, _families(figures)]) + "\n"


def _head(figures: Figures, plot: str) -> str:
    ran, chosen = figures["ran_on"], figures["prediction"]
    quick = "**A quick run on tiny data: no figure here means anything.**\n\n" if figures["quick"] else ""
    first = figures["going"]["epochs"][0]
    twin = " (one step for each 100 training users)" if first["figure"] in ("steps per epoch", "n_users") else ""
    return "\n\n".join(
        [
            "# How long until the latents are active",
            f"{quick}    {figures['command']}",
            (
                f"{figures['n_data_sets']} kinds of synthetic data, {figures['seeds']} seeds each (of the data and of "
                f"the training), a mult-vae of {figures['model']['hidden']} hidden units and "
                f"{figures['model']['latent']} latents, trained with the defaults. What goes with the epochs until "
                f"its latents are active is **{first['figure']}**{twin}, rank correlation {first['rho']:.2f}: what it "
                "takes is a number of optimiser steps that the data change little,"
            ),
            f"    {_formula(chosen)}",
            (
                f"which is off by a factor of {chosen['factor']:.2f} (root mean square of the logarithms) on "
                f"families of data that it was not fitted to; 90 % of the kinds need between {chosen['low']:.2f} "
                f"and {chosen['high']:.2f} times as many. `prismrec data describe` prints this, and `prismrec train` "
                "says when the weights that it kept have seen fewer epochs than the low end."
            ),
            f"![epochs until the latents are active, and how each figure goes with them]({plot})",
            (
                "Left: points of families in which an epoch has the same length stand side by side. "
                f"Ran on {ran['processor']}, one thread a training, torch {ran['torch']}; "
                f"{figures['training_seconds'] / 60:.0f} minutes of training in all."
            ),
        ]
    )


def _formula(chosen: Figures) -> str:
    terms = [f"{name}^{slope:.2f}" for name, slope in zip(chosen["figures"], chosen["slopes"], strict=True)]
    return " * ".join([f"epochs = {chosen['constant']:.3g}", *terms]) + " / steps per epoch"


def _definition(figures: Figures) -> str:
    other, rising = figures["other_definitions"], figures["still_rising"]
    cells = [
        [
            "active since",
            "definition",
            "median steps",
            "90 % of the data sets",
            "rank correlation of its epochs with those of the first",
        ]
    ]
    for name, one in other.items():
        steps = f"{one['low']:.0f} to {one['high']:.0f}"
        cells.append([name, one["definition"], f"{one['median']:.0f}", steps, f"{one['rho']:.2f}"])
    return "\n\n".join(
        [
            '## What "active" means here',
            (
                "KL > 0.01 nats says little early on: while beta is near 0 the KL of every latent is large, "
                "whatever it carries, and it shrinks as beta rises. So the latents are asked what they carry: users "
                "that were not trained on are encoded, z is drawn from the posterior, and a ridge regression of "
                "each planted taste on z, fitted on half of these users, is tested on the other half. R2 summed "
                "over the three tastes has a level (its median over the last quarter of the training), and the "
                "latents are active from the step at which it is 0.81 of that level *for good*: a curve that goes "
                "up, down and up again counts from its last rise. 0.81 of R2 is 0.9 of a correlation. Summed over "
                "the tastes, because a taste too weak to be learned has no say; on drawn z, because the mean of a "
                "wide code has the tastes in it before any training (a random projection does), and noise of the "
                "posterior covers them. It does not change when z is rotated."
            ),
            (
                f"Looked at {figures['looks']} times in a training of {figures['horizon']['steps']:,} steps or "
                f"{figures['horizon']['epochs']} epochs, whichever is longer. {figures['n_unlearned']} data sets "
                f"taught the model nothing (level below 0.1) and are left out; in {rising} of {figures['n_runs']} "
                "trainings the level was still rising at the end (more than 5 % above the quarter before), so that "
                "theirs is a lower bound."
            ),
            markdown_table(cells),
        ]
    )


def _goings(figures: Figures) -> str:
    steps = {one["figure"]: one for one in figures["going"]["steps"]}
    neither = [one["figure"] for one in figures["going"]["epochs"] if _none(one) and _none(steps[one["figure"]])]
    cells = [["figure", "with epochs until active", "with optimiser steps until active"]]
    for one in figures["going"]["epochs"]:
        cells.append([one["figure"], _rho(one), _rho(steps[one["figure"]])])
    return "\n\n".join(
        [
            "## Which figure goes with it",
            (
                f"Spearman's rank correlation over the {figures['n_data_sets']} data sets, with a 95 % bootstrap "
                "interval over data sets. The right column takes the length of an epoch out: it is what the data, and "
                "not their number of users, make of the time. An interval that holds 0 (not bold) is no relation. "
                f"Without a relation to either: {', '.join(neither) or 'none'}."
            ),
            markdown_table(cells),
        ]
    )


def _rho(one: Figures) -> str:
    held = "" if _none(one) else "**"
    return f"{held}{one['rho']:+.2f}{held} ({one['low']:+.2f} to {one['high']:+.2f})"


def _none(one: Figures) -> bool:
    """Whether the interval of a correlation holds 0."""
    return bool(one["low"] <= 0.0 <= one["high"])


def _prediction(figures: Figures) -> str:
    cells = [["epochs follow", "off by a factor of", "measured / predicted, 90 % interval"]]
    for one in figures["candidates"]:
        name = f"**{one['rule']}** (used)" if one["used"] else one["rule"]
        cells.append([name, f"{one['factor']:.2f}", f"{one['low']:.2f} to {one['high']:.2f}"])
    mixed = figures["mixtures_alone"]
    said = ""
    if mixed is not None:
        said = (
            f" On the {mixed['n']} random mixtures alone, with the line of the families in which one thing varies: "
            f"{mixed['factor']:.2f}."
        )
    return "\n\n".join(
        [
            "## How well it predicts",
            (
                "Least squares in the logarithms; each family of data sets is predicted by a line fitted to the "
                f"others, and that error is shown.{said}"
            ),
            markdown_table(cells),
            (f"Where it fails: {_worst(figures['prediction']['by_family'])}."),
        ]
    )


def _worst(by_family: Figures) -> str:
    """The three families with the largest error, and why, where it is known."""
    worst = ", ".join(f"*{family}* (a factor of {factor:.2f})" for family, factor in list(by_family.items())[:3])
    if next(iter(by_family)) != "correlation":
        return worst
    return f"{worst}. Tastes that go together are one pattern more than three, learned sooner, and no figure sees that"


def _warnings(figures: Figures) -> str:
    found = figures["warned"]
    right, wrong = (1.0 - found["missed"]) * found["n_short"], found["false"] * found["n_enough"]
    return "\n\n".join(
        [
            "## What a warning is worth",
            (
                "`train` says that a run is likely too short when the weights that it kept have seen fewer epochs than "
                "the low end of the interval. For each training, ended after each of "
                f"{', '.join(map(str, found['asked']))} epochs, with line and interval from the other families: "
                f"**{found['false']:.1%} of the {found['n_enough']} runs that were long enough are warned of for "
                f"nothing, {found['missed']:.0%} of the {found['n_short']} that were too short are not warned of.** "
                f"So {right / max(right + wrong, 1.0):.0%} of the warnings are right, and silence is no promise."
            ),
        ]
    )


def _settings(figures: Figures) -> str:
    scale = figures["scaling"]
    cells = [["setting", "steps until active", "as the rule has it"]]
    cells += [[one["label"], str(one["steps"]), f"{one['expected']:.0f}"] for one in figures["settings"]]
    both = [["settings together", "steps until active", "as the rule has it", "measured / rule"]]
    both += [
        [one["label"], str(one["steps"]), f"{one['expected']:.0f}", f"{one['steps'] / one['expected']:.2f}"]
        for one in figures["combined"]
    ]
    return "\n\n".join(
        [
            "## Other settings",
            (
                "The same data (the defaults of `data synth`, one seed), trained otherwise. Steps go with the "
                f"learning rate to the power of {scale['learning_rate']:.2f}, with the batch size to "
                f"{scale['batch_size']:.2f}, with the hidden units to {scale['hidden']:.2f}: a wider network is "
                f"faster. Latents that are tied to the tastes (guided) need {scale['guided']:.2f} times as many. This "
                "is what `train` scales its expectation with; in a one-cycle schedule a step counts as much as its "
                "learning rate. The number of latents, annealing, the KL's cap and other models are measured here "
                "and left out of the rule."
            ),
            markdown_table(cells),
            "Several at once, which the rule was not fitted to:",
            markdown_table(both),
        ]
    )


def _real(figures: Figures) -> str:
    cells = [
        [
            "data",
            "steps in an epoch",
            "epochs until active",
            "predicted (90 % interval)",
            "R2 of the tastes, summed",
        ]
    ]
    for one in figures["real"]:
        measured = ", ".join(f"{epochs:.1f}" for epochs in one["epochs"]) or "not learned"
        expected = f"{one['expected']:.1f} ({one['low']:.1f} to {one['high']:.1f})"
        cells.append(
            [
                one["label"],
                f"{one['steps_per_epoch']:.0f}",
                measured,
                expected,
                f"{one['level']:.2f} of {one['n_tastes']}",
            ]
        )
    inside = sum(one["low"] <= epochs <= one["high"] for one in figures["real"] for epochs in one["epochs"])
    n = sum(len(one["epochs"]) for one in figures["real"])
    return "\n\n".join(
        [
            "## Real data",
            (
                "MovieLens has no planted tastes. Instead of them, the tastes are the shares of each genre and the "
                "mean year and rating in a user's own history, and the users on whom they are read are training "
                "users: the held-out ones are too few. So this is an easier question, asked of other people, and no "
                f"proof. {inside} of {n} trainings are inside the interval."
            ),
            markdown_table(cells),
        ]
    )


def _families(figures: Figures) -> str:
    cells = [["family", "values", "steps until active", "epochs until active"]]
    for family, rows in figures["families"].items():
        cells.append(
            [
                family,
                ", ".join(row["label"] for row in rows) if family != "mixtures" else f"{len(rows)} drawn",
                _range([row["steps"] for row in rows]),
                _range([row["epochs"] for row in rows]),
            ]
        )
    return "\n\n".join(
        [
            "## The data sets",
            (
                "One thing is varied at a time, the rest are the defaults of `prismrec data synth` (shortest "
                "history 5); *strength* scales all three tastes; in the mixtures everything is drawn at once. Every "
                "data set and training is in the JSON beside this page."
            ),
            markdown_table(cells),
        ]
    )


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g} to {high:.3g}" if high > low else f"{low:.3g}"
