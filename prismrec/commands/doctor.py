"""`prismrec doctor`: what this machine has and lacks, before hours are spent."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from prismrec import flags
from prismrec.checks import Line, print_checks
from prismrec.commands.doctor_serving import check_trained_into, serving_lines
from prismrec.failures import EXTRA_OF
from prismrec.globals import EPILOG
from prismrec.session import session_of

MIN_PYTHON = (3, 11)
MIN_FREE_BYTES = 1 << 30


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(doctor)


def doctor(
    context: typer.Context,
    *,
    models: Annotated[Path | None, typer.Option(help="Folder of models (PRISMREC_MODELS, else models).")] = None,
    model: Annotated[str | None, typer.Option(help="Which of them (PRISMREC_MODEL, else the only one).")] = None,
    store: flags.Store = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (PRISMREC_HOST, else 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port (PRISMREC_PORT, else 8000).")] = None,
) -> None:
    """Check this machine, and whether `prismrec serve` with these flags and settings would serve; exit code 1 if not.

    Python, packages, torch, onnxruntime, disk and folders; the settings, ports, models (loaded) and the store.
    """
    lines = [check_python(), *check_extras(), check_onnxruntime(), check_disk(Path.cwd())]
    lines += [check_trained_into("runs", Path("runs"))]
    lines += serving_lines(models=models, model=model, store_url=store, host=host, port=port)
    lines += [check_torch()]  # last, as it takes memory that a service does not
    print_checks(session_of(context), lines)


def check_python() -> Line:
    version = ".".join(map(str, sys.version_info[:3]))
    fits = sys.version_info >= MIN_PYTHON
    return Line(
        "python", fits, f"{version} at {sys.executable}", hint="install Python 3.11 or newer and run make setup again"
    )


def check_extras() -> list[Line]:
    """One line an extra: whole, absent (skipped, unless both are) or torn."""
    missing = {extra: [p for p in packages if not _installed(p)] for extra, packages in EXTRA_OF.items()}
    all_absent = all(len(missing[extra]) == len(EXTRA_OF[extra]) for extra in EXTRA_OF)
    lines = []
    for extra, absent in missing.items():
        hint = f"pip install 'prismrec[{extra}]'"
        if not absent:
            lines.append(Line(f"extra {extra}", passed=True, detail=f"{len(EXTRA_OF[extra])} packages"))
        elif len(absent) == len(EXTRA_OF[extra]) and not all_absent:
            lines.append(Line(f"extra {extra}", passed=None, detail=f"not installed; {hint}"))
        else:
            lines.append(Line(f"extra {extra}", passed=False, detail=f"lacks {', '.join(absent)}", hint=hint))
    return lines


def check_torch() -> Line:
    if not _installed("torch"):
        return Line("torch", passed=None, detail="not installed; only training needs it")
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.cuda.is_available() else "CPU"
    threads, cores = torch.get_num_threads(), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    detail = f"{torch.__version__} on {build}, {threads} threads on {cores or os.cpu_count()} cores"
    hint = f"set OMP_NUM_THREADS={cores}: more threads than cores slow each other down"
    return Line("torch", cores is None or threads <= cores, detail, hint=hint)


def check_onnxruntime() -> Line:
    if not _installed("onnxruntime"):
        return Line("onnxruntime", passed=False, detail="not installed", hint="pip install 'prismrec[serve]'")
    import onnxruntime

    has_cpu = "CPUExecutionProvider" in onnxruntime.get_available_providers()
    return Line(
        "onnxruntime", has_cpu, f"{onnxruntime.__version__}, CPU provider", hint="install the plain onnxruntime wheel"
    )


def check_disk(folder: Path) -> Line:
    free = shutil.disk_usage(folder).free
    return Line(
        "disk", free >= MIN_FREE_BYTES, f"{free / 2**30:.1f} GiB free below {folder}", hint="make 1 GiB of room"
    )


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError, metadata.PackageNotFoundError):
        return False
