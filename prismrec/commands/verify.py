"""`prismrec verify`: a bundle read, hashed, loaded and asked its golden cases, as the service would."""

from __future__ import annotations

import typer

from bundle.errors import BundleError
from bundle.reader import Bundle, read_bundle
from prismrec import flags
from prismrec.bundles import find_bundle
from prismrec.checks import Line, print_checks
from prismrec.globals import EPILOG
from prismrec.session import session_of

CHECKS = (
    ("manifest", "it is there, parses and does not contradict itself"),
    ("files", "exactly those of the manifest, regular, of the stated size"),
    ("hash", "every SHA-256 is the manifest's"),
    ("content", "catalogue, factor map and dimensions agree"),
    ("graph", "operators allowed, no external data, tensors as stated, loads in the engine"),
    ("golden", "the golden cases come out as stated"),
)
"""The reasons of BundleError in the order in which reading and loading find them."""


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(verify)


def verify(context: typer.Context, bundle: flags.Bundle) -> None:
    """Read, hash and load a bundle and replay its golden cases: PASS and FAIL lines, exit code 1 on a FAIL."""
    session = session_of(context)
    folder = find_bundle(bundle)
    failed: BundleError | None = None
    found: Bundle | None = None
    try:
        found = read_bundle(folder)
        from service.bundles.loader import load_bundle

        load_bundle(folder)
    except BundleError as error:
        failed = error
    print_checks(session, lines_of(failed, found))


def lines_of(failed: BundleError | None, found: Bundle | None) -> list[Line]:
    """One line per check: passed before the one that failed, not run after it."""
    reasons = [name for name, _ in CHECKS]
    broken = reasons.index(failed.reason) if failed and failed.reason in reasons else len(CHECKS) if not failed else 0
    lines = []
    for i, (name, detail) in enumerate(CHECKS):
        if i == broken and failed:
            lines.append(Line(name, passed=False, detail=failed.message, hint=_hint(failed)))
        else:
            lines.append(Line(name, True if i < broken else None, detail if i < broken else "not run"))
    if found and not failed:
        lines.append(_quality(found))
    return lines


def _hint(failed: BundleError) -> str:
    """What to do now: the errors' own hint is mostly to run this verb."""
    if failed.hint != BundleError.default_hint:
        return failed.hint
    return (
        "copy the folder again from where it came, or export it anew with `prismrec export`;"
        " `prismrec use MODEL VERSION` serves another version meanwhile"
    )


def _quality(found: Bundle) -> Line:
    """A bundle that was forced past the comparison with popularity says so here too."""
    manifest = found.manifest
    if manifest.forced:
        return Line("quality", passed=None, detail=f"exported with --force: {manifest.forced}")
    ndcg = manifest.metrics.get("ndcg@100")
    shown = (
        f"ndcg@100 {ndcg.mean:.4f} +- {ndcg.se:.4f} on {ndcg.n} test users" if ndcg else "no metrics in the manifest"
    )
    return Line("quality", passed=True if ndcg else None, detail=f"{shown}; bundle_id {found.bundle_id}")
