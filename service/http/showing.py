"""From the engine's indices to the wire: ids, titles, the fields asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bundle.catalogue import Attribute, Catalogue
from service.engine import LoadedBundle
from service.errors import FieldError, InvalidRequestError
from service.http.asking import Steering
from service.query import Ranking
from service.schemas.base import Shown
from service.schemas.recommend import RESERVED
from service.schemas.steering import LockedDrift, MeanMoved, ShareMoved, SteeringFound
from service.steering.outcome import outcome_of

TITLE = "title"
UNFOLLOWED = "nothing of the stored preferences can be followed by this bundle"
CANCELLED = "the pushes cancel out exactly, so nothing moves: this is the list without steering"
Fields = Callable[[int], dict[str, Any]]
"""item_ix -> field -> Shown (Any, because it goes into a model as its extra members)."""


def title_of(catalogue: Catalogue, item_ix: int) -> str | None:
    """The item's title, or None."""
    return catalogue.titles[item_ix]


def field_names(catalogue: Catalogue) -> list[str]:
    """All that can be asked for in `fields`: the title and the columns of the attributes."""
    return [TITLE, *(a.field for a in catalogue.attributes if a.field not in RESERVED | {TITLE})]


def fields_of(catalogue: Catalogue, names: Sequence[str]) -> Fields:
    """A function item_ix -> the named fields. Raises InvalidRequestError for a field that the items do not have."""
    columns: dict[str, Attribute] = {a.field: a for a in catalogue.attributes}
    allowed = field_names(catalogue)
    missing = [place for place, name in enumerate(names) if name not in allowed]
    if missing:
        detail = f"the items have no such field; they have {', '.join(allowed)}"
        raise InvalidRequestError(detail, errors=[FieldError(f"/fields/{place}", detail) for place in missing])

    def show(item_ix: int) -> dict[str, Any]:
        return {
            name: catalogue.titles[item_ix] if name == TITLE else _plain(columns[name].shown(item_ix)) for name in names
        }

    return show


@dataclass(frozen=True, slots=True)
class Lists:
    """One query's lists: as asked for; before, without its steering (None: nothing was moved, so there is no other);
    unlocked, without its locks alone (None: there are none, or that list cannot be had)."""

    after: Ranking
    before: Ranking | None = None
    unlocked: Ranking | None = None


def steering_found(loaded: LoadedBundle, steering: Steering | None, lists: Lists) -> SteeringFound | None:
    """What a steering changed."""
    if steering is None:
        return None
    found = outcome_of(loaded, steering.terms, lists.before or lists.after, lists.after, unlocked=lists.unlocked)
    ids, unmoved = loaded.catalogue.ids, CANCELLED if steering.terms.asks else UNFOLLOWED
    return SteeringFound(
        source=steering.source,
        compared_with=found.compared_with,
        items_in=[ids[ix] for ix in found.items_in],
        items_out=[ids[ix] for ix in found.items_out],
        shares=[ShareMoved(**asdict(share)) for share in found.shares],
        means=[MeanMoved(**asdict(mean)) for mean in found.means],
        locked=[LockedDrift(**asdict(drift)) for drift in found.locked],
        ignored=list(steering.ignored),
        note=found.note if lists.before is not None else unmoved,
    )


def _plain(value: list[str] | str | float | None) -> Shown:
    """A whole number without its .0: a year is 1995."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
