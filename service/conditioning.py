"""The conditions that a bundle can be asked for: what names them, what the model is told, which items satisfy them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bundle.catalogue import Attribute
from bundle.manifest import Manifest
from bundle.reader import Bundle
from service import ranking
from service.checks import listing
from service.errors import InvalidRequestError
from service.graphs import condition_row
from service.limits import LIMITS
from service.query import Condition, FloatArray, Match, Mode
from service.ranking import Mask

NO_ATTRIBUTE = "this model's items have no attribute to ask for"


class Conditioning:
    """Of one bundle. attribute: whose values conditions name; None: the items have none that could be asked for."""

    def __init__(self, bundle: Bundle) -> None:
        self._manifest = bundle.manifest
        self.attribute = _attribute(bundle)
        self._inputs = _inputs(bundle.manifest, self.attribute)

    @property
    def soft_values(self) -> tuple[str, ...]:
        """The values that the model has an input for."""
        return self._manifest.conditions.values

    def named(self, names: Sequence[str], *, match: Match, mode: Mode) -> Condition:
        """The condition of these value names; see LoadedBundle.condition."""
        if self.attribute is None:
            raise InvalidRequestError.field("/condition", NO_ATTRIBUTE)
        if not 1 <= len(names) <= LIMITS.condition_values:
            raise InvalidRequestError.field("/condition/genres", f"must name 1 to {LIMITS.condition_values} values")
        soft, values = mode in {"soft", "both"}, self.attribute.values
        if soft and not self.soft_values:
            raise InvalidRequestError.field(
                "/condition/mode", "this model has no condition input; only strict can be asked of it"
            )
        allowed = [v for v in values if not soft or v in set(self.soft_values)]
        found: dict[int, None] = {}
        for place, name in enumerate(names):
            if name not in allowed:
                wider = "; a strict condition may name any value" if len(allowed) < len(values) else ""
                detail = f"must be one of {listing(allowed)}{wider}"
                raise InvalidRequestError.field(f"/condition/genres/{place}", detail)
            found[values.index(name)] = None
        return Condition(tuple(sorted(found)), match=match, mode=mode)

    def check(self, condition: Condition) -> None:
        """Raise InvalidRequestError unless it names values of the attribute, and inputs of the model if it is soft."""
        if self.attribute is None:
            raise InvalidRequestError.field("/condition", NO_ATTRIBUTE)
        if not condition.values or any(not 0 <= v < len(self.attribute.values) for v in condition.values):
            raise InvalidRequestError.field("/condition", f"must name values of {self.attribute.name}")
        self._soft(condition)

    def row(self, condition: Condition | None) -> FloatArray:
        """The condition input float32 [n_conditions]: 1 for each value asked for.

        A model with a linear graph is asked for "all" of n values by 1/n in each: only an item that has them all
        sums to 1 (bundle.manifest.Graphs). So is a model that was trained so (Conditions.shares). Others never saw
        such a number in training, and get 1.
        """
        inputs, manifest = self._soft(condition), self._manifest
        knows = manifest.conditions.shares or manifest.graphs.linear is not None
        shared = condition is not None and condition.match == "all" and knows
        weight = 1.0 / len(set(inputs)) if shared and inputs else 1.0
        return condition_row(manifest.dims.n_conditions, inputs, weight)

    def rows(self, conditions: Sequence[Condition | None]) -> FloatArray:
        """float32 [B, n_conditions]."""
        rows = [self.row(condition) for condition in conditions]
        return np.stack(rows) if rows else np.zeros((0, self._manifest.dims.n_conditions), dtype=np.float32)

    def satisfying(self, condition: Condition | None) -> Mask | None:
        """[n_items]: which satisfy it; None without a condition, or an attribute."""
        if condition is None or self.attribute is None:
            return None
        return ranking.satisfies(self.attribute, condition)

    def _soft(self, condition: Condition | None) -> tuple[int, ...]:
        """The model inputs that a condition switches on."""
        if condition is None or not condition.is_soft:
            return ()
        if any(value not in self._inputs for value in condition.values):
            raise InvalidRequestError.field("/condition/mode", "the model has no input for this condition; use strict")
        return tuple(self._inputs[value] for value in condition.values)


def _attribute(bundle: Bundle) -> Attribute | None:
    """The model's, else "genre", else the first that is not numeric."""
    name = bundle.manifest.conditions.attribute
    if name is not None:
        return bundle.catalogue.attribute(name)
    named = [a for a in bundle.catalogue.attributes if a.kind != "numeric"]
    return bundle.catalogue.attribute("genre") or (named[0] if named else None)


def _inputs(manifest: Manifest, attribute: Attribute | None) -> dict[int, int]:
    """Value index of the attribute -> condition input of the model."""
    if attribute is None:
        return {}
    place = {value: v for v, value in enumerate(attribute.values)}
    return {place[value]: c for c, value in enumerate(manifest.conditions.values)}
