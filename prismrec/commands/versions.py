"""`prismrec versions` and `prismrec use`: what could be served, and which of it is: a release or a rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bundle import files
from bundle.errors import BundleError, FilesError
from bundle.reader import read_bundle, resolve, versions
from bundle.writer import point_current
from prismrec.globals import EPILOG
from prismrec.session import session_of

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model's folder, models/demo.")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="One of those that `prismrec versions` lists.")]


def register(app: typer.Typer) -> None:
    app.command("versions", epilog=EPILOG)(list_versions)
    app.command("use", epilog=EPILOG)(use)


def list_versions(context: typer.Context, model: Model) -> None:
    """List a model's versions, oldest first, with the one that is served marked."""
    found = versions(model)
    if not found:
        raise FilesError(f"{model} has no versions", hint="name a model's folder, such as models/demo")
    served = _served(model)
    listed = [{"version": version, "current": version == served, **_shown(model / version)} for version in found]
    session_of(context).result({"model": model.name, "versions": listed}, lambda console: _print(console, listed))


def use(context: typer.Context, model: Model, version: Version) -> None:
    """Serve another version: load it as the service would, then let `current` name it in one step.

    A running service follows within its polling time. A version that does not pass changes nothing.
    """
    session = session_of(context)
    found = versions(model)
    if version not in found:
        there = ", ".join(found) or "none"
        raise FilesError(f"{model} has no version {version!r}; there are: {there}", hint="name one of these")
    before = _before(model)
    from service.bundles.loader import load_bundle

    bundle_id = load_bundle(model / version).bundle_id
    point_current(model, version)
    gone = before is not None and before not in found
    document = {"model": model.name, "version": version, "before": before, "bundle_id": bundle_id}
    line = f"{model}: version {version}, bundle {bundle_id}; before: {before or 'none'}"
    line += ", which is not there" if gone else ""
    session.result(document, lambda console: console.print(line, soft_wrap=True))


def _served(model: Path) -> str | None:
    try:
        return resolve(model).name
    except BundleError:
        return None  # a broken pointer is what somebody may want to mend


def _before(model: Path) -> str | None:
    """The version that `current` names, whether it is there or not; without `current` the one that is served."""
    try:
        named = (model / files.CURRENT).read_text("ascii", "replace").strip()
    except OSError:
        return _served(model)
    return named if files.valid_version(named) else None


def _shown(folder: Path) -> dict[str, object]:
    """What the manifest says of a version; of one that cannot be read, why."""
    try:
        found = read_bundle(folder)
    except BundleError as error:
        return {"error": error.message}
    ndcg = found.manifest.metrics.get("ndcg@100")
    return {"bundle_id": found.bundle_id, "ndcg@100": None if ndcg is None else ndcg.mean}


def _print(console: Console, listed: list[dict[str, object]]) -> None:
    for one in listed:
        mark = "*" if one["current"] else " "
        measured = one.get("ndcg@100")
        quality = "" if measured is None else f"  ndcg@100 {measured:.4f}"
        console.print(f"{mark} {one['version']}  {one.get('bundle_id', one.get('error'))}{quality}", soft_wrap=True)
