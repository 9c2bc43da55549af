"""Train a model into a run folder, on PyTorch Lightning."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from rich.console import Console

from bundle.catalogue import Catalogue
from training.callbacks import Keeper, StepWatch
from training.data.split import Split
from training.epochs import EpochListener
from training.evaluate.measure import measurable
from training.evaluate.result import collapse
from training.guided.alignment import align
from training.interrupt import interrupt_on_sigint
from training.loop import Stopped, run_loop, set_up
from training.models.weights import load_model, weights_of
from training.options import FitOptions
from training.progress import Silence, listener_for
from training.quiet import quiet, torch_state
from training.resume import check_resumable, finished
from training.run_folder import RunFolder
from training.run_info import FitSummary, RunInfo
from training.sizes import check_fits
from training.start import (
    check_data,
    check_sampled,
    describe_run,
    device_of,
    explicit,
    inputs_of,
    shared_out,
)
from training.together import Job, together
from training.too_short import notes_on_length
from training.trackers import check_tracker
from training.world import World, world_of


@dataclass(frozen=True, slots=True)
class FitResult:
    """What training came to; notes: in plain words, what the user should know (stopped early, collapsed latents)."""

    info: RunInfo
    summary: FitSummary
    notes: tuple[str, ...]


def fit(
    run: RunFolder, split: Split, catalogue: Catalogue, options: FitOptions, *, listener: EpochListener | None = None
) -> FitResult:
    """Train until early stopping on validation ndcg@100, the last epoch or Ctrl-C; best.pt holds the best epoch.

    Interrupted and resumed, a run ends in the same weights as uninterrupted on the same CPU: rows, dropout and
    sampling are functions of (seed, epoch, step). Several processes (options.run.devices, torchrun) share every batch
    and come to the same figures; the first writes the run. listener: who hears of progress; None = what
    options.run.progress says, on stderr. Memory, of each process: the weights four times over (gradients and
    Adam's moments) and up to 256 MB for the loss (output_loss.py).

    DataError when there is nothing to train on; ConfigError when settings contradict each other, the data or the run
    to be resumed; FitError when the folder is not usable, the loss is not finite or memory runs out.
    """
    check_tracker(options.run.tracker)
    check_data(split)
    check_sampled(options)
    options = explicit(options)
    inputs = inputs_of(options, split, catalogue)
    world = world_of(options.run, device=device_of(options.run.device))
    options = shared_out(options, world, split)
    check_fits(options, split, n_conditions=len(inputs.conditions.values))
    job = Job(run, split, inputs, options, world)
    guides = () if inputs.guidance is None else inputs.guidance.guides
    info = describe_run(options, split, inputs.conditions, guides=guides)
    before = _begin(job, catalogue, info)
    if before is not None:
        return _result(run, before)
    trained = _train(job, listener or _listener(options, world))
    if world.is_first:
        _finish(job, info)
    info = msgspec.structs.replace(info, complete=trained.stopped != "interrupted", summary=trained)
    if world.is_first:
        run.save_info(info)
    return _result(run, info)


def _begin(job: Job, catalogue: Catalogue, info: RunInfo) -> RunInfo | None:
    """Write what the run is made from; the run as it was when it is resumed and there is nothing left to do."""
    run, options = job.run, job.options
    if job.world.is_first:
        run.prepare(resume=options.run.resume)
    if options.run.resume:
        before = run.load_info()
        check_resumable(before, info)
        if finished(before, epochs=options.fit.epochs):
            return before
    if job.world.is_first:
        run.save_inputs(job.split, catalogue)
        run.save_info(info)
    return None


def _finish(job: Job, info: RunInfo) -> None:
    """Turn a guided model's axes and let the model choose what it chooses at the end, on the best weights; they are
    written anew if anything was set."""
    run, split, guidance = job.run, job.split, job.inputs.guidance
    model = load_model(info, run.best, n_items=split.train.shape[1])
    with torch_state(seed=job.options.run.seed, threads=job.options.run.threads):
        if guidance is not None:
            align(model, split.train, guidance)
        chosen = model.finish(split.train, measurable(split.validation, what="validation"))
    if chosen or guidance is not None:
        run.write(run.best, weights_of(model))


def _listener(options: FitOptions, world: World) -> EpochListener:
    if not world.is_first:
        return Silence()
    return listener_for(options.run.progress, epochs=options.fit.epochs, console=Console(stderr=True))


def _train(job: Job, listener: EpochListener) -> FitSummary:
    run = job.options.run
    with torch_state(seed=run.seed, threads=run.threads), quiet(), interrupt_on_sigint() as interrupt:
        try:
            with together(job) as others:
                loop = set_up(job, watch=StepWatch(listener, interrupt))
                try:
                    stopped = run_loop(loop, job)
                except RuntimeError as error:
                    raise others.why(error) from error
        finally:
            listener.close()
    return _summary(loop.keeper, stopped)


def _summary(keeper: Keeper, stopped: Stopped) -> FitSummary:
    return FitSummary(
        stopped=stopped,
        epochs=keeper.epochs,
        best_epoch=keeper.best_epoch,
        best_ndcg=keeper.best_ndcg,
        active_units=keeper.best_active,
        seconds=keeper.seconds,
    )


def _result(run: RunFolder, info: RunInfo) -> FitResult:
    assert info.summary is not None
    summary, n_latent = info.summary, info.config.get("latent")
    best = f"the best checkpoint (epoch {summary.best_epoch}, validation ndcg@100 {summary.best_ndcg:.4f})"
    notes = []
    if summary.stopped == "interrupted":
        notes.append(f"stopped after {summary.epochs} epochs: {best} is kept, and the run can be resumed")
    if isinstance(n_latent, int) and collapse(summary.active_units, n_latent):
        notes.append(
            f"posterior collapse: only {summary.active_units} of {n_latent} latents are active (KL > 0.01 nats); "
            "lower beta_cap or latent, or anneal more slowly"
        )
    return FitResult(info, summary, (*notes, *notes_on_length(run, info)))
