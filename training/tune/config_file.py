"""The best settings as a TOML file, as `-c` reads it."""

from __future__ import annotations

import json
from pathlib import Path

from training.options import FitOptions
from training.tune.space import options_of
from training.tune.study import Found


def write_config(path: Path, base: FitOptions, found: Found) -> None:
    """Write every setting of the best trial, searched or not, so that later defaults change nothing."""
    options = options_of(base, found.best.settings)
    sections = {
        "model": {"kind": base.kind, "condition": base.condition, **options.model.model_dump()},
        "fit": options.fit.model_dump(),
    }
    lines = [
        f"# The best of {len(found.trials)} trials of `prismrec tune` on the validation users of {base.data_name}:",
        f"# ndcg@100 {found.best.ndcg:.4f} in trial {found.best.number}, seed {base.run.seed}.",
    ]
    for name, settings in sections.items():
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {_toml(value)}" for key, value in settings.items() if value is not None]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: object) -> str:
    """A scalar or a list of them; JSON's form of these is TOML's, too."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False, allow_nan=False)
