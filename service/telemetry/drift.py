"""How sure the model is of what it lists, measured in the bundle's own units: are scores drifting?

The measure of one list is ln p of its first item, p its softmax over the whole catalogue: it does not move when a
constant is added to all logits, and needs nothing that a reply does not hold anyway. The units come from the golden
cases: their made-up histories, asked like anybody's, give a middle and a half range of ln p. `position` is the distance
from that middle in half ranges, so that figures of one bundle can be laid beside those of the next (docs/adr/0019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from service.engine import LoadedBundle
from service.errors import ServiceError
from service.query import Query

LEAST_HALF = 0.1
"""In nats. Golden cases that agree more closely than this give no unit that noise would not fill."""


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """Where ln p of the first item lies for the golden histories of one bundle: middle and half range, in nats."""

    middle: float
    half: float

    def position(self, probability: float) -> float | None:
        """The place of a list whose first item has this probability: 0 the middle, -1 and 1 the ends of the range.

        Below: the model is less sure than of any golden history, as it is of items picked blindly. None for p = 0.
        """
        return (math.log(probability) - self.middle) / self.half if probability > 0 else None


def score_range(loaded: LoadedBundle) -> ScoreRange | None:
    """The range of a bundle's golden histories, of those that are not empty and under no condition.

    Costs one list each (there are 7 in a bundle of ours). None where the bundle has no such case.
    """
    asked = [Query(case.history, n=1) for case in loaded.manifest.golden if case.history and not case.condition]
    answers = [answer for answer in loaded.recommend_batch(asked) if not isinstance(answer, ServiceError)]
    first = [answer.items[0].probability for answer in answers if answer.items]
    return range_of([math.log(probability) for probability in first if probability > 0])


def range_of(certainties: Sequence[float]) -> ScoreRange | None:
    """The middle and half range of values of ln p; None of none."""
    if not certainties:
        return None
    low, high = min(certainties), max(certainties)
    return ScoreRange(middle=(low + high) / 2, half=max((high - low) / 2, LEAST_HALF))
