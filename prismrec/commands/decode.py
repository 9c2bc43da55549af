"""`prismrec decode`: what each latent factor encodes, with the evidence, and a report with pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console

from prismrec import flags, stages
from prismrec.choices import decode_options, known_keys
from prismrec.config import read_config, with_settings
from prismrec.globals import EPILOG
from prismrec.session import session_of, table_of

if TYPE_CHECKING:
    from bundle.factors import FactorMap

MANY = 64
"""Factors from which on a table of all halves is a wall of lines that say nothing."""
COLUMNS = (">factor", "half", "status", "reads as", ">effect", ">95 %", ">q")


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(decode)


def decode(
    context: typer.Context,
    run: flags.Run,
    *,
    report: Annotated[bool, typer.Option("--report", help="Also write report.html with the pictures.")] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=0, max=100, metavar="N", help="Train again with N other seeds, for stability (5 will do)."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Retrainings at a time (default: one per core).")
    ] = None,
    settings: flags.Set = None,
) -> None:
    """Map each half of each latent factor to an attribute's value, or say that it cannot be. Writes factors.json.

    With --seeds 5 it says how stable each reading is; the retrainings are kept in the run's folder and used again.
    """
    from training.run_folder import RunFolder

    session = session_of(context)
    folder = RunFolder(run)
    info = folder.load_info()
    keys = {"decode": known_keys(info.kind)["decode"]}
    config = with_settings(read_config(session.config), settings or (), keys=keys)
    if seeds is not None:
        config = replace(config, decode={**config.decode, "seeds": seeds})
    found = stages.decoded(session, folder, decode_options(session, config), again=True, jobs=jobs)
    page = stages.reported(session, folder) if report else None
    document = {
        "run": str(run),
        "factors": str(folder.factors),
        "report": str(page) if page else None,
        **counts(found),
        "map": msgspec.to_builtins(found),
    }

    def show(console: Console) -> None:
        columns = (*COLUMNS, ">stability") if found.settings.get("seeds") else COLUMNS
        console.print(table_of(str(folder.factors), columns, (row[: len(columns)] for row in _rows(found))))
        for note in found.notes:
            console.print(note, soft_wrap=True, markup=False)
        if page:
            console.print(f"report: {page}", soft_wrap=True)

    session.result(document, show)


def counts(factors: FactorMap) -> dict[str, int]:
    """How many halves of factors are decoded, ambiguous and undecoded, and how many factors are active."""
    halves = [reading for factor in factors.factors for reading in (factor.negative, factor.positive)]
    by_status = {status: sum(r.status == status for r in halves) for status in ("decoded", "ambiguous", "undecoded")}
    return {"factors_active": sum(factor.active for factor in factors.factors), **by_status}


def _rows(factors: FactorMap) -> Iterator[tuple[Any, ...]]:
    """Both halves of every factor that is active or decoded; the others are counted in the notes. Of more than MANY
    factors a free one's undecoded halves are left out, too."""
    many = len(factors.factors) > MANY
    for factor in factors.factors:
        for half in ("negative", "positive"):
            reading = factor.reading(half)
            if reading.status == "undecoded" and (not factor.active or (many and factor.guide is None)):
                continue
            says = f"{reading.attribute} = {reading.value}" if reading.attribute else "-"
            interval = f"{reading.effect_low:.4f} .. {reading.effect_high:.4f}"
            stable = "-" if reading.stability is None else f"{reading.stability:.0%}"
            figures = f"{reading.effect:.4f}", interval, f"{reading.q_value:.3g}", stable
            yield factor.factor, half, reading.status, says, *figures
