"""`python -m benchmarks.recovery [--jobs N] [--seeds N] [--varied-seeds N] [--quick] [--fresh] [--results STEM]`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# Read when torch is imported, here and in the processes: each works on one core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks.recovery.page import Figures, write_page
from benchmarks.recovery.runner import run_units
from benchmarks.recovery.study import SEEDS, TUNING, TUNING_SEEDS, VARIED_SEEDS, Study, full_study, quick_study
from benchmarks.recovery.tally import Judged, null_figures, recovery
from benchmarks.recovery.unit import Found
from training.errors import TrainingError
from training.machine import machine
from training.provenance import library_versions

FOLDER = Path("runs/recovery")
RESULTS = Path("docs/results/recovery")
QUICK = Path("runs/recovery-quick")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    study = quick_study() if asked.quick else full_study(seeds=asked.seeds, varied_seeds=asked.varied_seeds)
    started = time.monotonic()
    try:
        found = run_units(study.units(), asked.runs, _say, jobs=asked.jobs, fresh=asked.fresh)
    except TrainingError as error:
        _say(f"error: {error.message}\nhint: {error.hint}")
        return 1
    figures = document(study, found, command=_command(asked), quick=asked.quick)
    for path in write_page(asked.results, figures):
        print(path)
    _say(f"{time.monotonic() - started:.0f} s")
    return 0


def document(study: Study, found: Sequence[Found], *, command: str, quick: bool) -> Figures:
    """Every figure of the page, from what the units found."""
    units = [Judged.of(one) for one in found]
    groups = [
        [u for u in units if (u.found.scenario, u.found.model) == (scenario.name, contender.name)]
        for scenario in study.scenarios
        for contender in study.contenders
    ]
    tried = [[u for u in units if (u.found.scenario, u.found.model) == (TUNING.name, c.name)] for c in study.tuning]
    units = [u for u in units if u.found.scenario != TUNING.name]
    of_model = {c.name: [u for u in units if u.found.model == c.name] for c in study.contenders}
    return {
        "command": command,
        "quick": quick,
        "seeds": {"default": study.seeds, "variations": study.varied_seeds, "tuning": list(TUNING_SEEDS)},
        "contenders": {
            c.name: {"kind": c.kind, "model": dict(c.model), "fit": dict(c.fit), "guide": c.guide_config().model_dump()}
            for c in study.contenders
        },
        "scenarios": {s.name: s.config(0).model_dump(exclude={"seed"}) for s in study.scenarios},
        "decode": study.decode.model_dump(),
        "recovery": [recovery(group) for group in groups if group],
        "tuning": [recovery(group) for group in tried if group],
        "null": {name: null_figures(of) for name, of in (*of_model.items(), ("all", units))},
        "ran_on": machine(library_versions()),
        "libraries": library_versions(),
        "units": len(found),
        "seconds": sum(one.seconds for one in found),
        "commits": sorted({str(one.commit) for one in found}),
        "code": sorted({"/".join(one.code) for one in found}),
    }


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"of the default data ({SEEDS})")
    parser.add_argument("--varied-seeds", type=int, default=VARIED_SEEDS, help=f"of each variation ({VARIED_SEEDS})")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time, one core each (1)")
    parser.add_argument("--runs", type=Path, help=f"where what was done is kept ({FOLDER})")
    parser.add_argument("--results", type=Path, help=f"where the page and its JSON go, without ending ({RESULTS})")
    parser.add_argument("--fresh", action="store_true", help="do everything anew, whatever is kept")
    parser.add_argument("--quick", action="store_true", help="tiny data, in seconds: does the command work?")
    asked = parser.parse_args(arguments)
    if min(asked.seeds, asked.varied_seeds, asked.jobs) < 1:
        parser.error("--seeds, --varied-seeds and --jobs are at least 1")
    asked.runs = asked.runs or (QUICK if asked.quick else FOLDER)
    asked.results = asked.results or (QUICK / "page" if asked.quick else RESULTS)
    return asked


def _command(asked: argparse.Namespace) -> str:
    """The line that makes the same page."""
    words = ["python -m benchmarks.recovery"]
    words += ["--quick"] if asked.quick else []
    words += [f"--seeds {asked.seeds}"] if asked.seeds != SEEDS else []
    words += [f"--varied-seeds {asked.varied_seeds}"] if asked.varied_seeds != VARIED_SEEDS else []
    return " ".join(words)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
