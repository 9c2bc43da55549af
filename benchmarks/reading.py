"""What reading costs: `python -m benchmarks.reading --results docs/results/reading`.

Interactions are generated (--rows, 20M unless told; nothing is drawn from real people) as a CSV file, a Parquet file
and our own converted form. Each is read and split in a process of its own; the table has seconds and the most memory
held above what the imports take, in bytes for each row read. With --repeated a tenth of the pairs comes twice.

The control: the same table as columns of text, as a plain `polars.read_parquet` holds it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.results import write

CHUNK = 1_000_000
PER_USER = 150
FORMS = ("csv", "parquet", "converted")
STEPS = ("read", "split")


def main() -> None:
    options = parse()
    if options.measure is not None:
        print(json.dumps(measure(options.measure, options.data)))
        return
    with tempfile.TemporaryDirectory(prefix="reading-", dir=options.folder) as made:
        rows = [measured(form, made_data(Path(made), form, options)) for form in FORMS]
        rows.append(measured("text", made_data(Path(made), "parquet", options)))
    asked = {"rows": options.rows, "repeated": options.repeated}
    write("benchmarks.reading", rows, as_page, results=options.results, **asked)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--repeated", action="store_true", help="a tenth of the pairs comes twice")
    parser.add_argument("--folder", type=Path, help="where the files go meanwhile (25 bytes a row and form)")
    parser.add_argument("--results", type=Path, help="write RESULTS.md and RESULTS.json")
    parser.add_argument("--measure", choices=("text", *FORMS), help=argparse.SUPPRESS)
    parser.add_argument("data", nargs="?", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def chunks(n_rows: int, n_items: int, *, repeated: bool) -> Any:
    """Frames of CHUNK rows: about PER_USER rows a user, users mixed as in a log, no pair twice unless asked."""
    n_users = max(1, n_rows // PER_USER)
    distinct = n_rows - n_rows // 10 if repeated else n_rows
    for start in range(0, n_rows, CHUNK):
        row = np.arange(start, min(start + CHUNK, n_rows), dtype=np.int64) % distinct
        user = (row * 7919) % n_users if n_users % 7919 else row % n_users
        nth = row // n_users
        item = (user * 104_729 + nth * (2 * (user % 97) + 1)) % n_items
        yield pl.DataFrame(
            {
                "user_id": pl.Series(user + 1_000_000),
                "item_id": pl.Series(item),
                "rating": pl.Series((1 + (row * 31) % 10) / 2.0, dtype=pl.Float32),
                "timestamp": pl.Series(1_000_000_000 + row + start // distinct),
            }
        )


def made_data(folder: Path, form: str, options: argparse.Namespace) -> Path:
    """The data set in one form, written with little memory; made once."""
    path = folder / {"csv": "log.csv", "parquet": "log.parquet", "converted": "converted"}[form]
    if path.exists():
        return path
    frames = chunks(options.rows, options.items, repeated=options.repeated)
    if form == "csv":
        with path.open("wb") as file:
            for number, frame in enumerate(frames):
                frame.write_csv(file, include_header=number == 0)
    elif form == "parquet":
        parts = folder / "parts"
        parts.mkdir()
        for number, frame in enumerate(frames):
            frame.write_parquet(parts / f"{number:05d}.parquet")
        pl.scan_parquet(parts).sink_parquet(path, row_group_size=CHUNK)
        shutil.rmtree(parts)
    else:
        subprocess.run(
            [sys.executable, "-m", "prismrec", "-q", "data", "convert", str(folder / "log.parquet"), str(path)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return path


def measured(form: str, path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reading", "--measure", form, str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    size = sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size
    row: dict[str, Any] = {"form": form, "file_bytes": size, **json.loads(done.stdout.splitlines()[-1])}
    print(json.dumps(row), flush=True)
    return row


def measure(form: str, path: Path) -> dict[str, Any]:
    """Seconds and the highest memory above the imports' of each step, in this process."""
    from training.bench.memory import peak_bytes
    from training.data.read import read_dataset
    from training.data.split import Protocol, split_dataset

    before = peak_bytes()
    found: dict[str, Any] = {"imports_bytes": before}
    started = time.perf_counter()
    if form == "text":
        table = pl.read_parquet(path).with_columns(pl.col("user_id", "item_id").cast(pl.String))
        found["read"] = {"seconds": time.perf_counter() - started, "bytes": peak_bytes() - before, "rows": len(table)}
        return found
    dataset = read_dataset(path)
    found["read"] = {
        "seconds": time.perf_counter() - started,
        "bytes": peak_bytes() - before,
        "rows": dataset.n_read,
        "kept": len(dataset.interactions),
    }
    started = time.perf_counter()
    split = split_dataset(dataset, Protocol(threshold=None))
    found["split"] = {
        "seconds": time.perf_counter() - started,
        "bytes": peak_bytes() - before,
        "interactions": int(split.train.nnz),
    }
    return found


def as_page(document: dict[str, Any]) -> str:
    n = document["rows"]
    made_on = document["machine"]
    lines = [
        f"# Reading {n:,} interactions",
        "",
        f"    {document['command']}",
        "",
        f"Generated, {'a tenth of the pairs twice' if document['repeated'] else 'no pair twice'}. Made on"
        f" {made_on['processor']}, {made_on['cores']} cores, {made_on['memory_gb']} GB. Memory is the most held above"
        " what the imports take, divided by the rows; *split*: the reading and the split together.",
        "",
        "| form | file MB | read s | read bytes a row | split s | read + split bytes a row | 100M rows, read + split |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in document["measured"]:
        read, split = row["read"], row.get("split")
        name = "control: text columns" if row["form"] == "text" else row["form"]
        lines.append(
            f"| {name} | {row['file_bytes'] / 1e6:.0f} | {read['seconds']:.1f} | {read['bytes'] / n:.1f} | "
            + ("| | |" if split is None else f"{split['seconds']:.1f} | {split['bytes'] / n:.1f} | "
               f"{(row['imports_bytes'] + split['bytes'] / n * 1e8) / 1e9:.1f} GB by the same rate |")
        )  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
