"""The report of a decoded run: one self-contained HTML page that opens without a network."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from bundle.errors import ContentError
from bundle.factors import Direction, Factor, FactorMap
from training.decode import crowd_figures, map_figures, training_figures
from training.decode.attribute_table import attribute_table
from training.decode.crowds import Crowds, crowds_by_taste, crowds_under_conditions
from training.decode.distances import DistanceTable, distance_table
from training.decode.halves import picture_of
from training.decode.heat_table import heat_rows, shade
from training.decode.map import picture
from training.decode.map_table import lines_of, titles_by_id
from training.decode.measure import Streams, pick
from training.decode.options import DecodeOptions
from training.decode.plain_words import headline, leading_examples
from training.decode.projection import Projection
from training.decode.selection import Selection, by_interest, guide_name, select
from training.decode.strips import LEVELS, strip_of
from training.epochs import read_epochs
from training.errors import DecodeError
from training.models.base import LatentModel
from training.run_folder import LoadedRun, RunFolder

MOST_FACTORS = 24
"""Factors drawn and traversed at most; the page says how many it leaves out. The table has all that are active."""
MOST_HEAT = 60
"""Rows of the heat map at most."""
_TITLES = 5
_SCRIPT = "report_script.js.html"
_STYLE = "report_style.css.html"


def write_report(run: RunFolder) -> Path:
    """Write the run's report.html from its factors.json and metrics.jsonl; the model is asked for strips and the PCA.

    Raises FitError when the run or its map is missing, DecodeError when factors.json is not readable or not this
    model's. Costs a decoding of five points per factor shown and the encodings of the PCA and of the groups of users.
    """
    loaded = run.load()
    found = _read_map(run, loaded)
    run.write(run.report, render(loaded, found, run).encode())
    return run.report


def render(loaded: LoadedRun, found: FactorMap, run: RunFolder) -> str:
    """The page's HTML."""
    options = _options(found)
    shown = select(found.factors, at_most=MOST_FACTORS)
    titles = titles_by_id(loaded.catalogue)
    table = attribute_table(loaded.catalogue, max_values=options.max_values)
    strips = [strip_of(loaded.model, f, loaded.catalogue, table, k=options.top_k, n=_TITLES) for f in shown.factors]
    projection = picture(loaded.model, loaded.split, options, loaded.info.conditions.values)
    crowds = _crowds(loaded, found, projection, options)
    page = _template().render(
        info=loaded.info,
        n_items=len(loaded.catalogue),
        map=found,
        counts=_counts(found),
        headline=headline(found, strips),
        examples=leading_examples(found, strips, titles),
        shown=shown,
        lines=lines_of(by_interest(found.factors), titles),
        heat=heat_rows(by_interest(found.factors), found.attributes, options=options, at_most=MOST_HEAT),
        strips=strips,
        levels=LEVELS,
        directions=sorted(found.directions, key=lambda d: (d.attribute, -d.r2)),
        crowds=crowds,
        distances=distance_table(crowds) if crowds else None,
        histograms=_histograms(shown, options),
        pictures=_pictures(found, shown, run, projection, crowds),
        options=options,
        other_part=type(loaded.model).score_at is not LatentModel.score_at,
        **_code(),
        **_lookups(found),
    )
    return str(page)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FunctionLoader(_part), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")


def _part(name: str) -> str:
    return files("training.decode").joinpath(name).read_text(encoding="utf-8")


def _code() -> dict[str, Markup]:
    """The page's own style and script, and the digest by which its policy lets that script run and no other."""
    script = _part(_SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"css": Markup(_part(_STYLE)), "script": Markup(script), "digest": Markup(digest)}  # noqa: S704 - our files


def _lookups(found: FactorMap) -> dict[str, Any]:
    """What the templates ask for by factor, direction or distance."""
    return {
        "carried": Counter(c.better for c in found.carriers),
        "guide_name": guide_name,
        "shade": shade,
        "near": _near,
        "main_axis": lambda direction: _main_axis(direction, found.factors),
    }


def _near(distances: DistanceTable, distance: float) -> float:
    """How deep to shade a distance: 1 for the nearest pair of the table, 0 for the farthest."""
    others = distances.values[distances.values > 0]
    if not len(others) or others.max() <= others.min():
        return 0.5
    low, high = float(others.min()), float(others.max())
    return float(((high - distance) / (high - low)) ** 1.5)


def _main_axis(direction: Direction, factors: tuple[Factor, ...]) -> str:
    """The axis along which users differ most in this direction and its share of their squared spread: +3 (81%)."""
    spread = [w * f.sd for w, f in zip(direction.vector, factors, strict=True)]
    axis = max(range(len(spread)), key=lambda i: abs(spread[i]))
    share = spread[axis] ** 2 / max(sum(s * s for s in spread), 1e-12)
    return f"{'+' if spread[axis] > 0 else '-'}{axis} ({share:.0%})"


def _crowds(loaded: LoadedRun, found: FactorMap, projection: Projection, options: DecodeOptions) -> Crowds:
    """The users under each condition, where the model takes conditions; otherwise grouped by their taste."""
    if len(projection.conditions) > 1:
        return crowds_under_conditions(projection, loaded.info.conditions.attribute or "condition")
    chosen = pick(loaded.split.train.shape[0], options.probe_users, Streams.of(options.seed).probes)
    wanted = [loaded.info.conditions.attribute, *(f.guide.attribute for f in found.factors if f.guide)]
    return crowds_by_taste(
        loaded.model,
        loaded.split.train[chosen],
        loaded.catalogue,
        preferred=[name for name in dict.fromkeys(wanted) if name],
        max_values=options.max_values,
    )


def _histograms(shown: Selection, options: DecodeOptions) -> dict[int, Markup]:
    """The halves of each factor shown that has any width."""
    drawn = {f.factor: picture_of(f, tail=options.tail) for f in shown.factors}
    return {i: Markup(svg) for i, svg in drawn.items() if svg is not None}  # noqa: S704 - numbers in our own markup


def _pictures(
    found: FactorMap, shown: Selection, run: RunFolder, projection: Projection, crowds: Crowds
) -> dict[str, Markup | None]:
    """Inline SVG by name; None where there is nothing to draw."""
    epochs = read_epochs(run.metrics) if run.metrics.is_file() else ()
    testable = bool(shown.factors and found.attributes)
    with_kl, level = any(f.kl > 0.0 for f in found.factors), _options(found).active_kl
    drawn = {
        "curves": training_figures.curves(epochs) if epochs else None,
        "kl": training_figures.kl_per_dimension(found.factors, active_kl=level) if with_kl else None,
        "change": map_figures.change_bars(shown.factors, found.attributes) if testable else None,
        "steadiness": map_figures.steadiness(shown.factors),
        "users": crowd_figures.users_map(projection, crowds),
    }
    # The SVG is made by Matplotlib from our own numbers; names in it are drawn as paths, not as markup.
    return {name: None if svg is None else Markup(svg) for name, svg in drawn.items()}  # noqa: S704 - see above


def _counts(found: FactorMap) -> dict[str, int]:
    active = [f for f in found.factors if f.active]
    return {
        "latents": len(found.factors),
        "active": len(active),
        "guided": sum(f.guide is not None for f in active),
        "with_kl": sum(f.kl > 0.0 for f in active),
        **{status: sum(f.status == status for f in active) for status in ("decoded", "ambiguous", "undecoded")},
    }


def _options(found: FactorMap) -> DecodeOptions:
    return DecodeOptions(**{k: v for k, v in found.settings.items() if k in DecodeOptions.model_fields})  # type: ignore[arg-type]


def _read_map(run: RunFolder, loaded: LoadedRun) -> FactorMap:
    try:
        found = msgspec.json.decode(run.require(run.factors).read_bytes(), type=FactorMap)
        found.check(loaded.model.n_latent)
    except (msgspec.DecodeError, ContentError) as error:
        raise DecodeError(
            f"{run.factors} is not this run's map: {error}", hint="run `prismrec decode` again"
        ) from error
    return found
