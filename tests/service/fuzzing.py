"""`python -m tests.service.fuzzing --seconds 1800 --results docs/results/fuzz`: rounds of new seeds until time is up.

Exit code 1 where a round found something; `--seed n` tries the round of that seed again, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.http.auth import ACCESS
from service.http.openapi_file import document
from tests import cluster
from tests.result_pages import publish, this_machine
from tests.service.fuzz_rounds import SETUPS, Round, run_round, setup_of

SHOWN = 12_000
"""Characters of a failed round's output."""


def main() -> int:
    options = parse()
    rounds = []
    began, load_before = time.monotonic(), os.getloadavg()[0]
    for seed in seeds(options.seed, until=began + options.seconds):
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            found = run_round(seed, Path(folder), examples=options.examples)
        rounds.append(found)
        print(line_of(found), flush=True)
        if found.exit_code:
            print(found.text[-SHOWN:], flush=True)
    figures = figures_of(rounds) | {
        "seconds": round(time.monotonic() - began),
        "examples": options.examples,
        "machine": this_machine(),
        "load_average": [load_before, os.getloadavg()[0]],
    }
    publish(page_of(figures), figures, options.results)
    return 1 if figures["failed"] else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1800.0, help="no round begins later than this")
    parser.add_argument("--examples", type=int, default=60, help="of each operation, in each round")
    parser.add_argument("--seed", type=int, help="this round again")
    parser.add_argument("--results", type=Path, help="write RESULTS.md and RESULTS.json")
    return parser.parse_args()


def seeds(given: int | None, *, until: float) -> Iterator[int]:
    """The one given; else new ones, one after the other, as long as there is time. Without PostgreSQL, the others."""
    if given is not None:
        yield given
        return
    lacking = cluster.missing()
    if lacking is not None:
        print(lacking, file=sys.stderr, flush=True)
    seed = secrets.randbelow(10**9)
    while time.monotonic() < until:
        if lacking is None or not setup_of(seed).postgres:
            yield seed
        seed += 1


def line_of(found: Round) -> str:
    cases = found.report.get("test_cases", {})
    return f"seed {found.seed} ({found.setup}): {cases.get('generated')} cases, exit code {found.exit_code}"


def figures_of(rounds: list[Round]) -> dict[str, Any]:
    """Everything that the page tells, with every seed; `seen` and `unseen` are "operation status code"."""
    seen: Counter[str] = Counter()
    for found in rounds:
        seen.update(found.seen)
    declared = declared_replies()
    return {
        "rounds": [
            {
                "seed": found.seed,
                "setup": found.setup,
                "exit_code": found.exit_code,
                "cases": found.report.get("test_cases"),
                "phases": {name: phase["status"] for name, phase in found.report.get("phases", {}).items()},
                "failures": found.report.get("failures"),
            }
            for found in rounds
        ],
        "failed": [found.seed for found in rounds if found.exit_code],
        "operations": len(ACCESS),
        "seen": dict(sorted(seen.items())),
        "unseen": sorted(declared - set(seen)),
        "undeclared": sorted(set(seen) - declared),
    }


def declared_replies() -> set[str]:
    """ "operation status code" of every reply in the document; no code where it is not a problem."""
    found = set()
    for methods in json.loads(document())["paths"].values():
        for operation in methods.values():
            for status, reply in operation["responses"].items():
                codes = reply.get("content", {}).get("application/problem+json", {}).get("examples", {"": None})
                found |= {f"{operation['operationId']} {status} {code}".rstrip() for code in codes}
    return found


def page_of(figures: dict[str, Any]) -> str:
    machine, load, rounds = figures["machine"], figures["load_average"], figures["rounds"]
    rows = "\n".join(_row(setup.name, rounds) for setup in SETUPS)
    phases = Counter(f"{name}: {status}" for one in rounds for name, status in one["phases"].items())
    statuses: Counter[str] = Counter()
    for reply, count in figures["seen"].items():
        statuses[reply.split(" ", 1)[1]] += count
    told = ", ".join(f"{reply} {count:,}" for reply, count in sorted(statuses.items()))
    ended = ", ".join(f"{phase} {count}" for phase, count in sorted(phases.items()))
    n_seen = len(figures["seen"]) - len(figures["undeclared"])
    n_declared, strange = n_seen + len(figures["unseen"]), ", ".join(figures["undeclared"]) or "none"
    return f"""# The service against its own document, whatever is sent

Written by `make fuzz` together with `fuzz.json`, which has every seed. schemathesis with all its checks and those of
`tests/service/fuzz_checks.py`, on real processes, keys on; {figures["operations"]} operations, {figures["examples"]}
examples of each in a round, in four phases; of all rounds these ended as follows: {ended}.
{figures["seconds"] / 60:.0f} minutes, {sum((one["cases"] or {}).get("generated", 0) for one in rounds):,} cases.
{machine["cores"]} cores, {machine["system"]}, Python {machine["python"]}; load average {load[0]:.1f} before and
{load[1]:.1f} after, as other programs shared the cores. `make fuzz SEED=n` tries a round again, the same but for what
is taken from replies; every fifth seed is of the same service.

| the service | rounds | cases | failures | seeds |
|---|---|---|---|---|
{rows}

What was answered (status, code, how often): {told}.

Of {n_declared} declared replies (operation, status, code) {n_seen} were seen here; seen and not declared: {strange}.
`tests/service/test_declared_replies.py` brings about every single one that is declared.
"""


def _row(name: str, rounds: list[dict[str, Any]]) -> str:
    ours = [one for one in rounds if one["setup"] == name]
    cases = sum((one["cases"] or {}).get("generated", 0) for one in ours)
    failures = sum((one["cases"] or {}).get("unique_failures", 1) for one in ours if one["exit_code"])
    told = f"{ours[0]['seed']} to {ours[-1]['seed']}" if ours else "none"
    return f"| {name} | {len(ours)} | {cases:,} | {failures} | {told} |"


if __name__ == "__main__":
    sys.exit(main())
