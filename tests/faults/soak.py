"""Does the service grow? `python -m tests.faults.soak --results docs/results/soak`: thirty minutes of load and swaps.

Exit code 1 where a request failed, or memory, file descriptors or threads grew. --variant runs a control that leaks.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.served import LATENTS, ML_1M_ITEMS, served
from tests.faults.soaked import BUNDLES, FILES, HONEST, REPLIES
from tests.faults.soaking import MAX_SLOPE, Plan, Seen, make_models, soak, verdict_of
from tests.result_pages import publish, this_machine

WINDOW = 300.0
P99_RATIO = 1.2


def main() -> int:
    options = parse()
    plan = Plan(seconds=options.seconds, warm_up=options.warm_up, rate=options.rate, swap_every=options.swap_every)
    with tempfile.TemporaryDirectory(prefix="soak-") as made:
        folder = make_models(Path(made))
        with served(folder, module="tests.faults.soaked", variant=options.variant, poll_seconds="0") as running:
            load_before = os.getloadavg()[0]
            seen = asyncio.run(soak(running, plan))
            running.holds()
    figures = figures_of(seen, plan, options.variant) | {"load_average": [load_before, os.getloadavg()[0]]}
    publish(page_of(figures, options.note), figures, options.results)
    return 1 if figures["complaints"] else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1800.0, help="what is measured, after the warm-up")
    parser.add_argument("--warm-up", type=float, default=180.0)
    parser.add_argument("--rate", type=float, default=24.0, help="requests a second")
    parser.add_argument("--swap-every", type=float, default=20.0)
    parser.add_argument("--variant", choices=(HONEST, REPLIES, BUNDLES, FILES), default=HONEST)
    parser.add_argument("--results", type=Path, help="write RESULTS.md and RESULTS.json")
    parser.add_argument("--note", default="")
    return parser.parse_args()


def figures_of(seen: Seen, plan: Plan, variant: str) -> dict[str, Any]:
    """Everything that the page tells, and the samples."""
    verdict = verdict_of(seen)
    complaints = verdict.complaints()
    if seen.failed:
        complaints.append(f"{len(seen.failed)} requests failed")
    window = min(WINDOW, plan.seconds / 3)
    first = p99([took for at, took in seen.took if at < window])
    last = p99([took for at, took in seen.took if at >= plan.seconds - window])
    return {
        "variant": variant,
        "plan": asdict(plan),
        "machine": this_machine(),
        "requests": seen.requests,
        "swaps": seen.swaps,
        "failed": seen.failed[:20],
        "verdict": asdict(verdict),
        "quiet": [asdict(weight) for weight in seen.quiet],
        "p99": {"window": window, "first": first, "last": last, "ratio": last / first},
        "complaints": complaints,
        "samples": [[sample.at, *asdict(sample.weight).values()] for sample in seen.samples],
    }


def p99(seconds: list[float]) -> float:
    return float(np.percentile(seconds, 99)) if seconds else float("nan")


def page_of(figures: dict[str, Any], note: str) -> str:
    plan, machine, load = figures["plan"], figures["machine"], figures["load_average"]
    control = "" if figures["variant"] == HONEST else f" (control: {figures['variant']} are kept)"
    rows = "\n".join(f"| {name} | {found} | {wanted} |" for name, found, wanted in rows_of(figures))
    return f"""# Memory over a soak with swaps{control}

Written by `make soak` together with `soak.json`, which has every sample. {plan["seconds"] / 60:.0f} minutes after a
warm-up of {plan["warm_up"] / 60:.0f}, at most {plan["rate"]:g} requests a second from {plan["clients"]} clients (lists,
steered and explained lists, explanations with a counterfactual, batches, cold starts, interactions, and clients that go
away in the middle), a swap every {plan["swap_every"]:g} s between two bundles with ML-1M's number of items and random
weights ({ML_1M_ITEMS} items, {LATENTS} latents). {machine["cores"]} cores, {machine["system"]},
Python {machine["python"]}; load average {load[0]:.1f} before and {load[1]:.1f} after: where it is above one, other
programs shared the cores, and times are rough.{" " + note if note else ""}

| | found | wanted |
|---|---|---|
{rows}

What is wrong: {"; ".join(figures["complaints"]) or "nothing"}.

The interval takes the samples as independent, which they are not, so it is rather too narrow. The check itself is
checked in `tests/faults/test_soak.py`: builds that keep every reply, every bundle or a file a swap are found out.
"""


def rows_of(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table of the page: what, found, wanted. Memory in MiB."""
    verdict, late = figures["verdict"], figures["p99"]
    rss = [sample[1] for sample in figures["samples"]]
    fifth = len(rss) // 5 + 1
    slope, low, high = (verdict[name] for name in ("slope", "low", "high"))
    times = f"{late['ratio']:.2f} ({late['last'] * 1e3:.0f} ms, {late['first'] * 1e3:.0f} ms)"
    return [
        ("requests", f"{sum(figures['requests'].values())}, {len(figures['failed'])} failed", "none failed"),
        ("swaps", str(figures["swaps"]), ""),
        (
            "slope of resident memory, MiB in ten minutes (Theil-Sen, 95 % interval)",
            f"{slope:.2f} ({low:.2f} to {high:.2f})",
            f"at most {MAX_SLOPE:g}",
        ),
        (
            "resident memory, MiB: median of the first and of the last fifth",
            f"{np.median(rss[:fifth]):.0f}, {np.median(rss[-fifth:]):.0f}",
            "",
        ),
        ("resident memory, MiB: least and most", f"{min(rss):.0f}, {max(rss):.0f}", ""),
        ("open files, before and after, no client connected", "{}, {}".format(*verdict["fds"]), "no more"),
        ("threads, before and after", "{}, {}".format(*verdict["threads"]), "no more"),
        (f"p99 of all requests, the last {late['window']:.0f} s over the first", times, f"{P99_RATIO} (told only)"),
    ]


if __name__ == "__main__":
    sys.exit(main())
