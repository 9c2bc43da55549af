"""Cold starts by keywords, as a test reads best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.coldstarts.coldstart import ColdStart, Draws, sample_coldstart
from service.coldstarts.picks import Pick
from service.engine import LoadedBundle
from service.query import Query

DRAWN = frozenset({"samples", "seed", "diversity"})


def started(loaded: LoadedBundle, picks: Sequence[Pick], **said: Any) -> ColdStart:
    """sample_coldstart with the members of Query and Draws given by name; what is not said is as by default."""
    draws = Draws(**{name: value for name, value in said.items() if name in DRAWN})
    query = Query(**{"history": (), **{name: value for name, value in said.items() if name not in DRAWN}})
    return sample_coldstart(loaded, picks, query=query, draws=draws)
