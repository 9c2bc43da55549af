"""Before an hour is spent: is there data to train on, what are the conditions, and what will run.json say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from bundle.catalogue import Catalogue
from bundle.factors import Guide
from bundle.manifest import Conditions, Data
from training.data.split import Split
from training.errors import ConfigError, DataError
from training.evaluate.measure import measurable
from training.guided.guidance import Guidance, guidance_of
from training.guided.settings import AUTO, NONE
from training.models.base import LatentModel
from training.models.registry import entry_for
from training.options import CONDITION, FitOptions
from training.precision import resolved
from training.provenance import code_digest, git_state, library_versions
from training.run_info import RunInfo
from training.world import World, check_work


@dataclass(frozen=True, slots=True)
class Inputs:
    """What training takes from the items' attributes.

    conditions  for run.json; members bool [n_items, n_conditions], None for an unconditioned model
    guidance    what is tied to latents, None for an unguided model
    """

    conditions: Conditions
    members: NDArray[np.bool_] | None
    guidance: Guidance | None = None


def check_data(split: Split) -> None:
    """DataError unless there are training users with items and validation users with something to find."""
    n_users, n_items = split.train.shape
    if n_users == 0 or n_items == 0 or split.train.nnz == 0:
        raise DataError(
            f"nothing to train on: {n_users} training users, {n_items} items, {split.train.nnz} interactions",
            hint="bring more data, or lower the threshold or the least number of items per user",
        )
    measurable(split.validation, what="validation")


def inputs_of(options: FitOptions, split: Split, catalogue: Catalogue) -> Inputs:
    """What the model asked for takes; ConfigError when an attribute is not there, or cannot guide.

    options: explicit ones.
    """
    found = conditions_of(options, catalogue)
    return replace(found, guidance=guidance_of(options.guide, options.model, split.train, catalogue))


def conditions_of(options: FitOptions, catalogue: Catalogue) -> Inputs:
    """The condition inputs of the model asked for; ConfigError when the attribute is not there.

    A model conditioned by a rule does without the attribute, unless it was named.
    """
    entry, nothing = entry_for(options.kind), Inputs(Conditions(attribute=None, values=()), None)
    if not entry.conditioned:
        return nothing
    attribute = catalogue.attribute(options.condition)
    if attribute is None or not attribute.values:
        if entry.by_rule and options.condition == CONDITION:
            return nothing
        there = ", ".join(a.name for a in catalogue.attributes if a.values) or "none"
        raise ConfigError(
            f"the {options.kind} is conditioned on an item attribute, and the items have no {options.condition!r}",
            hint=f"the attributes are: {there}; name one with --condition, or train a mult-vae",
        )
    pairs_of_all = options.fit.combined > 0.0 and options.fit.combined_match != "any"
    shares = entry.by_rule or pairs_of_all
    conditions = Conditions(attribute=attribute.name, values=attribute.values, shares=shares)
    return Inputs(conditions, attribute.members)


def device_of(asked: str) -> str:
    """cpu or cuda; ConfigError when a GPU is asked for and there is none."""
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise ConfigError("--device cuda: torch sees no GPU here", hint="use --device auto or --device cpu")
    return "cuda" if asked == "cuda" or (asked == "auto" and there) else "cpu"


def explicit(options: FitOptions) -> FitOptions:
    """The options with what stands for auto, or for nothing said, so that the run records which it was."""
    found = resolved(options.fit.precision, device_of(options.run.device))
    guided_by = options.guide.attributes or (AUTO if entry_for(options.kind).guided else NONE)
    return replace(
        options,
        fit=options.fit.model_copy(update={"precision": found}),
        guide=options.guide.model_copy(update={"attributes": guided_by}),
    )


def shared_out(options: FitOptions, world: World, split: Split) -> FitOptions:
    """The options with the number of processes, and of threads where several share a CPU, as the run records them.

    ConfigError when there are more processes than rows in a batch or validation users.
    """
    n_validation = len(measurable(split.validation, what="validation").users)
    check_work(world, batch_size=options.fit.batch_size, n_validation=n_validation)
    threads = options.run.threads
    if threads is None and world.devices > 1:
        threads = max(1, torch.get_num_threads() // world.devices)
    return replace(options, run=replace(options.run, devices=world.devices, nodes=world.nodes, threads=threads))


def check_sampled(options: FitOptions) -> None:
    """ConfigError when sampled items are asked of a model whose logits are no linear layer's."""
    linear = getattr(entry_for(options.kind).make, "output", LatentModel.output) is not LatentModel.output
    if options.fit.sampled_items is not None and not linear:
        raise ConfigError(
            f"the {options.kind} has no linear output layer, so its loss cannot be over {options.fit.sampled_items} "
            "sampled items",
            hint="leave sampled_items out, or train a mult-vae",
        )


def describe_run(
    options: FitOptions, split: Split, conditions: Conditions, *, guides: tuple[Guide, ...] = ()
) -> RunInfo:
    """run.json as it is when training starts."""
    n_users, n_items = split.train.shape
    return RunInfo(
        name=options.name,
        kind=options.kind,
        config=options.model.model_dump(),
        fit=options.fit.model_dump(),
        seeds={"train": options.run.seed, "split": split.protocol.seed},
        device=device_of(options.run.device),
        data=Data(
            name=options.data_name,
            fingerprint=split.fingerprint,
            n_users=n_users,
            n_items=n_items,
            n_interactions=int(split.train.nnz),
            threshold=split.protocol.threshold,
            min_items=split.protocol.min_items,
        ),
        source=options.source,
        protocol=split.protocol,
        conditions=conditions,
        libraries=library_versions(),
        git=git_state(),
        complete=False,
        reading=options.reading,
        threads=options.run.threads or torch.get_num_threads(),
        devices=options.run.devices or 1,
        nodes=options.run.nodes,
        code=code_digest(),
        guide=options.guide.model_dump(),
        guides=guides,
    )
