"""What is found of one user: the lines of a file that stays beside the runs, never in a page."""

from __future__ import annotations

import msgspec

Curve = dict[str, list[float]]
"""Measure -> its value at j = 1..K; its mean over the first k is the figure `measure@k`."""

MEASURES = ("del", "ins", "pos", "neg", "log del", "log ins")
"""As explaining.fidelity has them: the target's probability over that with everything there, without the first j of an
order and with only the first j; whether the target is in the list without the first, and without the last j. The last
two are logarithms of the first two."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Frozen, nothing unknown accepted."""


class Residuals(_Part, frozen=True):
    """What the parts miss of the score of every item of one list. situation: how the list was asked for.

    latent, history            |residual| / |score - base|, in the view by factors and in that by history items
    latent_left, history_left  |residual| itself
    """

    situation: str
    latent: list[float]
    history: list[float]
    latent_left: list[float]
    history_left: list[float]


class Removal(_Part, frozen=True):
    """The counterfactual of one item of the list.

    rank     of the item, from 1
    size     how many history items are removed; 0 = no set was found
    offered  the set works only where its own items may be listed, as a plain request without them lists them
    valid    as the service says; confirmed: as a request without the set says, asked here
    changed  items of the list that are others without the set, the item itself included
    runs     histories that the model was asked to score
    cost     seconds of CPU over those that the list took
    """

    rank: int
    size: int
    offered: bool
    valid: bool
    confirmed: bool
    changed: int
    runs: int
    cost: float


class UserFound(_Part, frozen=True):
    """row: of the user in the held-out part; length: of the history; history, factors: order -> curve.

    widened  of an item without a set, where one was looked for further: how many items that search removes, 0 = none
    """

    row: int
    length: int
    residuals: list[Residuals]
    history: dict[str, Curve]
    factors: dict[str, Curve]
    removals: list[Removal]
    widened: list[int]
