"""What the map does not know, in plain words. Written into the map itself, so that every reader of it is told."""

from __future__ import annotations

from collections.abc import Sequence

from bundle.factors import Factor
from training.decode.attribute_table import AttributeTable
from training.decode.evidence import HalfRecord
from training.decode.magnitude_of_change import HALVES
from training.decode.options import DecodeOptions
from training.decode.stability import Stability

_FEW = 16  # latents that a small model has
_NAMED = 20  # factors listed by number before "and n more"


def map_notes(
    factors: Sequence[Factor], records: Sequence[HalfRecord], table: AttributeTable, options: DecodeOptions
) -> tuple[str, ...]:
    """The limits of this map, one sentence or two each; never empty."""
    notes = list(table.left_out)
    if not table.columns:
        notes.insert(
            0, "The items have no attribute that can be decoded: no factor has a name. The model is unaffected."
        )
    notes += _inactive(factors)
    notes += _came_to_nothing(factors)
    if table.columns:
        notes += _undecoded(factors, options)
        notes += _crowded(factors)
        notes += _ambiguous(factors, records)
        notes += _resolution(len(records) * len(table.columns), options)
        notes.append(
            f"{options.level:.0%} of the cells called significant are expected to be false (false discovery rate). "
            "A reading is an association between a factor and the items' attributes, not a cause."
        )
    return tuple(notes)


def stability_notes(stable: Stability, options: DecodeOptions) -> tuple[str, ...]:
    """Whether another training would say the same; nothing when no half has a name."""
    named = [(f, half) for f in stable.factors for half in HALVES if f.reading(half).attribute is not None]
    if not named:
        return ()
    measured = [f.reading(half).stability for f, half in named]
    known = [share for share in measured if share is not None]
    if not known:
        return (
            "Stability was not measured: another training of the same model may read its factors otherwise "
            "(prismrec decode --seeds 5 trains it again and says how much).",
        )
    notes = [
        f"Over {options.seeds} retrainings with other seeds the {len(named)} named halves read the same in "
        f"{sum(known) / len(known):.0%} of the cases; factors matched by lot would in "
        f"{stable.settings['stability_by_chance']:.0%}. Neighbouring bins of a number count as the same."
    ]
    moved = [f"{f.factor} ({half})" for f, half in named if f.reading(half).unstable]
    if moved:
        notes.append(
            f"{len(moved)} halves are called ambiguous because fewer than {options.min_stability:.0%} of the "
            f"retrainings read the same there: {_listed(moved)}. What they are named is true of this training, and "
            "need not be of the data."
        )
    return tuple(notes)


def disagrees(record: HalfRecord) -> bool:
    """Whether the half's reading rests on an attribute whose two methods name different values."""
    return any(c.evidence.attribute == record.reading.attribute and not c.agrees for c in record.claims)


def _inactive(factors: Sequence[Factor]) -> list[str]:
    dead = [f.factor for f in factors if not f.active]
    if not dead:
        return []
    if len(dead) == len(factors):
        return ["No dimension is active: the model has collapsed to one list for everybody and nothing can be decoded."]
    return [f"{len(dead)} of {len(factors)} dimensions are inactive and carry nothing: {_listed(dead)}."]


def _came_to_nothing(factors: Sequence[Factor]) -> list[str]:
    missed = [f.guide for f in factors if f.guide is not None and not f.active]
    if not missed:
        return []
    named = _listed(
        [guide.attribute if guide.value is None else f"{guide.attribute} = {guide.value}" for guide in missed]
    )
    were = "1 factor was" if len(missed) == 1 else f"{len(missed)} factors were"
    return [
        f"{were} tied to attributes in training of which the latents then said no more than chance could: {named}. "
        "These factors are inactive; more users, fewer latents or fewer attributes may help."
    ]


def _undecoded(factors: Sequence[Factor], options: DecodeOptions) -> list[str]:
    silent = [f.factor for f in factors if f.active and f.status == "undecoded"]
    if not silent:
        return []
    many = "1 active factor is" if len(silent) == 1 else f"{len(silent)} active factors are"
    return [
        f"{many} not decoded: moving them changes no attribute more than chance would "
        f"(q > {options.level:g}) or by too little to be worth a name (less than {options.min_effect:g} bits, "
        f"and no value to {options.min_growth:g} times its share): "
        f"{_listed(silent)}. They may still matter for the recommendations."
    ]


def _crowded(factors: Sequence[Factor]) -> list[str]:
    active = [f for f in factors if f.active]
    silent = sum(f.status == "undecoded" for f in active)
    if 2 * silent <= len(active) or len(active) <= _FEW:
        return []
    tied = sum(f.guide is not None for f in active)
    if tied:
        free = sum(f.guide is None for f in factors)
        return [
            f"{tied} factors were tied to the items' attributes in training, the other {free} are free: "
            "they hold what the attributes do not say, and most of that has no name here."
        ]
    return [
        f"Most of the {len(active)} active factors cannot be read. A smaller latent space is easier to read, often "
        f"at no cost to the lists: train with latent = {_FEW}, or with a larger beta_cap, and compare."
    ]


def _ambiguous(factors: Sequence[Factor], records: Sequence[HalfRecord]) -> list[str]:
    notes = []
    unsure = [f.factor for f in factors if f.status == "ambiguous" and not f.reading(f.half).unstable]
    if unsure:
        many = f"{len(unsure)} factors are" if len(unsure) > 1 else "1 factor is"
        notes.append(f"{many} ambiguous, the name is one of several that fit: {_listed(unsure)}.")
    split = [f"{r.factor} ({r.half})" for r in records if disagrees(r)]
    if split:
        notes.append(
            "The two methods name different values for these halves, which are called ambiguous for that reason: "
            f"{_listed(split)}."
        )
    return notes


def _resolution(n_cells: int, options: DecodeOptions) -> list[str]:
    needed = n_cells / (options.level * (options.permutations + 1))
    if needed <= 2:
        return []
    return [
        f"With {options.permutations} shuffles the smallest p-value is {1 / (options.permutations + 1):.2g}: of "
        f"{n_cells} cells at least {int(needed) + 1} must reach it before any is called significant."
    ]


def _listed(names: Sequence[object]) -> str:
    shown = ", ".join(str(n) for n in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
