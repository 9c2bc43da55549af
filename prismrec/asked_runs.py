"""Which finished runs a bench measures: those of the models it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from prismrec.failures import CommandError
from training.bench.contenders import finished_runs
from training.bench.spaces import label_of
from training.run_folder import RunFolder
from training.run_info import RunInfo


def runs_of(
    places: Sequence[Path], models: Sequence[str] | None, note: Callable[[str], None]
) -> list[tuple[RunFolder, RunInfo]]:
    """The finished runs among `places` of these models (None = of all), each with what it says of itself.

    FitError where there is none; CommandError when a model that is asked for has no run, or splits differ.
    """
    found = [(run, run.load_info()) for run in finished_runs(places, note, label=label_of)]
    kept = [(run, info) for run, info in found if models is None or info.kind in models]
    missing = set(models or ()) - {info.kind for _, info in kept}
    if missing or not kept:
        raise CommandError(
            f"there is no run of {', '.join(sorted(missing)) or 'any model'}",
            hint=f"there are {', '.join(sorted({info.kind for _, info in found}))}",
        )
    if len({info.data.fingerprint for _, info in kept}) > 1:
        raise CommandError("the runs are not of one split", hint="name runs of one split")
    return kept


def names(said: str | None) -> tuple[str, ...] | None:
    """Each name of "A,B" once; None where nothing was said."""
    return None if said is None else tuple(dict.fromkeys(name.strip() for name in said.split(",") if name.strip()))
