"""The report of a decoded run: one self-contained HTML page that opens without a network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import msgspec
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bundle.errors import ContentError
from bundle.factors import Direction, Factor, FactorMap, Half
from training.decode import map_figures, training_figures
from training.decode.attribute_table import attribute_table
from training.decode.magnitude_of_change import HALVES
from training.decode.map import picture
from training.decode.options import DecodeOptions
from training.decode.strips import LEVELS, strip_of
from training.epochs import read_epochs
from training.errors import DecodeError
from training.run_folder import LoadedRun, RunFolder

MOST_FACTORS = 24
"""Factors drawn and traversed at most; the page says how many it leaves out."""
_TITLES, _EXAMPLES = 5, 3
_RANK = {"decoded": 0, "ambiguous": 1, "undecoded": 2}


@dataclass(frozen=True, slots=True)
class Selection:
    """The factors of the pictures, in order of index, and of how many active ones they were taken."""

    factors: tuple[Factor, ...]
    n_active: int

    @property
    def left_out(self) -> int:
        return self.n_active - len(self.factors)


def write_report(run: RunFolder) -> Path:
    """Write the run's report.html from its factors.json and metrics.jsonl; the model is asked for strips and the PCA.

    Raises FitError when the run or its map is missing, DecodeError when factors.json is not readable or not this
    model's. Costs a decoding of five points per factor shown and the encodings of the PCA.
    """
    loaded = run.load()
    found = _read_map(run, loaded)
    run.write(run.report, render(loaded, found, run).encode())
    return run.report


def select(factors: tuple[Factor, ...], *, at_most: int) -> Selection:
    """All active factors if they are few; otherwise the decoded, then the ambiguous ones, the largest effects first."""
    active = [f for f in factors if f.active]
    ordered = sorted(active, key=lambda f: (_RANK[f.status], -f.reading(f.half).effect))
    return Selection(tuple(sorted(ordered[:at_most], key=lambda f: f.factor)), len(active))


def render(loaded: LoadedRun, found: FactorMap, run: RunFolder) -> str:
    """The page's HTML."""
    options = _options(found)
    shown = select(found.factors, at_most=MOST_FACTORS)
    table = attribute_table(loaded.catalogue, max_values=options.max_values)
    strips = [strip_of(loaded.model, f, loaded.catalogue, table, k=options.top_k, n=_TITLES) for f in shown.factors]
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(files("training.decode").joinpath("report.html").read_text(encoding="utf-8"))
    return template.render(
        info=loaded.info,
        n_items=len(loaded.catalogue),
        map=found,
        counts=_counts(found),
        shown=shown,
        rows=_rows(found, shown),
        strips=strips,
        levels=LEVELS,
        directions=sorted(found.directions, key=lambda d: (d.attribute, -d.r2)),
        pictures=_pictures(loaded, found, shown, run),
        options=options,
        titles_of=lambda factor, half: _titles_of(loaded, factor, half),
        main_axis=lambda direction: _main_axis(direction, found.factors),
    )


def _titles_of(loaded: LoadedRun, factor: Factor, half: Half) -> list[str]:
    """The example items of a half by title, the id where there is none."""
    ids = factor.examples_negative if half == "negative" else factor.examples_positive
    index_of = {item: ix for ix, item in enumerate(loaded.catalogue.ids)}
    return [loaded.catalogue.titles[index_of[i]] or i for i in ids[:_EXAMPLES]]


def _main_axis(direction: Direction, factors: tuple[Factor, ...]) -> str:
    """The axis along which users differ most in this direction and its share of their squared spread: +z3 (81%)."""
    spread = [w * f.sd for w, f in zip(direction.vector, factors, strict=True)]
    axis = max(range(len(spread)), key=lambda i: abs(spread[i]))
    share = spread[axis] ** 2 / max(sum(s * s for s in spread), 1e-12)
    return f"{'+' if spread[axis] > 0 else '-'}z{axis} ({share:.0%})"


def _pictures(loaded: LoadedRun, found: FactorMap, shown: Selection, run: RunFolder) -> dict[str, Markup | None]:
    """Inline SVG by name; None where there is nothing to draw."""
    options = _options(found)
    epochs = read_epochs(run.metrics) if run.metrics.is_file() else ()
    testable = bool(shown.factors and found.attributes)
    projection = picture(loaded.model, loaded.split, options, loaded.info.conditions.values)
    drawn = {
        "curves": training_figures.curves(epochs) if epochs else None,
        "kl": training_figures.kl_per_dimension(found.factors, active_kl=options.active_kl),
        "change": map_figures.change_bars(shown.factors, found.attributes) if testable else None,
        "heat": map_figures.heat_map(shown.factors, found.attributes, options=options) if testable else None,
        "users": map_figures.users_map(projection),
    }
    # The SVG is made by Matplotlib from our own numbers; names in it are drawn as paths, not as markup.
    return {name: None if svg is None else Markup(svg) for name, svg in drawn.items()}  # noqa: S704 - see above


def _counts(found: FactorMap) -> dict[str, int]:
    active = [f for f in found.factors if f.active]
    by_status = {status: sum(f.status == status for f in active) for status in _RANK}
    return {"latents": len(found.factors), "active": len(active), **by_status}


def _rows(found: FactorMap, shown: Selection) -> list[tuple[Factor, str]]:
    """(factor, half) of the table's lines: every named half of an active factor, and both halves of those shown."""
    drawn = {f.factor for f in shown.factors}
    return [
        (f, half)
        for f in found.factors
        for half in HALVES
        if f.active and (f.factor in drawn or f.reading(half).status != "undecoded")
    ]


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
