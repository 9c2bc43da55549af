"""The steps from data to a bundle, each reused when its result for the same data and options is there already.

`train`, `evaluate`, `decode`, `export` run one of them; `standalone` runs all. What is there is compared by content
(kind, options, seeds, the split's fingerprint), never by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from prismrec.failures import CommandError, InterruptedVerbError
from prismrec.inputs import Prepared
from prismrec.session import Session
from prismrec.standing import standing_of

if TYPE_CHECKING:
    from bundle.factors import FactorMap
    from training.data.split import Split
    from training.decode.options import DecodeOptions
    from training.decode.retrainings import Told
    from training.evaluate.result import Evaluation
    from training.options import FitOptions
    from training.run_folder import RunFolder
    from training.run_info import RunInfo

BASELINES = ("popularity", "ease")


@contextmanager
def timed(session: Session, what: str, *, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    """Says that a step begins and, if it ends well, how long it took."""
    session.note(f"{what} ...")
    started = clock()
    yield
    session.note(f"{what}: {clock() - started:.1f} s")


RETRAINING_GOES_ON = "run the same command again: retrainings that are finished are kept, the others go on"
GOES_ON = "run the same command again: what was finished is kept, and training goes on where it stopped"


def train(
    session: Session, run: RunFolder, prepared: Prepared, options: FitOptions, *, to_go_on: str = GOES_ON
) -> RunInfo:
    """Train into the run folder; raises InterruptedVerbError when Ctrl-C stopped it (the best epoch so far is kept).

    to_go_on: what to do then; the default is true of verbs that go on by themselves.
    """
    from training.errors import NothingKeptError
    from training.fit import fit

    try:
        with timed(session, f"train {options.kind} in {run.path}"):
            result = fit(run, prepared.split, prepared.catalogue, options)
    except (KeyboardInterrupt, NothingKeptError):
        if not run.info.exists():
            raise InterruptedVerbError(hint="run the same command again") from None
        raise InterruptedVerbError(hint=to_go_on) from None
    for sentence in result.notes:
        session.note(f"  {sentence}")
    info = result.info
    if info.summary is not None and info.summary.stopped == "interrupted":
        raise InterruptedVerbError(hint=to_go_on)
    return info


def trained(session: Session, run: RunFolder, prepared: Prepared, options: FitOptions) -> RunInfo:
    """The run, trained now, gone on with, or as it is when it is complete and the same was asked for."""
    if not run.info.exists():
        return train(session, run, prepared, options)
    info = run.load_info()
    different = differences(info, prepared.split, options)
    if different:
        raise CommandError(
            f"{run.path} holds another run; what differs: {', '.join(different)}",
            hint="choose another --run, or remove that folder",
        )
    if info.complete:
        session.note(f"reused: {run.path} is trained with the same data, options and seed")
        return info
    session.note(f"going on with the unfinished training in {run.path}")
    return train(session, run, prepared, replace(options, run=replace(options.run, resume=True)))


def differences(info: RunInfo, split: Split, options: FitOptions) -> list[str]:
    """What of a run is not as asked for; empty when training again would give the same."""
    from training.start import explicit

    options = explicit(options)  # a run records what `auto` meant
    pairs = {
        "data": (info.data.fingerprint, split.fingerprint),
        "model": (info.kind, options.kind),
        "[model]": (info.config, options.model.model_dump()),
        "[fit]": (info.fit, options.fit.model_dump()),
        "[guide]": (info.guide, options.guide.model_dump()),
        "seed": (info.seeds.get("train"), options.run.seed),
        "condition": (info.conditions.attribute or options.condition, options.condition),
    }
    return [name for name, (there, asked) in pairs.items() if there != asked]


def evaluated(
    session: Session,
    run: RunFolder,
    *,
    again: bool = False,
    part: str = "test",
    baselines: tuple[str, ...] = BASELINES,
) -> Evaluation:
    """The evaluation beside the baselines, made now unless it is there and younger than the weights."""
    from training.evaluate.evaluate import evaluate_run

    if not again and _younger(run.evaluation, run.best):
        found = run.load_evaluation()
        if found.part == part and set(baselines) <= set(found.baselines):
            session.note(f"reused: {run.evaluation}")
            return found
    with timed(session, "evaluate"):
        return evaluate_run(run, part=part, baselines=baselines)  # type: ignore[arg-type]


def decoded(
    session: Session, run: RunFolder, options: DecodeOptions, *, again: bool = False, jobs: int | None = None
) -> FactorMap:
    """The factor map, made now unless it is there, younger than the weights and made with the same options.

    jobs: retrainings at a time, if there are any. InterruptedVerbError when Ctrl-C stopped them.
    """
    from training.decode.map import decode_run

    if not again and _younger(run.factors, run.best):
        found = load_factors(run)
        if all(found.settings.get(key) == value for key, value in options.model_dump().items()):
            session.note(f"reused: {run.factors}")
            return found
    if not options.seeds:
        with timed(session, "decode"):
            return decode_run(run, options)
    try:
        with timed(session, f"decode, over {options.seeds} retrainings"), _retraining(session, options.seeds) as told:
            return decode_run(run, options, jobs=jobs, told=told)
    except KeyboardInterrupt:
        raise InterruptedVerbError(hint=RETRAINING_GOES_ON) from None


@contextmanager
def _retraining(session: Session, n: int) -> Iterator[Told]:
    """A bar over all retrainings on a terminal; elsewhere a line when one is trained, and when it is read."""
    if not session.bars:
        yield lambda heard: session.note(f"  {heard.text}") if heard.text else None
        return
    with session.progress("retrainings", n) as reach:
        yield lambda heard: reach(heard.done)


def reported(session: Session, run: RunFolder) -> Path:
    """The HTML report, made now unless it is younger than the factor map."""
    from training.decode.report import write_report

    if _younger(run.report, run.factors):
        session.note(f"reused: {run.report}")
        return run.report
    with timed(session, "report"):
        return write_report(run)


def load_factors(run: RunFolder) -> FactorMap:
    """The run's factor map. Raises FitError when decode has not run."""
    import msgspec

    from bundle.factors import FactorMap

    return msgspec.json.decode(run.require(run.factors).read_bytes(), type=FactorMap)


def exported(session: Session, run: RunFolder, model_folder: Path, *, force: str | None = None) -> Path:
    """The bundle folder: the newest version when it was exported from this very run, else a new version."""
    from bundle.reader import read_bundle, versions

    newest = versions(model_folder)[-1:]
    if newest:
        found = read_bundle(model_folder / newest[0])
        info, evaluation = run.load_info(), run.load_evaluation()
        same = (found.manifest.data, found.manifest.config, found.manifest.seeds) == (
            info.data,
            info.config,
            info.seeds,
        )
        same = same and evaluation.model.items() <= found.manifest.metrics.items()  # it also has the conditioned ones
        if same and found.factors == load_factors(run):
            session.note(f"reused: {found.folder} was exported from this run; {standing_of(found.folder).words}")
            return found.folder
    return export(session, run, model_folder, force=force)


def export(
    session: Session,
    run: RunFolder,
    model_folder: Path,
    *,
    version: str | None = None,
    force: str | None = None,
    make_current: bool = True,
) -> Path:
    from training.export.pack import export_run

    with timed(session, f"export to {model_folder}"):
        return export_run(run, model_folder, version=version, force=force, make_current=make_current)


def _younger(made: Path, source: Path) -> bool:
    return made.is_file() and source.is_file() and made.stat().st_mtime_ns >= source.stat().st_mtime_ns
