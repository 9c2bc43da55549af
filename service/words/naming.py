"""Items, values and places in factors put into the words of a table: the parts of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from service.engine import LoadedBundle
from service.explaining.explanation import FactorContribution, ProfileFactor
from service.query import Condition
from service.words import thresholds
from service.words.choice import Steered, steered_of
from service.words.phrases import Phrases

Placed = FactorContribution | ProfileFactor
DECADE = re.compile(r"\d{3}0s")


class Naming:
    """The names in one bundle, in the words of one table. asked: a condition that moves the factors, or None."""

    def __init__(self, loaded: LoadedBundle, phrases: Phrases, *, asked: bool) -> None:
        self._loaded, self._phrases, self._asked = loaded, phrases, asked

    def titles(self, items: Iterable[int]) -> str:
        """ "Alien and Blade Runner": the items' titles, or ids where there is none."""
        catalogue, words = self._loaded.catalogue, self._phrases
        return words.both.of([words.title(catalogue.titles[ix], catalogue.ids[ix]) for ix in items])

    def values(self, condition: Condition) -> str:
        """ "Comedy or Drama": what a condition asks for."""
        attribute, words = self._loaded.condition_attribute, self._phrases
        assert attribute is not None  # a condition was made from its values
        named = [self._value(attribute.name, attribute.values[v]) for v in condition.values]
        listing = words.either if condition.match == "any" else words.both
        if len(named) <= thresholds.NAMED_VALUES:
            return listing.of(named)
        return words.fill(words.others, named=listing.open(named[: thresholds.NAMED_VALUES]))

    def meaning(self, factor: Placed) -> str:
        """ "Comedy", "the 1980s", "rating 3.84 to 5": what the half is read as, surely or not (not undecoded)."""
        assert factor.attribute is not None
        if factor.value is None:
            return self._phrases.fill(self._phrases.attribute_alone, attribute=self._phrases.line(factor.attribute))
        return self._value(factor.attribute, factor.value)

    def clauses(self, factors: Sequence[Placed]) -> str:
        """ "you lean to Comedy (factor 0, top 6 % of users) and the 1980s (...)"; those of one kind share a verb."""
        words, said = self._phrases, list[str]()
        kinds = [(self._verb(factor), factor) for factor in factors]
        for verb in dict.fromkeys(verb for verb, _ in kinds):
            alike = [factor for other, factor in kinds if other == verb]
            if verb is None:
                said += [self._unnamed(factor) for factor in alike]
            elif verb in {words.steered, words.steered_further}:
                said.append(words.fill(verb, moves=words.both.of([self._moved(factor) for factor in alike])))
            else:
                against = [factor for factor in alike if self._steered(factor) == "against"]
                for some in (against, [factor for factor in alike if factor not in against]):
                    if some:
                        clause = words.fill(verb, leanings=words.both.of([self._leaning(factor) for factor in some]))
                        said.append(words.fill(words.even_steered, clause=clause) if some is against else clause)
        clause = words.both.of(said)
        return words.fill(words.as_asked, clause=clause) if self._asked else clause

    def worth_naming(self, factors: Sequence[ProfileFactor]) -> list[ProfileFactor]:
        """The most unusual places that are read as different things, at most so many as a profile names; not empty.

        factors: the most unusual first, at least one. A half whose value no item of the history has comes behind every
        unusual one of which that is not so, and then not at all.
        """
        distinct = {(factor.attribute, factor.value): factor for factor in reversed(factors)}
        told = [factor for factor in factors if distinct[factor.attribute, factor.value] is factor]
        borne = [factor for factor in told if not self._is_elsewhere(factor) or self.is_steered(factor)]
        if borne and (share_out(borne[0]) <= thresholds.LEANS or borne[0] is told[0]):
            told = borne
        return told[: 1 + thresholds.NAMED_FACTORS]

    def behind(self, factor: ProfileFactor) -> list[int]:
        """The items that show a leaning: not one of steering's, and none that does not have what it is read as."""
        if self.is_steered(factor) or self._is_elsewhere(factor):
            return []
        pulling = [item for item in factor.items if item.has is not False and abs(item.pull) >= thresholds.PULLS]
        return [item.item_ix for item in pulling[: thresholds.NAMED_ITEMS]]

    def _is_elsewhere(self, factor: Placed) -> bool:
        """Whether the half is read as what is known not to be there: in the item, or (a profile) in the history.

        A condition that moves the factors has put somebody where they asked to be: that is not their history's.
        """
        if isinstance(factor, FactorContribution):
            return factor.item_has is False
        return factor.in_history is False and not self._asked

    def is_steered(self, factor: Placed) -> bool:
        """Whether steering moved somebody to their place, or further out."""
        return self._steered(factor) in {"there", "further"}

    def _steered(self, factor: Placed) -> Steered:
        return steered_of(factor, self._loaded.factors.factors[factor.factor])

    def _value(self, attribute: str, value: str) -> str:
        """A number's bin is named with its attribute ("rating 3.84 to 5"); a decade speaks for itself."""
        found, words = self._loaded.catalogue.attribute(attribute), self._phrases
        if found is None or found.kind != "numeric":
            return words.fill(words.value, value=words.line(value))
        if DECADE.fullmatch(value):
            return words.fill(words.value_of_decade, value=value)
        return words.fill(words.value_of_number, attribute=words.line(attribute), value=words.line(value))

    def _verb(self, factor: Placed) -> str | None:
        """The template of a leaning; None for a factor that cannot be told as one."""
        words = self._phrases
        if factor.attribute is None or (isinstance(factor, FactorContribution) and self._is_elsewhere(factor)):
            return None
        steered = self._steered(factor)
        if steered in {"there", "further"}:
            return words.steered if steered == "there" else words.steered_further
        if self._is_elsewhere(factor):
            return words.lies
        return words.leans if share_out(factor) <= thresholds.LEANS else words.leans_slightly

    def _leaning(self, factor: Placed) -> str:
        words = self._phrases
        share = words.percent(share_out(factor))
        return words.fill(words.leaning, meaning=self._read_as(factor), factor=factor.factor, share=share)

    def _moved(self, factor: Placed) -> str:
        words = self._phrases
        return words.fill(words.moved, meaning=self._read_as(factor), factor=factor.factor, sd=self._sd(factor))

    def _read_as(self, factor: Placed) -> str:
        """Its meaning; of an ambiguous half: what may be it."""
        meaning = self.meaning(factor)
        return self._phrases.fill(self._phrases.perhaps, meaning=meaning) if factor.status == "ambiguous" else meaning

    def _unnamed(self, factor: Placed) -> str:
        """Of a factor that is not decoded, or is read as something that the item is not."""
        said = self._placed(factor)
        return (
            self._phrases.fill(self._phrases.even_steered, clause=said) if self._steered(factor) == "against" else said
        )

    def _placed(self, factor: Placed) -> str:
        words, share = self._phrases, self._phrases.percent(share_out(factor))
        if factor.attribute is None:
            if self.is_steered(factor):
                return words.fill(words.steered_undecoded, factor=factor.factor, sd=self._sd(factor))
            template = words.top_undecoded if factor.half == "positive" else words.bottom_undecoded
            return words.fill(template, factor=factor.factor, share=share)
        tie = words.fill(words.maybe if factor.status == "ambiguous" else words.usually, meaning=self.meaning(factor))
        if self.is_steered(factor):
            return words.fill(words.steered_elsewhere, factor=factor.factor, sd=self._sd(factor), tie=tie)
        template = words.top_elsewhere if factor.half == "positive" else words.bottom_elsewhere
        return words.fill(template, factor=factor.factor, share=share, tie=tie)

    def _sd(self, factor: Placed) -> str:
        return self._phrases.tenths(abs(factor.shifted))


def share_out(factor: Placed) -> float:
    """Percent of the training users who lie as far out in that half or further, 0..50."""
    return 100.0 - factor.percentile if factor.half == "positive" else factor.percentile
