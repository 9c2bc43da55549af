"""Lists that were asked for something, as a page of docs/results/: Markdown and its JSON twin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from bundle.manifest import Metric
from training.bench.asked_for import WAYS, Line, Section, lines, sections
from training.bench.contenders import Contender, Inquiry
from training.evaluate.answers import SATISFACTION
from training.evaluate.questions import Sort
from training.evaluate.result import HEADLINE, Part
from training.evaluate.table import chosen_settings, markdown_table

TITLES: Mapping[Sort, str] = {
    "single": "One {attribute}",
    "any": "Any of two values of {attribute}",
    "all": "All of two values of {attribute}",
}
LEGEND = (
    "A user is asked every question that one of the user's held-out items answers, and only such items are the target "
    "then. *none*: the list as it is, nothing asked and nothing filtered: the control. *soft*: the condition goes into "
    "the model, nothing is filtered. *strict*: nothing is asked of the model, a plain filter. *both*: condition and "
    "filter. Filtered lists satisfy by construction; a model that takes no condition has the filter only. Mean over "
    "the pairs of a user and a question (and over seeds), +- the standard error over users; 95 % bootstrap intervals "
    "over users (and seeds), each user with all of the user's questions."
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the page. data, fingerprint: of the split; code: digest of the sources; note: of who ran it."""

    command: str
    data: str
    fingerprint: str
    part: Part
    n_users: int
    ran_on: Mapping[str, Any]
    libraries: Mapping[str, str]
    git: Mapping[str, Any] | None
    code: str
    flagship: str | None = None
    note: str | None = None


def write_conditions(stem: Path, inquiry: Inquiry, provenance: Provenance) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`; only figures over many users go in."""
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    found, by_question = sections(inquiry, flagship=provenance.flagship), lines(inquiry)
    pages[0].write_text(_markdown(inquiry, provenance, found, by_question), encoding="utf-8")
    twin = _document(inquiry, provenance, found, by_question)
    pages[1].write_text(json.dumps(twin, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return pages


def _document(
    inquiry: Inquiry, provenance: Provenance, found: Sequence[Section], by_question: Sequence[Line]
) -> dict[str, Any]:
    return {
        **asdict(provenance),
        "attribute": inquiry.attribute,
        "models": [
            {"model": one.model, "seeds": one.seeds, "runs": one.runs, "settings": dict(one.settings)}
            for one in inquiry.contenders
        ],
        "sorts": [msgspec.to_builtins(section) for section in found],
        "questions": [
            {
                "asked": line.question.name,
                "sort": line.question.sort,
                "items": int(line.question.satisfying.sum()),
                "users": line.n_users,
                "figures": line.means,
            }
            for line in by_question
        ],
    }


def _markdown(inquiry: Inquiry, provenance: Provenance, found: Sequence[Section], by_question: Sequence[Line]) -> str:
    about, attribute = provenance, inquiry.attribute
    parts = [
        f"# {about.data}: lists asked for a {attribute} or for two, {about.n_users} {about.part} users",
        f"    {about.command}",
        _about(provenance),
        LEGEND,
    ]
    for section in found:
        parts += [f"## {TITLES[section.sort].format(attribute=attribute)}", _said(section)]
        parts += [_table(section, inquiry.contenders, about.flagship), _gains(section)]
    parts += ["## Settings", "\n".join(_settings(one) for one in inquiry.contenders)]
    parts += ["## Question by question", _by_question(inquiry.contenders, by_question)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(provenance: Provenance) -> str:
    ran_on = provenance.ran_on
    said = [
        f"Split {provenance.fingerprint[:12]}, sources {provenance.code}. Ran on {ran_on['processor']}, "
        f"{ran_on['cores']} cores, Python {ran_on['python']}, torch {ran_on['torch']}."
    ]
    if provenance.part == "validation":
        said.append("These are the users on whom settings and epochs were chosen: the figures are optimistic.")
    return " ".join([*said, provenance.note or ""]).strip()


def _said(section: Section) -> str:
    which = "" if section.sort == "single" else ", the pairs that most users hold back an item with both of"
    return (
        f"{section.n_questions} questions{which}; {section.n_pairs} pairs of a user and a question. Lists of ten could "
        f"have a {SATISFACTION} of {section.reach:.4f} at most."
    )


def _table(section: Section, contenders: Sequence[Contender], flagship: str | None) -> str:
    seeds = {one.model: str(len(one.seeds) or "") for one in contenders}
    cells = [["model", "seeds", f"none: {SATISFACTION}", f"soft: {SATISFACTION}", *(f"{w}: {HEADLINE}" for w in WAYS)]]
    for model, ways in section.figures.items():
        satisfied = [_cell(ways[way][SATISFACTION] if way in ways else None) for way in ("none", "soft")]
        ranked = [_cell(ways[way][HEADLINE] if way in ways else None) for way in WAYS]
        label = f"**{model}** (flagship)" if model == flagship else model
        cells.append([label, seeds[model], *satisfied, *ranked])
    return markdown_table(cells)


def _cell(metric: Metric | None) -> str:
    return "" if metric is None else f"{metric.mean:.4f} +- {metric.se:.4f}"


def _gains(section: Section) -> str:
    return "\n".join(
        f"* {found.model}, {found.way}, against {found.peer} and a filter: {found.difference.mean:+.4f} {HEADLINE}, "
        f"paired, 95 % interval {found.difference.low:+.4f} to {found.difference.high:+.4f}"
        for found in section.against
    )


def _settings(one: Contender) -> str:
    said = {key: value for part in one.settings.values() if isinstance(part, Mapping) for key, value in part.items()}
    trained = ", ".join(f"{key} {value}" for key, value in said.items() if value is not None)
    chosen = {key: value for key, value in one.settings.items() if isinstance(value, float | str)}
    return f"* {one.model}: {trained or chosen_settings(chosen) or 'nothing to choose'}"


def _by_question(contenders: Sequence[Contender], by_question: Sequence[Line]) -> str:
    """Of every model with a condition input: soft satisfaction, soft and strict ndcg; of the others the latter."""
    columns = []
    for one in contenders:
        columns += [(one.model, "soft", SATISFACTION), (one.model, "soft", HEADLINE)] if one.conditioned else []
        columns.append((one.model, "strict", HEADLINE))
    cells = [["asked for", "items", "users", *(f"{model}, {way}: {name}" for model, way, name in columns)]]
    for line in by_question:
        figures = [f"{line.means[model][way][name]:.4f}" for model, way, name in columns]
        cells.append([line.question.name, str(int(line.question.satisfying.sum())), str(line.n_users), *figures])
    return markdown_table(cells)
