"""The planted factor map: consistent with the weights that `builder_model` sets."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from bundle.catalogue import Catalogue
from bundle.factors import N_QUANTILES, Direction, Evidence, Factor, FactorMap, Half, LatentMap, Reading
from tests.builders.catalogue import DECADES, GENRES
from tests.builders.model import BuilderModel

HALVES: tuple[Half, Half] = ("negative", "positive")
Planted = dict[tuple[int, Half], tuple[str, str]]
UNDECODED = Reading(
    status="undecoded", attribute=None, value=None, effect=0.01, effect_low=0.0, effect_high=0.03, q_value=0.8
)


def planted_readings(n_latent: int) -> Planted:
    """(factor, half) -> (attribute, value) of every half that means something."""
    planted: Planted = {(0, "positive"): ("genre", "Comedy"), (0, "negative"): ("genre", "Horror")}
    if n_latent > 2:
        planted |= {(1, "positive"): ("year", DECADES[-1]), (1, "negative"): ("year", DECADES[0])}
    if n_latent > 3:
        planted[2, "positive"] = ("genre", "Drama")
    return planted


def factor_map_of(model: BuilderModel, catalogue: Catalogue) -> FactorMap:
    planted = planted_readings(model.n_latent) if catalogue.attributes else {}
    undecoded = [i for i in range(model.n_latent) if not any((i, half) in planted for half in HALVES)]
    return FactorMap(
        settings={"top_k": 100, "seed": 0, "permutations": 1000},
        attributes=tuple(a.name for a in catalogue.attributes),
        factors=tuple(_factor(i, model, catalogue, planted) for i in range(model.n_latent)),
        directions=_directions(model.n_latent) if catalogue.attributes else (),
        notes=tuple(f"factor {i} could not be decoded" for i in undecoded),
    )


def latent_map_of(model: BuilderModel, conditions: tuple[str, ...]) -> LatentMap:
    points = np.random.default_rng(1).normal(size=(20, 2))
    centroids = [model.encode((), (c,))[:2] for c in range(len(conditions))]
    return LatentMap(
        explained=(0.5, 0.3),
        points=tuple((float(a), float(b)) for a, b in points),
        conditions=conditions,
        centroids=tuple((float(a), float(b)) for a, b in centroids),
        spreads=tuple(1.0 for _ in conditions),
    )


def _factor(i: int, model: BuilderModel, catalogue: Catalogue, planted: Planted) -> Factor:
    active = i != model.n_latent - 1
    sd = 1.0 if active else 0.01
    shares = [0.005, *(np.arange(1, N_QUANTILES - 1) / (N_QUANTILES - 1)), 0.995]
    quantiles = tuple(sd * NormalDist().inv_cdf(float(p)) for p in shares)
    readings = {
        half: _reading(planted.get((i, half)), ambiguous=i == 2, stability=0.8 if i == 0 else None) for half in HALVES
    }
    half: Half = "negative" if readings["positive"].status == "undecoded" != readings["negative"].status else "positive"
    return Factor(
        factor=i,
        active=active,
        kl=0.9 if active else 0.001,
        mean=0.0,
        sd=sd,
        quantiles=quantiles,
        status=readings[half].status,
        half=half,
        attribute=readings[half].attribute,
        value=readings[half].value,
        negative=readings["negative"],
        positive=readings["positive"],
        examples_negative=_examples(i, quantiles[2], model, catalogue),
        examples_positive=_examples(i, quantiles[98], model, catalogue),
        evidence=tuple(_evidence(a.name, h, planted.get((i, h))) for a in catalogue.attributes for h in HALVES),
        stability=readings[half].stability,
    )


def _reading(planted: tuple[str, str] | None, *, ambiguous: bool, stability: float | None) -> Reading:
    if planted is None:
        return UNDECODED
    return Reading(
        status="ambiguous" if ambiguous else "decoded",
        attribute=planted[0],
        value=planted[1],
        effect=0.2,
        effect_low=0.15,
        effect_high=0.25,
        q_value=0.003,
        rivals=("rating",) if ambiguous else (),
        stability=stability,
    )


def _examples(i: int, value: float, model: BuilderModel, catalogue: Catalogue) -> tuple[str, ...]:
    z = np.zeros(model.n_latent)
    z[i] = value
    gain = model.logits(z) - model.logits(np.zeros(model.n_latent))
    return tuple(catalogue.ids[j] for j in np.argsort(-gain, kind="stable")[:3])


def _evidence(attribute: str, half: Half, planted: tuple[str, str] | None) -> Evidence:
    value = planted[1] if planted is not None and planted[0] == attribute else None
    effect, p = (0.2, 0.001) if value else (0.01, 0.8)
    return Evidence(
        attribute=attribute,
        half=half,
        mc=effect / 2,
        mc_low=effect / 2 - 0.005,
        mc_high=effect / 2 + 0.005,
        mc_relative=effect,
        js=effect,
        js_low=0.75 * effect,
        js_high=1.25 * effect,
        p_value=p,
        q_value=min(1.0, 3 * p),
        shifted_value=value,
        ig=effect,
        ig_low=0.75 * effect,
        ig_high=1.25 * effect,
        ig_p_value=p,
        ig_q_value=min(1.0, 3 * p),
        value=value,
        lift=2.0 if value else 1.0,
    )


def _directions(n_latent: int) -> tuple[Direction, ...]:
    """Axis directions for what is planted; Drama's is there only when its latent is."""
    wanted = [("genre", "Comedy", 0, 1.0), ("genre", "Horror", 0, -1.0)]
    if n_latent > 2:
        wanted += [("year", DECADES[-1], 1, 1.0), ("year", DECADES[0], 1, -1.0)]
    if n_latent > 3:
        wanted.append(("genre", GENRES[1], 2, 1.0))
    return tuple(
        Direction(
            attribute=attribute,
            value=value,
            vector=tuple(sign if i == axis else 0.0 for i in range(n_latent)),
            mean=0.0,
            sd=1.0,
            r2=0.9,
        )
        for attribute, value, axis, sign in wanted
    )
