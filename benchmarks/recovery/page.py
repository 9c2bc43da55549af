"""The figures as a page of docs/results/ and its JSON twin."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.recovery.reading import DEFINITIONS, FACTORS_HEAD, GOAL, GOAL_OF, MECHANISMS, NULL_HEAD, REASONS
from benchmarks.recovery.study import DEFAULT
from benchmarks.recovery.verdict import METHODS
from training.data.synth import FACTORS
from training.guided.settings import NONE

Figures = dict[str, Any]
_DECODING: Final = ("top_k", "users", "samples", "permutations", "level", "tail", "active_kl", "seed")
"""What of the decoding bears on the claims."""
_BY_SCENARIO: Final = {
    "relative": "Relative 3 of 3",
    "absolute": "Absolute 3 of 3, right half",
    "relative_pure": "Relative 3 of 3, pure",
}


def write_page(stem: Path, figures: Figures) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`."""
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages[0].write_text(markdown(figures), encoding="utf-8")
    pages[1].write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return pages


def markdown(figures: Figures) -> str:
    parts = [_head(figures), DEFINITIONS, _default(figures), _varied(figures), _factors(figures), _missed(figures)]
    parts += [_null(figures)] + ([_tuning(figures)] if figures["tuning"] else []) + [_settings(figures)]
    return "\n".join(parts)


def _head(figures: Figures) -> str:
    quick = "**A quick run on tiny data: no figure here means anything.**\n\n" if figures["quick"] else ""
    ran, seeds = figures["ran_on"], figures["seeds"]
    return f"""# Are planted factors found again?

{quick}    {figures["command"]}

Synthetic data (`prismrec data synth`) have three planted tastes: genre (strong), year, rating (weak). Each model is
trained, its map decoded, and what the map says is compared with what was planted. {seeds["default"]} seeds of the
default data, {seeds["variations"]} of each variation; a seed is that of the data, the split and the training alike.
Intervals are 95 % (Wilson). {figures["units"]} units of work, together {figures["seconds"] / 60:.0f} minutes of
one core of {ran["processor"]}, torch {ran["torch"]}.
"""


def _default(figures: Figures) -> str:
    head = ("relative 3 of 3", "absolute 3 of 3, right half", "both", "relative, pure", "absolute, pure")
    lines = ["## The default data", ""]
    lines += _table(("", *head, "active latents", "validation ndcg@100"))
    rows = [row for row in figures["recovery"] if row["scenario"] == DEFAULT]
    for row in rows:
        shares = [_share(row[key]) for key in ("relative", "absolute", "both", "relative_pure", "absolute_pure")]
        lines.append(_line((row["model"], *shares, f"{row['active']:.1f}", f"{row['validation_ndcg']:.4f}")))
    for row in rows:
        if row["model"] == "guided" and row["seeds"] == GOAL_OF:
            met = "reached" if row["both"]["hits"] >= GOAL else "**missed**"
            goal = f"Goal, guided: both methods 3 of 3 in at least {GOAL} of {GOAL_OF} runs"
            lines += ["", f"{goal}: {met}, {row['both']['hits']} of {GOAL_OF}."]
    return "\n".join([*lines, ""])


def _varied(figures: Figures) -> str:
    synth, models = figures["scenarios"][DEFAULT], list(figures["contenders"])
    lines = [
        "## Over noise, correlation and popularity skew",
        "",
        f"The default data have noise {synth['noise']:g}, correlation of the tastes {synth['correlation']:g} and "
        f"popularity skew {synth['popularity_skew']:g}; one is changed at a time.",
    ]
    for key, title in _BY_SCENARIO.items():
        cells = {(row["scenario"], row["model"]): _share(row[key]) for row in figures["recovery"]}
        lines += ["", f"**{title}**", "", *_table(("", *models))]
        lines += [_line((s, *(cells.get((s, model), "") for model in models))) for s in figures["scenarios"]]
    return "\n".join([*lines, ""])


def _factors(figures: Figures) -> str:
    lines = [FACTORS_HEAD]
    for row in figures["recovery"]:
        for name, one in row["factors"].items() if row["scenario"] == DEFAULT else ():
            measured = [f"{one[key]:.2f}" for key in ("ceiling", "space", "axis", "beside", "kl")]
            lines.append(_line((row["model"], name, *measured, *(_count(one[m]["mapped"]) for m in METHODS))))
    return "\n".join([*lines, ""])


def _missed(figures: Figures) -> str:
    lines = ["## Why factors are missed", "", "Every factor that a method missed, by where it lies in the latents:", ""]
    lines += [f"- *{name}*: {words}." for name, words in REASONS.items()]
    lines += ["", "Counts over the default data | over all variations.", ""]
    seen = ("not named", "not true", "wrong half")
    lines += _table(("", "method", "factor", "missed", *REASONS, *seen))
    for model in figures["contenders"]:
        of_model = [row for row in figures["recovery"] if row["model"] == model]
        parts = [r for r in of_model if r["scenario"] == DEFAULT], [r for r in of_model if r["scenario"] != DEFAULT]
        for method in METHODS:
            for name in FACTORS:
                both = [_misses([row["factors"][name][method] for row in part]) for part in parts]
                if any(counts["missed"] for counts in both):
                    total = " \\| ".join(f"{counts['missed']}/{counts['n']}" for counts in both)
                    cells = [" \\| ".join(str(counts[key] or "-") for counts in both) for key in (*REASONS, *seen)]
                    lines.append(_line((model, method, name, total, *cells)))
    return "\n".join([*lines, "", MECHANISMS, *_why(figures), ""])


def _why(figures: Figures) -> list[str]:
    """Of each model that missed any on the default data: the factor it missed most, and where that lies."""
    lines = []
    for row in figures["recovery"]:
        missed = {n: [_missed_by(one[m]["mapped"]) for m in METHODS] for n, one in row["factors"].items()}
        name = max(missed, key=lambda n: sum(missed[n]))
        if row["scenario"] != DEFAULT or not any(missed[name]):
            continue
        one, strong = row["factors"][name], row["factors"][FACTORS[0]]
        counts = ", ".join(f"{k} of {row['seeds']} ({m})" for k, m in zip(missed[name], METHODS, strict=True))
        paid = f" Its KL is {one['kl']:.2f} nats, that of {FACTORS[0]} {strong['kl']:.2f}." if strong["kl"] else ""
        lines.append(
            f"- {row['model']}, {row['active']:.0f} latents active, misses {name} most: {counts}. All latents hold "
            f"{_part(one['space'], one['ceiling'])} of what the histories tell of it (r²), the best one "
            f"{_part(one['axis'], one['space'])} of that, and {one['beside'] ** 2:.0%} of another taste.{paid}"
        )
    return lines


def _misses(parts: Sequence[Figures]) -> Counter[str]:
    """Over some kinds of data: how often a factor was missed, why, and how it looked."""
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part["missed_because"])
        found.update({key: n for key, n in part["outcomes"].items() if key != "mapped"})
        found["n"] += part["mapped"]["n"]
        found["missed"] += part["mapped"]["n"] - part["mapped"]["hits"]
    return found


def _null(figures: Figures) -> str:
    lines = [NULL_HEAD]
    for name, null in figures["null"].items():
        maps = [_share(null[key]) for key in ("maps_relative", "maps_absolute", "maps_with_a_reading")]
        cells = [_percent(null[key]) for key in ("cells_relative", "cells_absolute", "small_p")]
        control = [null["control"][key] for key in ("cells_relative", "cells_absolute", "maps_with_a_reading")]
        lines.append(_line((name, null["maps"], *maps, *cells, *map(_percent, control))))
    return "\n".join([*lines, ""])


def _tuning(figures: Figures) -> str:
    seeds = ", ".join(map(str, figures["seeds"]["tuning"]))
    chosen = figures["contenders"]["beta-vae"]["fit"]["beta_cap"]
    lines = ["## The beta of beta-vae", ""]
    lines += [
        f"`beta_cap` {chosen:g}: chosen on the default data at seeds {seeds}, which are not among those above.",
        "",
    ]
    weak = FACTORS[-1]
    head = ("relative 3 of 3", "absolute 3 of 3, right half", "active latents", f"{weak} in all latents", f"{weak}, KL")
    lines += _table(("", *head, "validation ndcg@100"))
    for row in figures["tuning"]:
        one = row["factors"][weak]
        measured = (f"{row['active']:.1f}", f"{one['space']:.2f}", f"{one['kl']:.2f}", f"{row['validation_ndcg']:.4f}")
        lines.append(_line((row["model"], _count(row["relative"]), _count(row["absolute"]), *measured)))
    return "\n".join([*lines, ""])


def _settings(figures: Figures) -> str:
    first = next(iter(figures["contenders"].values()))
    shared = {**first["model"], **first["fit"]}
    lines = ["## Settings", "", f"- Data: {_listed(figures['scenarios'][DEFAULT])}."]
    lines += [f"- All models: {_listed(shared)}; one thread; the weights of the best epoch by validation ndcg@100."]
    for name, one in figures["contenders"].items():
        own = {key: value for key, value in {**one["model"], **one["fit"]}.items() if shared.get(key) != value}
        told = ", ".join([f"`{one['kind']}`", *([_listed(own)] if own else [])])
        guide = one["guide"]
        guided = f", guided by {guide['attributes']}, weight {guide['weight']:g}, separation {guide['separation']:g}"
        lines += [f"- {name}: {told}{'' if guide['attributes'] == NONE else guided}."]
    lines += [f"- Decoding: {_listed({key: figures['decode'][key] for key in _DECODING})}."]
    made = figures["commits"]
    lines += [
        f"- Made by commit {made[0]}." if len(made) == 1 else f"- Made by {len(made)} commits, listed in the JSON."
    ]
    return "\n".join([*lines, ""])


def _table(head: Sequence[str]) -> list[str]:
    return [_line(head), "|---" * len(head) + "|"]


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _share(one: Figures) -> str:
    if not one["n"]:
        return ""
    return f"{one['hits']}/{one['n']} ({100 * one['low']:.0f}-{100 * one['high']:.0f} %)"


def _count(one: Figures) -> str:
    return f"{one['hits']}/{one['n']}"


def _percent(one: Figures) -> str:
    if not one["n"]:
        return ""
    return f"{one['share']:.1%} ({100 * one['low']:.1f}-{100 * one['high']:.1f})"


def _missed_by(mapped: Figures) -> int:
    return int(mapped["n"] - mapped["hits"])


def _part(some: float, whole: float) -> str:
    return f"{some**2 / whole**2:.0%}" if whole else "nothing"


def _listed(settings: Figures) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
