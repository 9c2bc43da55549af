"""The form of a table of words: one field for each thing that is said, with the places that its text may fill.

A language is one such table. Whole clauses are templates, so a translation is free in its order of words, and nothing
of a language is in the code: lists and plurals follow the patterns of Unicode CLDR, which ICU's MessageFormat and
Fluent use, too (docs/adr/0016-words-as-a-table.md).
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, get_type_hints

from service.words.thresholds import TITLE_LENGTH

_SETTINGS = frozenset({"language", "plural", "decimal"})


@dataclass(frozen=True, slots=True)
class Listing:
    """How a list is said: "A", "A and B" (two), "A, B and C" (comma, last)."""

    two: str
    comma: str
    last: str

    def of(self, parts: Sequence[str]) -> str:
        if len(parts) < 2:
            return "".join(parts)
        if len(parts) == 2:
            return _filled(self.two, a=parts[0], b=parts[1])
        return _filled(self.last, a=self.open(parts[:-1]), b=parts[-1])

    def open(self, parts: Sequence[str]) -> str:
        """ "A, B": of a list that goes on."""
        start = parts[0]
        for part in parts[1:]:
            start = _filled(self.comma, a=start, b=part)
        return start


@dataclass(frozen=True, slots=True)
class Plural:
    """A text for each CLDR plural category of a number that the language tells apart; "other" is always there."""

    other: str
    one: str | None = None
    zero: str | None = None
    two: str | None = None
    few: str | None = None
    many: str | None = None

    def of(self, category: str) -> str:
        return getattr(self, category) or self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One language; the sentences are put together in service.words.sentences.

    Each field's annotation names the places that its text must fill, all of them and no others: ValueError for a table
    that does not.

    language  its BCP 47 tag
    plural    the CLDR category of a number ("one", "other", ...)
    decimal   the mark before the tenths
    """

    language: str
    plural: Callable[[int], str]
    decimal: str

    # names
    both: Listing  # A and B
    either: Listing  # A or B
    clauses: Listing  # reasons, each a clause
    then: Annotated[str, "first", "second"]
    stop: Annotated[str, "sentence"]
    next: Annotated[str, "first", "second"]
    others: Annotated[str, "named"]
    item_without_title: Annotated[str, "id"]
    shortened: Annotated[str, "title"]
    value: Annotated[str, "value"]
    value_of_number: Annotated[str, "attribute", "value"]
    value_of_decade: Annotated[str, "value"]
    attribute_alone: Annotated[str, "attribute"]
    perhaps: Annotated[str, "meaning"]
    usually: Annotated[str, "meaning"]
    maybe: Annotated[str, "meaning"]

    # where somebody lies
    leaning: Annotated[str, "meaning", "factor", "share"]
    moved: Annotated[str, "meaning", "factor", "sd"]
    leans: Annotated[str, "leanings"]
    leans_slightly: Annotated[str, "leanings"]
    steered: Annotated[str, "moves"]
    steered_undecoded: Annotated[str, "factor", "sd"]
    steered_elsewhere: Annotated[str, "factor", "sd", "tie"]
    steered_further: Annotated[str, "moves"]
    even_steered: Annotated[str, "clause"]
    lies: Annotated[str, "leanings"]
    top_undecoded: Annotated[str, "factor", "share"]
    bottom_undecoded: Annotated[str, "factor", "share"]
    top_elsewhere: Annotated[str, "factor", "share", "tie"]
    bottom_elsewhere: Annotated[str, "factor", "share", "tie"]
    as_asked: Annotated[str, "clause"]

    # the reasons of a score
    mostly: Annotated[str, "reason"]
    partly: Annotated[str, "reason"]
    weakly: Annotated[str, "reason"]
    straight_from: Annotated[str, "titles"]
    straight_evenly: str
    steering: str
    common: Annotated[str, "factor"]
    spread: str
    unsupported: str
    count_most: Annotated[Plural, "titles"]
    count_a_little: Annotated[Plural, "titles"]
    none_stands_out: str
    recommended: Annotated[str, "reasons"]
    recommended_weakly: Annotated[str, "reasons"]
    popular: str

    # what was asked for, before the other reasons
    asked_most: Annotated[str, "values", "reasons"]
    asked: Annotated[str, "values", "reasons"]
    asked_alone: Annotated[str, "values"]
    asked_in_factors: Annotated[str, "values", "reasons"]
    asked_only: Annotated[str, "values", "reasons"]
    asked_other: Annotated[str, "values", "reasons"]

    # of one item that is asked about
    ranked: Annotated[str, "rank", "reasons"]
    ranked_weakly: Annotated[str, "rank", "reasons"]
    ranked_below: Annotated[str, "rank", "reasons"]
    seen: Annotated[str, "reasons"]
    left_out: Annotated[str, "reasons"]
    not_as_asked: Annotated[str, "reasons"]
    against: Annotated[str, "reason"]
    away: str
    lowered: str
    without_that: Annotated[str, "then"]
    without_those_two: Annotated[str, "then"]
    without: Annotated[str, "titles", "then"]
    without_some_offered: Annotated[str, "titles", "offered", "then"]
    without_all_offered: Annotated[Plural, "titles", "then"]
    leaves: str
    replaced: Annotated[str, "title"]

    # a profile
    profile: Annotated[str, "clause"]
    profile_shown: Annotated[Plural, "clause", "titles"]
    profile_also: Annotated[str, "clauses"]
    profile_undecoded: Annotated[Plural, "n"]
    profile_nothing: Annotated[Plural, "n"]

    def __post_init__(self) -> None:
        for name, form in get_type_hints(type(self), include_extras=True).items():
            places = set(getattr(form, "__metadata__", ("a", "b") if form is Listing else ()))
            for text in _texts(getattr(self, name)) if name not in _SETTINGS else ():
                found = {place for _, place, _, _ in string.Formatter().parse(text) if place is not None}
                if found != places:
                    raise ValueError(f"{self.language}: {name} fills {sorted(found)}, it must fill {sorted(places)}")

    def fill(self, template: str | Plural, *, count: int = 1, **places: str | int) -> str:
        """The text with its places filled; of a Plural the one for `count`."""
        text = template if isinstance(template, str) else template.of(self.plural(count))
        return _filled(text, **places)

    def percent(self, value: float) -> int:
        """Whole percent, never 0: somebody is always there."""
        return max(1, round(value))

    def tenths(self, value: float) -> str:
        """With one decimal: 1.5."""
        return f"{value:.1f}".replace(".", self.decimal)

    def title(self, title: str | None, item_id: str) -> str:
        """One line of at most TITLE_LENGTH characters; an item without a title is named by its id."""
        line = self.line(title or "")
        return line or self.fill(self.item_without_title, id=self.line(item_id))

    def line(self, text: str) -> str:
        """The text in one line, without what cannot be printed; shortened where it is very long."""
        line = "".join(c for c in " ".join(text.split()) if c.isprintable()).strip()
        if len(line) <= TITLE_LENGTH:
            return line
        return self.fill(self.shortened, title=line[: TITLE_LENGTH - 1].rstrip())


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    assert isinstance(value, Listing | Plural)
    parts = [getattr(value, f.name) for f in dataclasses.fields(value)]
    return [part for part in parts if part is not None]


def _filled(text: str, **places: str | int) -> str:
    return text.format_map(places)
