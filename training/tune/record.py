"""A search as a record that can be committed: what was tried, what came of it, on what. Nothing of single users."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.distributions import distribution_to_json

from training.data.split import Split
from training.machine import machine
from training.provenance import git_state, library_versions
from training.tune.study import Found, Search, Tried


@dataclass(frozen=True, slots=True)
class Searched:
    """A search and what it found; commands: the calls of tune; split_file: where the split was read from, if it was."""

    search: Search
    found: Found
    split: Split
    command: str
    split_file: Path | None


def write_record(stem: Path, searched: Searched) -> tuple[Path, Path]:
    """Write `<stem>.md` and `<stem>.json`: every trial with its settings and its figure on the validation users."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    pages = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    document = record_document(searched)
    pages[0].write_text(_markdown(document), encoding="utf-8")
    pages[1].write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return pages


def record_document(searched: Searched) -> dict[str, Any]:
    """The record as JSON."""
    search, split, git = searched.search, searched.split, git_state()
    base, libraries = search.base, library_versions()
    own = {"model": base.model.model_dump(), "fit": base.fit.model_dump()}
    fixed = {
        f"{section}.{key}": value
        for section, values in own.items()
        for key, value in values.items()
        if f"{section}.{key}" not in search.space and value is not None
    }
    return {
        "model": base.kind,
        "metric": "ndcg@100",
        "chosen_on": f"{len(split.validation.users)} validation users; the test users were taken out of the split",
        "command": searched.command,
        "data": base.data_name,
        "split": {
            "file": None if searched.split_file is None else str(searched.split_file),
            "fingerprint": split.fingerprint,
            "protocol": asdict(split.protocol),
            "training_users": len(split.train_users),
            "items": len(split.item_ids),
        },
        "seed": base.run.seed,
        "sampler": "TPE, seeded; the first trial is the code's own settings",
        "pruner": f"median of those before, after {search.pruner_startup} trials and {search.pruner_warmup} epochs",
        "space": {name: _range(json.loads(distribution_to_json(found))) for name, found in search.space.items()},
        "fixed": fixed,
        "best": searched.found.best.number,
        "trials": [_trial(trial) for trial in searched.found.trials],
        "ran_on": machine(libraries),
        "libraries": libraries,
        "git": None if git is None else {"commit": git.commit, "dirty": git.dirty},
    }


def _trial(trial: Tried) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "state": trial.state,
        "ndcg@100": trial.ndcg,
        "epochs": trial.epochs,
        "seconds": trial.seconds,
        "code": trial.code,
        "error": trial.error,
        "settings": trial.settings,
    }


def _range(distribution: Mapping[str, Any]) -> dict[str, Any]:
    """Optuna's own JSON of a distribution, without what is not set."""
    kept = {key: value for key, value in distribution["attributes"].items() if value not in (None, False)}
    return {"distribution": distribution["name"].removesuffix("Distribution").lower(), **kept}


def _markdown(document: Mapping[str, Any]) -> str:
    split, trials = document["split"], document["trials"]
    states = [trial["state"] for trial in trials]
    best = next(trial for trial in trials if trial["trial"] == document["best"])
    source = f"read from `{split['file']}`" if split["file"] else "made by its protocol"
    codes = sorted({trial["code"] for trial in trials if trial["code"]})
    mixed = f" **The sources changed during the search: {', '.join(codes)}.**" if len(codes) > 1 else ""
    return "\n\n".join(
        [
            f"# {document['data']}: search of the settings of {document['model']}",
            f"    {document['command']}",
            f"{len(trials)} trials ({', '.join(f'{states.count(s)} {s}' for s in dict.fromkeys(states))}), chosen by "
            f"{document['metric']} on {document['chosen_on']}. Split {source}, fingerprint "
            f"{split['fingerprint'][:12]}. Seed {document['seed']}. Sampler: {document['sampler']}. Pruner: "
            f"{document['pruner']}.{mixed}",
            f"**Best: trial {best['trial']}, {document['metric']} {best['ndcg@100']:.4f}**: {_said(best['settings'])}.",
            f"Not searched: {_said(document['fixed'])}.",
            _table(trials, list(document["space"])),
            "A pruned trial's figure is the best of the epochs it had. The JSON beside this page holds the ranges.",
        ]
    ) + "\n"  # fmt: skip


def _table(trials: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Best first."""
    head = ["trial", "state", "ndcg@100", "epochs", "s", *names]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('-' for _ in head)} |"]
    for trial in sorted(trials, key=lambda trial: (trial["state"] != "complete", -(trial["ndcg@100"] or 0.0))):
        figure = "" if trial["ndcg@100"] is None else f"{trial['ndcg@100']:.4f}"
        settings = [_number(trial["settings"].get(name, "")) for name in names]
        cells = [
            str(trial["trial"]),
            trial["state"],
            figure,
            str(trial["epochs"]),
            f"{trial['seconds']:.0f}",
            *settings,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _said(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in settings.items()) or "nothing"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
