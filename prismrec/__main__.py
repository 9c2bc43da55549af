"""The command `prismrec`: puts the verbs together, runs one, and turns what went wrong into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from prismrec.commands import (
    ask,
    bench,
    bench_conditions,
    bench_control,
    bench_disentanglement,
    bench_explanations,
    data,
    decode,
    doctor,
    evaluate,
    export,
    fetch,
    load,
    score,
    serve,
    standalone,
    train,
    tune,
    verify,
    version,
    versions,
)
from prismrec.failures import INTERRUPTED, report
from prismrec.globals import hoist
from prismrec.session import Session, may_speak

app = typer.Typer(
    name="prismrec",
    help="Recommendations that say why: train a VAE, decode its latents, export a bundle, serve it without torch.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
for verbs in (
    train,
    tune,
    evaluate,
    bench,
    bench_conditions,
    bench_control,
    bench_disentanglement,
    bench_explanations,
    decode,
    export,
    verify,
):
    verbs.register(app)
for verbs in (versions, load, fetch, score, serve, ask, standalone, doctor, version):
    verbs.register(app)


@app.callback()
def options(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", metavar="FILE", help="TOML: [model] [fit] [guide] [decode] ..."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Of everything random but the split.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else there.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="The traceback of an error, too.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notes, only the result.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Plain lines instead of bars.")] = False,
) -> None:
    """These options may stand before or after the verb."""
    heard = may_speak()
    context.obj = Session(
        config=config,
        seed=seed,
        json=json,
        verbose=verbose,
        quiet=quiet or not heard,
        show_progress=not no_progress,
        stdout=_STDOUT[-1] if heard else StringIO(),
    )


_STDOUT = [sys.stdout]  # the real one, while a verb runs with sys.stdout on stderr


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 (a check failed), 2 (bad use or input) or 130 (interrupted)."""
    # Read by OpenMP when torch is imported: waiting threads sleep instead of spinning on cores that others use too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault(
        "THP_MEM_ALLOC_ENABLE", "1"
    )  # torch: large blocks in large pages, a few of thousands of faults
    words = hoist(sys.argv[1:] if argv is None else argv) or ["--help"]
    asks_help = not {"-h", "--help", "--show-completion"}.isdisjoint(words)
    _STDOUT.append(sys.stdout)
    try:
        with nullcontext() if asks_help else redirect_stdout(sys.stderr):
            code = app(words, prog_name="prismrec", standalone_mode=False)
        _STDOUT[-1].flush()
    except BrokenPipeError:  # the reader (head, less) has gone: nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last net: every error becomes two lines
        return report(error, verbose="-v" in words or "--verbose" in words)
    finally:
        _STDOUT.pop()
    if code == INTERRUPTED:
        return report(KeyboardInterrupt(), verbose=False)
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
