"""From measurements to the records of the map: evidence and claims per half, readings, factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Evidence, Factor, Half, Reading
from training.decode.attribute_table import AttributeTable, Column
from training.decode.intervals import Bootstrap, Interval
from training.decode.measure import Cell, Measurements
from training.decode.options import DecodeOptions
from training.decode.posterior import AggregatedPosterior
from training.decode.status import Claim, methods_agree, read_half, stronger

_NOTHING = Reading(
    status="undecoded", attribute=None, value=None, effect=0.0, effect_low=0.0, effect_high=0.0, q_value=1.0
)
_NO_GAIN = 1e-6  # a share or a lift that moves by less names no value


@dataclass(frozen=True, slots=True)
class HalfRecord:
    """One half of one factor: what each attribute claims, the reading, and the ids of the items that gain most."""

    factor: int
    half: Half
    claims: tuple[Claim, ...]
    reading: Reading
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Intervals:
    """Of one cell, each [n_attributes]; before: the users' mean information gain as they are."""

    mc: Interval
    js: Interval
    ig: Interval
    before: NDArray[np.float64]


def half_records(
    table: AttributeTable,
    measured: Measurements,
    ids: tuple[str, ...],
    options: DecodeOptions,
    rng: np.random.Generator,
) -> tuple[HalfRecord, ...]:
    """One record per measured cell, in their order; empty when there was no active dimension."""
    users = Bootstrap(len(measured.baseline.z), options.bootstraps, rng)
    points = Bootstrap(options.samples, options.bootstraps, rng)
    before = measured.baseline.ig.mean(axis=0, dtype=np.float64)
    weights = measured.baseline.lists.mean_weights()
    records = []
    for at, cell in enumerate(measured.cells):
        intervals = _Intervals(
            users.mean(cell.change.mc), users.mean(cell.change.js), points.mean(cell.sampled.ig), before
        )
        claims = tuple(_claim(column, a, at, measured, intervals) for a, column in enumerate(table.columns))
        records.append(
            HalfRecord(
                factor=cell.change.factor,
                half=cell.change.half,
                claims=claims,
                reading=read_half(claims, options) if claims else _NOTHING,
                examples=_examples(cell, weights, ids, options.examples),
            )
        )
    return tuple(records)


def build_factors(posterior: AggregatedPosterior, records: Sequence[HalfRecord]) -> tuple[Factor, ...]:
    """One factor per latent dimension, in order. An inactive one was not tested: no evidence, reading or examples."""
    known = {(record.factor, record.half): record for record in records}
    return tuple(
        _factor(posterior, factor, known.get((factor, "negative")), known.get((factor, "positive")))
        for factor in range(len(posterior.kl))
    )


def _claim(column: Column, a: int, at: int, measured: Measurements, intervals: _Intervals) -> Claim:
    cell, null = measured.cells[at], measured.null
    js, mc, ig = intervals.js, intervals.mc, intervals.ig
    bias = float(null.js_mean[at, a])
    growth, lift = cell.change.growth[column.span], cell.sampled.lift[column.span]
    before = float(intervals.before[a])
    share = float(measured.baseline.shares[:, column.start + int(growth.argmax())].mean())
    after = share + float(growth.max())
    evidence = Evidence(
        attribute=column.name,
        half=cell.change.half,
        mc=float(mc.mean[a]),
        mc_low=float(mc.low[a]),
        mc_high=float(mc.high[a]),
        mc_relative=float(mc.mean[a]) / before if abs(before) > _NO_GAIN else 0.0,
        js=float(js.mean[a]),
        js_low=float(js.low[a]),
        js_high=float(js.high[a]),
        p_value=float(null.js_p[at, a]),
        q_value=float(measured.js_q[at, a]),
        shifted_value=column.values[int(growth.argmax())] if growth.max() > _NO_GAIN else None,
        ig=float(ig.mean[a]),
        ig_low=float(ig.low[a]),
        ig_high=float(ig.high[a]),
        ig_p_value=float(null.ig_p[at, a]),
        ig_q_value=float(measured.ig_q[at, a]),
        value=column.values[int(lift.argmax())] if lift.max() > 1.0 + _NO_GAIN else None,
        lift=float(lift.max()),
        growth=after / share if share > _NO_GAIN else None,
    )
    excess = (float(js.mean[a]) - bias, float(js.low[a]) - bias, float(js.high[a]) - bias)
    return Claim(evidence, excess, methods_agree(growth, lift, ordered=column.ordered), share=after)


def _examples(cell: Cell, before: NDArray[np.float32], ids: tuple[str, ...], n: int) -> tuple[str, ...]:
    """The items whose weight in the lists is multiplied most; the largest gains would be the most popular items again.

    before [n_items]: their weights before the move. A tenth of an average listed item's is added to both sides, so
    that one which nobody was listed before does not come first for a trace.
    """
    gain, trace = cell.change.item_gain, 0.1 / cell.change.lists.items.shape[1]
    order = np.argsort(-(before + gain + trace) / (before + trace), kind="stable")[:n]
    return tuple(ids[i] for i in order.tolist() if gain[i] > 0)


def _factor(
    posterior: AggregatedPosterior, factor: int, negative: HalfRecord | None, positive: HalfRecord | None
) -> Factor:
    mu = posterior.mu[:, factor].astype(np.float64)
    low = negative.reading if negative else _NOTHING
    high = positive.reading if positive else _NOTHING
    leading = stronger(low, high)
    claims = (*(negative.claims if negative else ()), *(positive.claims if positive else ()))
    return Factor(
        factor=factor,
        active=bool(posterior.active[factor]),
        kl=float(posterior.kl[factor]),
        mean=float(mu.mean()),
        sd=float(mu.std()),
        quantiles=tuple(posterior.quantiles[factor].tolist()),
        status=leading.status,
        half="negative" if leading is low and low is not high else "positive",
        attribute=leading.attribute,
        value=leading.value,
        negative=low,
        positive=high,
        examples_negative=negative.examples if negative else (),
        examples_positive=positive.examples if positive else (),
        evidence=tuple(claim.evidence for claim in claims),
    )
