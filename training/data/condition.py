"""Which item attribute a conditioned model takes when nobody names one."""

from __future__ import annotations

from collections.abc import Mapping

from bundle.catalogue import Kind

DEFAULT = "genre"


def default_condition(kinds: Mapping[str, Kind]) -> str | None:
    """`genre` if it is among the attributes (name -> kind), else the only one that is not a number; None = unclear."""
    if DEFAULT in kinds:
        return DEFAULT
    labels = [name for name, kind in kinds.items() if kind != "numeric"]
    return labels[0] if len(labels) == 1 else None
