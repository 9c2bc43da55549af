"""`prismrec standalone`: from a data folder to a service that answers, every step reused when it is done already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console

from bundle.reader import read_bundle
from bundle.writer import check_target, next_version
from prismrec import flags, stages
from prismrec.announce import when_ready
from prismrec.bundles import opened_store, shown_store, store_for
from prismrec.choices import Choices, TrainFlags, choose
from prismrec.commands.decode import counts
from prismrec.commands.doctor_serving import check_port
from prismrec.commands.load import check_source, load_histories, source_of
from prismrec.commands.serve import run_service
from prismrec.commands.train import RUNS
from prismrec.conditions import settled
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, Prepared, prepare
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from bundle.factors import FactorMap
    from service.engine import LoadedBundle
    from training.run_folder import RunFolder

Made = dict[str, Any]
"""What was made, as --json prints it: paths, ids, figures, commands."""


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(standalone)


def standalone(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    data: flags.Data,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="The model's folder, models/<name>.")],
    run: flags.RunOption = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop when everything is ready to be served.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port (PRISMREC_PORT, else 8000).")] = None,
    store: flags.Store = None,
    merge: flags.Merge = False,
    force: flags.Force = None,
    model: flags.Model = None,
    condition: flags.Condition = None,
    guide: flags.Guide = None,
    items: flags.Items = None,
    max_bad: flags.MaxBad = 0.01,
    threshold: flags.Threshold = None,
    min_items: flags.MinItems = None,
    heldout: flags.HeldOut = None,
    split: flags.SplitFile = None,
    settings: flags.Set = None,
    device: flags.Device = "auto",
    threads: flags.Threads = None,
) -> None:
    """Read, split, train, evaluate, decode, export, load the histories, serve. Run it again and it goes on."""
    from service.settings import load_settings
    from training.run_folder import RunFolder

    session = session_of(context)
    chosen = choose(session, TrainFlags(model, condition, guide, settings or (), device, threads))
    url = store_for(store, out)
    service = load_settings(models=out.absolute().parent, model=out.name, store_url=url, port=port)
    check_target(out.absolute(), next_version(out))
    if not no_serve and not check_port(service.port).passed:
        raise CommandError(
            f"port {service.port} is in use",
            hint="choose another with --port (make demo: PORT=8080 make demo), or add --no-serve",
        )
    prepared = prepare(session, DataChoice(data, items, max_bad, threshold, min_items, heldout, split), chosen.config)
    check_source(url, source_of(prepared.dataset), merge=merge)
    folder = RunFolder(run or RUNS / out.name)
    document = make(session, chosen, prepared, folder, out=out, force=force)
    with stages.timed(session, "load histories"):
        threshold = prepared.split.protocol.threshold
        document["store"] = {"url": shown_store(url), **load_histories(session, prepared.dataset, threshold, url)}
    where = f"--models {out.parent} --model {out.name} --store {shown_store(url)} --port {service.port}"
    document["serve"] = f"prismrec serve {where}"
    document["try"] = curl_lines(document, prepared.split.test.users, url=url, port=service.port)
    session.result(document, lambda console: show_made(console, document, served=not no_serve))
    if not no_serve:
        when_ready(f"http://127.0.0.1:{service.port}", lambda: say_ready(session, document, service.port))
        run_service(session, service)


def show_made(console: Console, document: Made, *, served: bool) -> None:
    """What there is now and, unless it is being served anyway, how to serve it and what to try then."""
    console.print(f"bundle {document['bundle_id']} in {document['bundle']}", soft_wrap=True)
    console.print(f"report {document['report']}", soft_wrap=True)
    if not served:
        console.print(f"serve it with: {document['serve']}", soft_wrap=True)
        console.print("then try:\n  " + "\n  ".join(document["try"]), soft_wrap=True, markup=False)


def say_ready(session: Session, document: Made, port: int) -> None:
    """The address and three requests, said when they work."""
    lines = [f"ready: http://127.0.0.1:{port}/ (the API's pages: /docs); try:", *document["try"]]
    text = "\n  ".join(lines) + "\n"
    if session.json:
        session.note(text)
    else:
        session.stdout.write(text)
        session.stdout.flush()


def make(
    session: Session, chosen: Choices, prepared: Prepared, run: RunFolder, *, out: Path, force: str | None
) -> Made:
    """Train, evaluate, decode, report and export; returns what was made, as --json prints it."""
    from training.evaluate.table import table

    options = settled(session, chosen, prepared).fit_options(session, prepared, name=out.name)
    decoding = chosen.decode_options(session)  # a bad option is refused before the training, not after it
    stages.trained(session, run, prepared, options)
    evaluation = stages.evaluated(session, run)
    session.note(table(evaluation))
    factors = stages.decoded(session, run, decoding)
    found = counts(factors)
    session.note(factors_in_words(found))
    report = stages.reported(session, run)
    bundle = read_bundle(stages.exported(session, run, out, force=force))
    return {
        "run": str(run.path),
        "report": str(report),
        "bundle": str(bundle.folder),
        "bundle_id": bundle.bundle_id,
        "metrics": msgspec.to_builtins(evaluation.model),
        "baselines": msgspec.to_builtins(evaluation.baselines),
        "factors": found,
    }


def factors_in_words(found: Mapping[str, int]) -> str:
    """The counts of `decode.counts` in a sentence: factors are active, but it is their halves that are read."""
    read = {status: found[status] for status in ("decoded", "ambiguous", "undecoded")}
    halves = ", ".join(f"{n} {status}" for status, n in read.items())
    n_halves = sum(read.values())
    return f"factors: {found['factors_active']} of {n_halves // 2} active; of {n_halves} halves {halves}"


def curl_lines(document: Made, users: tuple[str, ...], *, url: str, port: int) -> list[str]:
    """Three requests that work here: a real user, an item of their list, and a half that was decoded.

    url: of the store that was loaded.
    Only the third when no user could be stored (ids that the service does not take).
    """
    from service.bundles.loader import load_bundle

    loaded = load_bundle(Path(document["bundle"]))
    base = f"http://127.0.0.1:{port}"
    with opened_store(url) as opened:
        found = next(
            (
                (user, history)
                for user in users
                if loaded.catalogue.idmap.split(history := opened.history(user) or ()).indices
            ),
            None,
        )
    body = f'{{"picks": [{_pick(loaded.factors)}], "n": 5, "seed": 7}}'
    lines = [f"curl '{base}/coldstart' -H 'Content-Type: application/json' -d '{body}'"]
    if found is not None:
        user, item = quote(found[0], safe=""), quote(_top_item(loaded, found[1]), safe="")
        lines[:0] = [f"curl '{base}/recommend/{user}?n=5'", f"curl '{base}/explain/{user}?item_id={item}'"]
    return lines


def _top_item(loaded: LoadedBundle, history: tuple[str, ...]) -> str:
    """The first item of their list; an item they liked where nothing is left to list."""
    from service.query import Query

    known = loaded.catalogue.idmap.split(history).indices
    listed = loaded.recommend(Query(tuple(known), n=1)).items
    return loaded.catalogue.ids[listed[0].item_ix if listed else known[0]]


def _pick(factors: FactorMap) -> str:
    """A decoded half as a pick of /coldstart: one read as it was tied, the largest effect; factor 0 when none is."""
    halves = [(factor, half) for factor in factors.factors for half in (factor.negative, factor.positive)]
    decoded = [
        (factor.guide is not None and half.value == factor.guide.value, half.effect, factor.factor, half)
        for factor, half in halves
        if half.status == "decoded"
    ]
    if not decoded:
        return '{"factor": 0, "half": "positive"}'
    *_, number, reading = max(decoded, key=lambda found: found[:2])
    half = "negative" if factors.factors[number].negative is reading else "positive"
    return f'{{"factor": {number}, "half": "{half}"}}'
