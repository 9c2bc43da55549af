"""What loading a bundle takes of memory, beside what the service asks for before it loads one (service.bundles.room).

    python -m benchmarks.bundle_memory --results docs/results/bundle-memory [--bundle models/flagship/1 ...]

Bundles of several shapes are made up; each is loaded three times in a process of its own (the first time in an empty
one, then beside the one before, as in a swap), as often as --runs says. The table has the most that a load took beyond
what the process held before it, in MiB. The control: a load that takes an eighth of a GiB more is over the estimate.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.results import write
from bundle import files

MIB = 1 << 20
SPILT = 128
"""MiB that the control takes beside a bundle's."""
SHAPES: dict[str, dict[str, Any]] = {
    "50 items": {"n_items": 50, "n_latent": 4},
    "5,000 items, 64 latents": {"n_items": 5_000, "n_latent": 64},
    "50,000 items, 64 latents": {"n_items": 50_000, "n_latent": 64},
    "100,000 items, 16 latents": {"n_items": 100_000, "n_latent": 16},
    "2,000 items, 1,024 latents": {"n_items": 2_000, "n_latent": 1_024},
    "10,000 items, linear and steering graph": {"n_items": 10_000, "n_latent": 64, "steering": True},
}


def main() -> None:
    options = parse()
    if options.measure is not None:
        print(json.dumps(measure(options.measure, spilt=options.spilt)))
        return
    with tempfile.TemporaryDirectory(prefix="bundle-memory-") as made:
        rows = [measured(name, folder, options.runs) for name, folder in bundles(Path(made), options.bundle)]
        first = Path(made) / "models" / "0" / "1"
        rows.append(measured(f"control: {SPILT} MiB more", first, options.runs, spilt=SPILT))
    write("benchmarks.bundle_memory", rows, as_page, results=options.results, runs=options.runs)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bundle", type=Path, nargs="*", default=[], help="folders of other bundles, measured too")
    parser.add_argument("--runs", type=int, default=3, help="processes for each bundle; the most that any took counts")
    parser.add_argument("--results", type=Path, help="write RESULTS.md and RESULTS.json")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--spilt", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def bundles(folder: Path, others: list[Path]) -> Iterator[tuple[str, Path]]:
    """Names and folders of the bundles to load; the made-up ones are made as they come."""
    from tests.builders import make_bundle

    for number, (name, shape) in enumerate(SHAPES.items()):
        yield name, make_bundle(folder / "models", name=str(number), **shape)
    for other in others:
        yield f"{other.parent.name}, {other.name}", other


def measured(name: str, folder: Path, runs: int, *, spilt: int = 0) -> dict[str, Any]:
    """The row of a bundle, of as many processes."""
    command = [sys.executable, "-m", "benchmarks.bundle_memory", "--measure", str(folder), "--spilt", str(spilt)]
    found = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(runs)
    ]
    most = {key: max(one[key] for one in found) for key in ("first", "swap", "kept")}
    row = {"bundle": name, **found[0], **most}
    row["over"] = max(row["first"], row["swap"]) > row["needed"]
    print(json.dumps(row), flush=True)
    return row


def measure(folder: Path, *, spilt: int = 0) -> dict[str, Any]:
    """MiB of a bundle's files, of what the service asks for, and of what each load takes, in this process.

    first, swap: the most held while it is loaded, beyond what was held before; kept: what stays of the first.
    """
    import service.app  # noqa: F401  # what a service holds before its first bundle
    from bundle.manifest import Manifest
    from service.bundles.loader import load_bundle
    from service.bundles.loads import Loads
    from service.bundles.memory import give_back
    from service.bundles.room import memory_needed

    found: dict[str, Any] = {}

    def look(manifest: Manifest) -> None:
        sizes = {name: entry.size / MIB for name, entry in manifest.files.items()}
        graphs = [sizes[name] for name in manifest.graphs.files]
        found.update(graphs=sum(graphs), largest=max(graphs), json=sum(sizes.values()) - sum(graphs))
        found["needed"] = memory_needed(manifest) / MIB

    loads = Loads(lambda folder: load_bundle(folder, admit=look), seconds=600.0)  # in a thread, as in the service
    loaded, peaks, kept = None, [], []
    for _ in range(3):
        give_back()
        before = held("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM, the most held, begins anew
        beside = b"x" * (spilt * MIB)  # written to, so it is held
        fresh = loads.take(folder)
        peaks.append(held("VmHWM") - before)
        del beside
        loaded = fresh
        give_back()
        kept.append(held("VmRSS") - before)
    assert loaded is not None and found["graphs"] > 0 and files.ITEMS in loaded.manifest.files
    return {**found, "first": peaks[0], "swap": max(peaks[1:]), "kept": kept[0]}


def held(name: str) -> float:
    """A line of /proc/self/status, in MiB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
    return int(lines[name].split()[0]) / 1024


def as_page(document: dict[str, Any]) -> str:
    made_on = document["machine"]
    lines = [
        "# What loading a bundle takes of memory",
        "",
        f"    {document['command']}",
        "",
        f"MiB, the most of {document['runs']} processes each. Made on {made_on['processor']}, {made_on['cores']} cores."
        " *Asked for*: what the service wants to be left before it loads the bundle (`service/bundles/room.py`)."
        " *First load*, *swap*: the most that was held beyond what the process held before, alone and beside the bundle"
        " served. *Kept*: what stays of the first load.",
        "",
        "| bundle | graphs | largest graph | JSON | asked for | first load | swap | kept | asked for / taken |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in document["measured"]:
        numbers = [row[key] for key in ("graphs", "largest", "json", "needed", "first", "swap", "kept")]
        told = "over, as it must be" if row["over"] else f"{row['needed'] / max(row['first'], row['swap']):.2f}"
        lines.append(f"| {row['bundle']} | " + " | ".join(f"{number:.1f}" for number in numbers) + f" | {told} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
