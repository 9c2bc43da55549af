"""`prismrec doctor`: what this machine has and lacks, before hours are spent."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from bundle.errors import BundleError
from bundle.reader import model_names, resolve
from prismrec import flags
from prismrec.checks import Line, print_checks
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
    models: Annotated[Path, typer.Option(envvar="PRISMREC_MODELS", help="Folder of models.")] = Path("models"),
    store: flags.Store = None,
    port: Annotated[int, typer.Option(envvar="PRISMREC_PORT", min=1, max=65535, help="Port to serve on.")] = 8000,
) -> None:
    """Check Python, packages, torch, onnxruntime, disk, folders, store and port; exit code 1 when one fails."""
    lines = [check_python(), *check_extras()]
    lines += [check_torch(), check_onnxruntime(), check_disk(Path.cwd())]
    lines += [check_writable("runs", Path("runs")), check_writable("models", models), check_models(models)]
    lines += [check_store(store, models), check_port(port)]
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


def check_writable(what: str, folder: Path) -> Line:
    """Whether `folder` can be written, or made where it does not exist yet."""
    existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    made = "" if existing == folder.absolute() else " (will be made)"
    return Line(f"write access to {what}", writable, f"{folder}{made}", hint=f"change the permissions of {existing}")


def check_models(models: Path) -> Line:
    """The manifests of the current versions are there; `prismrec verify` looks inside."""
    names = model_names(models)
    if not names:
        return Line("models", passed=None, detail=f"none in {models} yet; make demo makes one")
    try:
        found = [f"{name}/{resolve(models / name).name}" for name in names]
    except BundleError as error:
        return Line("models", passed=False, detail=error.message, hint=error.hint)
    return Line("models", passed=True, detail=", ".join(found))


def check_store(url: str | None, models: Path) -> Line:
    if not _installed("pydantic"):
        return Line("store", passed=None, detail="the extra serve is not installed")
    from service.settings import SettingsError, load_settings
    from service.store_place import store_url_of
    from service.store_url import SQLITE, is_sqlite, shown

    try:
        url = store_url_of(load_settings(store_url=url, models=models))
    except SettingsError as error:
        return Line("settings", passed=False, detail=error.message, hint=error.hint)
    path = Path(url.removeprefix(SQLITE))
    if is_sqlite(url) and not path.exists():
        return Line(
            "store",
            check_writable("store", path.parent).passed,
            f"{path} (will be made)",
            hint=f"make {path.parent} writable",
        )
    from service.errors import ServiceError

    try:
        detail = _looked_at(url)
    except ServiceError as error:
        return Line("store", passed=False, detail=f"{shown(url)}: {error.detail}", hint=error.hint)
    hint = "make it writable; a standby server is not"
    return Line("store", detail is not None, f"{shown(url)} {detail or 'answers and takes no writes'}", hint=hint)


def _looked_at(url: str) -> str | None:
    """What a store says of itself; None = it takes no writes. Tables of a database are not made here."""
    from service.store import open_store
    from service.store_url import is_postgres

    if is_postgres(url):
        from service.store.postgres_pool import Database

        if not Database(url).look():
            return "answers; its tables will be made"
    with closing(open_store(url)) as store:
        return "answers" if store.ping() else None


def check_port(port: int) -> Line:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Line("port", False, f"{port}: {error.strerror}", hint="choose another with --port or PORT=")
    return Line("port", passed=True, detail=f"{port} is free")


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError, metadata.PackageNotFoundError):
        return False
