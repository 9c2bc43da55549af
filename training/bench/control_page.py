"""Control of lists as a page of docs/results/: Markdown and its JSON twin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from training.bench.control_figures import (
    PRECISION,
    SPEARMAN,
    Cold,
    Spread,
    Verdict,
    both,
    cold_starts,
    locks,
    steering,
    verdicts,
)
from training.bench.control_runner import ControlRow
from training.evaluate.control.coldstarts import FILTER, MIN_ITEMS, SERVED
from training.evaluate.control.result import DOSES, LOCK_DOSE, STEER_BY, Control, Sampled
from training.evaluate.control.sampling import DIVERSITY
from training.evaluate.table import markdown_table

STEERED = (
    "Held-out users are moved by -3 to +3 standard deviations along an *axis* (the latent that the taste was tied to "
    "in training; of a model that was not guided, the one whose mu goes most with it) or along its *direction* (the "
    "pattern of a ridge probe; both are found on training users), as the service steers, what they have seen left "
    "out. *least Spearman*: of dose and the mean share of the top 10, the smallest over all tastes and seeds; *by "
    "user*: the median over users of each user's own, users whose list never changes left out. *gained*: share of the "
    "top 10 at +3 less that at 0, and how many times it is (the mean over values). *kept*: ndcg@100 over that of the "
    "unmoved list: what a list is asked to be for the user's sake is not what the user goes on to watch."
)
LOCKED = (
    f"Every taste is moved by +{LOCK_DOSE:g} sd with another attribute locked, and not. *drift*: total variation "
    "between that attribute's mean shares in the top 10 before and after; *gained*: of the steered taste (a number: "
    "in sd over the items). Mean over the tastes."
)
COLD = (
    "A list for nobody: share of its 10 items that have the value asked for (*precision@10*), mean over the values "
    f"that at least {MIN_ITEMS} items have and over {{seeds}} seeds of the draws, {{samples}} samples each; in "
    "brackets how many different items the lists of all these seeds hold. *as served*: what POST /coldstart does with "
    "a value and no strength: the halves named for it, its direction and its pattern are tried on the model, at the "
    "first of the strengths 1, 1.5, 2, 3 that fills nine of ten places; the diversity is the default "
    f"({DIVERSITY:g}) or the one named: samples then vary in what was not picked, too, at 1 + diversity times that "
    "strength, and each gets items of its own. At 0, and in all rows below, a list is that of the largest mean "
    "probabilities. *half*: the positive half of the tied latent, "
    "of an unguided model that of the best axis, as training users fill it times the strength. *pattern*: how mu goes "
    "with the probe, by the full covariance, or by the variances only. *prior sampling*: z ~ N(0, I). *popularity*, "
    "and *filter*, the most popular items that have it: 1 by definition, and always the same ten."
)

BOTH = (
    f"Every two values of the first two attributes, not both of the second, that at least {MIN_ITEMS} items have "
    "together, asked for at once, two seeds of the draws: the share of the 10 items that has *both*, and in brackets "
    "the smaller of the two values' shares. *chosen one by one*: what stands for each value and its strength are those "
    "of the value alone, and add up."
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the page; note: of who ran it."""

    command: str
    data: str
    fingerprint: str
    part: str
    n_users: int
    ran_on: Mapping[str, Any]
    libraries: Mapping[str, str]
    git: Mapping[str, Any] | None
    code: str
    note: str | None = None


def write_control(stem: Path, rows: Sequence[ControlRow], provenance: Provenance) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`; only figures over many users go in."""
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages[0].write_text(_markdown(rows, provenance), encoding="utf-8")
    twin = json.dumps(_short(document(rows, provenance)), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    pages[1].write_text(f"{twin}\n", encoding="utf-8")
    return pages


def _short(value: Any) -> Any:
    """Numbers to four digits: there are tens of thousands of them."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list | tuple):
        return [_short(part) for part in value]
    return {name: _short(part) for name, part in value.items()} if isinstance(value, dict) else value


def _by_value(seeds: Sequence[Control]) -> list[dict[str, Any]]:
    """The cold starts of each value in each way, means over the seeds."""
    found: dict[tuple[str, str, str], list[Sampled]] = {}
    for one in seeds:
        for cold in one.cold:
            found.setdefault((cold.attribute, cold.value, cold.way), []).append(cold)
    return [
        {
            "attribute": attribute,
            "value": value,
            "way": way,
            "n_items": same[0].n_items,
            "precision": sum(cold.precision for cold in same) / len(same),
            "distinct": sum(cold.distinct for cold in same) / len(same),
        }
        for (attribute, value, way), same in found.items()
    ]


def document(rows: Sequence[ControlRow], provenance: Provenance) -> dict[str, Any]:
    """What the twin holds: the page's figures, each run's of steering, and each value's cold starts."""
    return {
        **asdict(provenance),
        "doses": list(DOSES),
        "required": {"spearman": SPEARMAN, "precision": PRECISION},
        "guided": [asdict(verdict) for verdict in verdicts(rows)],
        "models": [
            {
                "model": row.model,
                "guided": row.guided,
                "steering": [asdict(found) for by in STEER_BY if (found := steering(row, by)) is not None],
                "locks": [asdict(lock) for by in STEER_BY for lock in locks(row, by)],
                "cold": [asdict(cold) for cold in cold_starts(row)],
                "cold_by_value": _by_value(row.seeds),
                "both": [asdict(one) for one in both(row)],
                "runs": [{**msgspec.to_builtins(one), "cold": None, "pairs": None} for one in row.seeds],
            }
            for row in rows
        ],
    }


def _markdown(rows: Sequence[ControlRow], about: Provenance) -> str:
    first = rows[0].seeds[0]
    parts = [f"# {about.data}: control of the lists of {about.n_users} {about.part} users", f"    {about.command}"]
    parts += [_about(about), *(_said(verdict) for verdict in verdicts(rows)), "## Steering", STEERED]
    parts += [_steering_table(rows), "## Locks", LOCKED, _locks_table(rows), "## Cold starts"]
    parts.append(COLD.format(seeds=first.n_seeds, samples=first.samples))
    attributes = dict.fromkeys(cold.attribute for row in rows for cold in cold_starts(row))
    for attribute in attributes:
        parts += [f"### {attribute.capitalize()}", _cold_table(rows, attribute)]
    parts += ["### Two values at once", BOTH, _both_table(rows)]
    for row in rows:
        if row.guided:
            parts += [f"## {row.model}, value by value", _taste_table(row), _value_table(row)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(about: Provenance) -> str:
    ran_on = about.ran_on
    said = [
        f"Split {about.fingerprint[:12]}, sources {about.code}. Ran on {ran_on['processor']}, {ran_on['cores']} cores, "
        f"Python {ran_on['python']}, torch {ran_on['torch']}. Mean over seeds +- standard deviation between them."
    ]
    if about.part == "validation":
        said.append("These are the users on whom settings and epochs were chosen: the figures are optimistic.")
    return " ".join([*said, about.note or ""]).strip()


def _said(verdict: Verdict) -> str:
    precisions = ", ".join(f"{value:.3f} over {name}" for name, value in verdict.precision.items())
    steers = "met" if verdict.least >= SPEARMAN else "not met"
    starts = [name for name, value in verdict.precision.items() if value >= PRECISION]
    return (
        f"**{verdict.model}**: the least Spearman of any taste, moved along its axis, is {verdict.least:.3f} "
        f"(required: {SPEARMAN:g}, {steers}); cold starts as served have a precision@10 of "
        f"{precisions or 'nothing to ask for'} (required: {PRECISION:g}, met over {', '.join(starts) or 'none'})."
    )


def _steering_table(rows: Sequence[ControlRow]) -> str:
    cells = [["model", "seeds", "moved along", "least Spearman", "tastes >= 0.95", "by user", "gained", "times"]]
    cells[0] += ["kept at +1", "kept at +2", "kept at +3"]
    for row in rows:
        for by in STEER_BY:
            found = steering(row, by)
            if found is not None:
                figures = [found.user, found.gain, found.times, *found.kept]
                counted = f"{found.n_enough} of {found.n}"
                least = f"{found.least:.3f}"
                cells.append([row.model, str(len(row.seeds)), by, least, counted, *map(_cell, figures)])
    return markdown_table(cells)


def _locks_table(rows: Sequence[ControlRow]) -> str:
    head = ["model", "moved along", "moved", "locked", "drift, free", "drift, locked", "gained, free", "gained, locked"]
    cells = [head]
    for row in rows:
        for by in STEER_BY:
            for lock in locks(row, by):
                figures = [lock.free, lock.locked, lock.gain_free, lock.gain_locked]
                cells.append([row.model, by, lock.steered, lock.lock, *map(_cell, figures)])
    return markdown_table(cells) if len(cells) > 1 else "There is a single attribute: nothing can be locked."


def _cold_table(rows: Sequence[ControlRow], attribute: str) -> str:
    """Ways down, models across; what is of no model is the same for all."""
    found = [{cold.way: cold for cold in cold_starts(row) if cold.attribute == attribute} for row in rows]
    ways = dict.fromkeys(way for one in found for way in one)
    cells = [["way", *(row.model for row in rows)]]
    cells += [[f"**{way}**" if way == SERVED else way, *(_cold_cell(one.get(way)) for one in found)] for way in ways]
    n = max((one[way].n_values for one in found for way in one), default=0)
    return f"{n} values.\n\n{markdown_table(cells)}"


def _both_table(rows: Sequence[ControlRow]) -> str:
    found = [{(one.attributes, one.way): one for one in both(row)} for row in rows]
    cells = [["values of", "pairs", "way", *(row.model for row in rows)]]
    for (attributes, way), first in {kind: one for row in found for kind, one in row.items()}.items():
        told = [row.get((attributes, way)) for row in found]
        cells.append(
            [" and ".join(attributes), str(first.n_pairs), f"**{way}**" if way == SERVED else way]
            + ["" if one is None else f"{_cell(one.joint)} ({one.least.mean:.3f})" for one in told]
        )
    return markdown_table(cells) if len(cells) > 1 else "There are none."


def _cold_cell(cold: Cold | None) -> str:
    return "" if cold is None else f"{_cell(cold.precision)} ({cold.distinct.mean:.1f})"


def _taste_table(row: ControlRow) -> str:
    """Every taste along its axis and its direction, mean over the seeds, the least Spearman."""
    head = ["taste", "axis", "Spearman", "share at -3", "0", "+3", "ndcg kept at +3"]
    cells = [[*head, *(f"direction: {name}" for name in head[2:])]]
    for taste in dict.fromkeys((r.attribute, r.value) for r in row.seeds[0].responses):
        axes = sorted({str(r.factor) for one in row.seeds for r in one.responses if _is(r, taste) and r.by == "axis"})
        line = [str(taste[0]) if taste[1] is None else f"{taste[0]}: {taste[1]}", ", ".join(axes)]
        for by in STEER_BY:
            found = [r for one in row.seeds for r in one.responses if _is(r, taste) and r.by == by]
            shares = [Spread.of(r.shares[DOSES.index(dose)] for r in found).mean for dose in (-3.0, 0.0, 3.0)]
            line += [f"{min(r.spearman for r in found):.3f}", *(f"{share:.3f}" for share in shares)]
            line.append(f"{Spread.of(r.ndcg[-1] for r in found).mean:.3f}")
        cells.append(line)
    return markdown_table(cells)


def _is(response: Any, taste: tuple[str, str | None]) -> bool:
    return (response.attribute, response.value) == taste


def _value_table(row: ControlRow) -> str:
    """Cold starts as served: each value over the seeds, and what was sampled."""
    cells = [["asked for", "items", "precision@10", "distinct", "sampled, by seed", "filter"]]
    for pair in dict.fromkeys((s.attribute, s.value) for one in row.seeds for s in one.cold):
        served = [s for one in row.seeds for s in _of(one, pair, SERVED)]
        if served:
            filtered = [s for one in row.seeds for s in _of(one, pair, FILTER)]
            precision = Spread.of(s.precision for s in served)
            distinct = Spread.of(float(s.distinct) for s in served)
            sampled = ", ".join(f"{s.via} x {s.strength:g}" for s in served)
            cells.append(
                [f"{pair[0]}: {pair[1]}", str(served[0].n_items), _cell(precision), f"{distinct.mean:.1f}", sampled,
                 f"{Spread.of(s.precision for s in filtered).mean:.3f}"]
            )  # fmt: skip
    return markdown_table(cells) if len(cells) > 1 else ""


def _of(one: Control, pair: tuple[str, str], way: str) -> list[Sampled]:
    return [s for s in one.cold if (s.attribute, s.value) == pair and s.way == way]


def _cell(spread: Spread) -> str:
    return f"{spread.mean:.3f} +- {spread.sd:.3f}" if spread.sd else f"{spread.mean:.3f}"
