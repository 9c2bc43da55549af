"""`python -m benchmarks.complexity [--data FOLDER] [--results STEM] [--jobs N] [--quick]`: train, compare, write."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Read when the libraries are imported: each training has one thread, and the processes are the parallel part.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks.complexity.families import cases
from benchmarks.complexity.findings import findings, plotted
from benchmarks.complexity.page import write_page
from benchmarks.complexity.plot import write_plot
from benchmarks.complexity.study import all_kept

DATA = Path("../shared/data")
REAL = ("ml-latest-small", "ml-100k", "ml-1m")
RESULTS = Path("docs/results/complexity")
RUNS = Path("runs/complexity")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    real = [] if asked.quick else [asked.data / name for name in REAL if (asked.data / name).is_dir()]
    records = all_kept(
        cases(seeds=asked.seeds, real=real, quick=asked.quick),
        asked.runs,
        jobs=asked.jobs,
        say=lambda words: print(words, file=sys.stderr, flush=True),
    )
    found = findings(records, command=_command(asked), quick=asked.quick)
    write_plot(asked.results.with_name(f"{asked.results.name}.svg"), *plotted(records))
    for path in write_page(asked.results, found):
        print(path)
    return 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.complexity", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=DATA, help=f"folder of {', '.join(REAL)}; those missing are left out"
    )
    parser.add_argument("--results", type=Path, help=f"where page, JSON and plot go, without ending; {RESULTS}")
    parser.add_argument("--runs", type=Path, help=f"where finished trainings are kept; {RUNS}")
    parser.add_argument("--seeds", type=int, default=2, help="of the data and of the training")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trainings at a time")
    parser.add_argument("--quick", action="store_true", help="tiny data, in seconds: does the command work?")
    asked = parser.parse_args(arguments)
    asked.runs = asked.runs or (RUNS.with_name("complexity-quick") if asked.quick else RUNS)
    asked.results = asked.results or (asked.runs / "complexity" if asked.quick else RESULTS)
    return asked


def _command(asked: argparse.Namespace) -> str:
    """The line that makes the same page, but for where the data lie."""
    words = ["python -m benchmarks.complexity"]
    words += ["--quick"] if asked.quick else []
    words += ["--seeds", str(asked.seeds)] if asked.seeds != 2 and not asked.quick else []
    return " ".join(words)


if __name__ == "__main__":
    sys.exit(main())
