"""The factor map and the latent map of one trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Catalogue
from bundle.factors import Direction, Factor, FactorMap, Guide
from bundle.manifest import encode as to_json
from training.data.split import Split
from training.decode.attribute_table import AttributeTable, attribute_table
from training.decode.carriers import Latents, find_carriers
from training.decode.directions import Orthogonal, Users, directions
from training.decode.evidence import HalfRecord, build_factors, half_records
from training.decode.measure import Streams, measure, pick
from training.decode.notes import map_notes, stability_notes
from training.decode.options import DecodeOptions
from training.decode.posterior import AggregatedPosterior, aggregated_posterior, encode
from training.decode.projection import Projection, project
from training.decode.retrainings import Told, load_retrained, retrained
from training.decode.stability import Ordered, Retrained, Stability, measure_stability
from training.decode.whole_space import NOT_MEASURED, whole_space
from training.errors import DecodeError
from training.models.base import LatentModel
from training.models.registry import MODELS
from training.run_folder import RunFolder

_EFFECT = "Jensen-Shannon divergence above its mean under the null, in bits"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The factor map, and the projection from which the latent map is made."""

    factors: FactorMap
    projection: Projection


def decode_run(
    run: RunFolder, options: DecodeOptions | None = None, *, jobs: int | None = None, told: Told = lambda _: None
) -> FactorMap:
    """Decode a trained run and write its factors.json and latent_map.json. Raises what `decode` and RunFolder raise.

    With options.seeds the run is first trained again with that many other seeds, inside its folder; jobs, told, and
    what is raised then: see retrained.
    """
    options = options or DecodeOptions()
    folders = retrained(run, options, jobs=jobs, told=told) if options.seeds else ()
    loaded = run.load()
    decoded = decode(
        loaded.model,
        loaded.split,
        loaded.catalogue,
        options,
        conditions=loaded.info.conditions.values,
        guides=loaded.info.guides,
        others=load_retrained(folders, loaded.split.train[_matched(loaded.split, options)]),
    )
    run.write(run.factors, to_json(decoded.factors))
    run.write(run.latent_map, to_json(decoded.projection.latent_map()))
    return decoded.factors


def with_guides(factors: Sequence[Factor], guides: Sequence[Guide]) -> tuple[Factor, ...]:
    """The factors with what the first ones were tied to in training: the intention beside what came of it."""
    tied = [msgspec.structs.replace(f, guide=g) for f, g in zip(factors, guides, strict=False)]
    return (*tied, *factors[len(tied) :])


@dataclass(frozen=True, slots=True)
class Axes:
    """What every latent dimension encodes, and what it was read from."""

    posterior: AggregatedPosterior
    table: AttributeTable
    records: tuple[HalfRecord, ...]
    factors: tuple[Factor, ...]
    n_cells: int


def read_axes(model: LatentModel, split: Split, catalogue: Catalogue, options: DecodeOptions) -> Axes:
    """The factors of a model (it is put into eval mode) that was trained on split.train."""
    model.eval()
    streams = Streams.of(options.seed)
    posterior = aggregated_posterior(model, split.train, active_kl=options.active_kl)
    table = attribute_table(catalogue, max_values=options.max_values)
    measured = measure(model, posterior, table, options, streams)
    records = half_records(table, measured, catalogue.ids, options, streams.bootstrap)
    return Axes(posterior, table, records, build_factors(posterior, records), measured.null.js_p.size)


def decode(
    model: LatentModel,
    split: Split,
    catalogue: Catalogue,
    options: DecodeOptions,
    *,
    conditions: tuple[str, ...] = (),
    guides: Sequence[Guide] = (),
    others: Sequence[Retrained] = (),
) -> Decoded:
    """Decode a model (it is put into eval mode) that was trained on split.train; the catalogue is aligned with it.

    guides: what the first latents were tied to in training. others: its retrainings, with mu of the users of _matched;
    none = stability is not measured.
    The same inputs and seed give the same map. Raises DecodeError when the parts do not fit together, when there is no
    user, or when the model gives numbers that are not finite.
    """
    _check(model, split, catalogue, conditions)
    axes = read_axes(model, split, catalogue, options)
    posterior, table, factors = axes.posterior, axes.table, with_guides(axes.factors, guides)
    stable = Stability(factors, {})
    if others:
        mu = posterior.mu[_matched(split, options)]
        ordered = Ordered.of(table)
        stable = measure_stability(factors, mu, others, ordered, at_least=options.min_stability)
    latents = Latents(
        fitting=_probed(split, posterior, options),
        factors=stable.factors,
        directions=_directions(model, split, posterior, table, options),
    )
    carried = find_carriers(model, latents, split.validation, table, users=options.steer_users, seed=options.seed)
    space = whole_space(model, posterior, split, catalogue, options)
    notes = map_notes(carried.factors, axes.records, table, options) + stability_notes(stable, options)
    found = FactorMap(
        settings={**options.model_dump(), "n_cells": axes.n_cells, "effect": _EFFECT, **stable.settings},
        attributes=tuple(column.name for column in table.columns),
        factors=carried.factors,
        directions=carried.directions,
        carriers=carried.carriers,
        notes=notes if space is not None or not table.columns else (*notes, NOT_MEASURED),
        space=space,
    )
    found.check(model.n_latent)
    return Decoded(found, picture(model, split, options, conditions))


def picture(model: LatentModel, split: Split, options: DecodeOptions, conditions: tuple[str, ...]) -> Projection:
    """The PCA of a sample of training users. The same options give the same picture: the report draws it again.

    A condition that is a rule on the scores moves nobody in latent space: such a model's are not drawn.
    """
    entry = MODELS.get(model.kind)
    if entry is not None and entry.by_rule:
        conditions = ()
    rng = Streams.of(options.seed).picture
    return project(model, split.train[pick(split.train.shape[0], options.map_users, rng)], conditions)


def _directions(
    model: LatentModel, split: Split, posterior: AggregatedPosterior, table: AttributeTable, options: DecodeOptions
) -> tuple[Direction, ...]:
    if not table.columns:
        return ()
    held_out = split.validation.fold_in
    told = Users(encode(model, held_out).mu, held_out)
    orthogonal = Orthogonal(_names(options.orthogonal), _names(options.orthogonal_to))
    return directions(_probed(split, posterior, options), told, table, orthogonal=orthogonal)


def _probed(split: Split, posterior: AggregatedPosterior, options: DecodeOptions) -> Users:
    """The training users behind the directions."""
    probed = pick(len(posterior.mu), options.probe_users, Streams.of(options.seed).probes)
    return Users(posterior.mu[probed], split.train[probed])


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _matched(split: Split, options: DecodeOptions) -> NDArray[np.int64]:
    """The users on whom retrainings are matched: training users, over whom the factors are read, too.

    Both models were trained on them, and there are many: with few users, as in a small validation part, dimensions that
    have nothing to do with each other correlate.
    """
    return pick(split.train.shape[0], options.probe_users, Streams.of(options.seed).probes)


def _check(model: LatentModel, split: Split, catalogue: Catalogue, conditions: tuple[str, ...]) -> None:
    if split.train.shape[0] == 0:
        raise DecodeError("the split has no training user, so there is no posterior to decode", hint="check the data")
    if not model.n_items == split.train.shape[1] == len(catalogue):
        raise DecodeError(
            f"the model has {model.n_items} items, the split {split.train.shape[1]}, the catalogue {len(catalogue)}",
            hint="decode with the split and the catalogue that the model was trained on",
        )
    if len(conditions) != model.n_conditions:
        raise DecodeError(
            f"the model has {model.n_conditions} condition inputs, {len(conditions)} names came",
            hint="name every condition input, in order",
        )
