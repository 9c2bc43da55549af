"""Sentences made from an explanation's numbers and nothing else, in the words of a table.

They tell what the model's score goes with: association within the model. Nobody's taste is claimed to cause anything,
and "because" is the model's: these parts make up its score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from service.engine import LoadedBundle
from service.explaining.counterfactual import Counterfactual
from service.explaining.explanation import ItemExplanation, Profile
from service.query import Query
from service.words import thresholds
from service.words.choice import Parts, Shown, named_of, shown_of
from service.words.english import ENGLISH
from service.words.naming import Naming
from service.words.phrases import Phrases


class Sentences:
    """The sentences on one query's answer. Tables of words: service.words.phrases."""

    def __init__(self, loaded: LoadedBundle, query: Query, phrases: Phrases = ENGLISH) -> None:
        self._loaded, self._query, self._words = loaded, query, phrases
        condition = query.condition
        self._by_factors = condition is not None and condition.is_soft and loaded.manifest.graphs.linear is None
        self._naming = Naming(loaded, phrases, asked=self._by_factors)

    def popular(self) -> str:
        """Of an item of a popularity list, which only a mask can have narrowed."""
        words, condition = self._words, self._query.condition
        reasons = words.popular
        if condition is not None:
            reasons = words.fill(words.asked_only, values=self._naming.values(condition), reasons=reasons)
        return self._stopped(words.fill(words.recommended, reasons=reasons))

    def of_reasons(self, item_ix: int, gain: float, parts: Parts) -> str:
        """The short sentence that goes with an item of a list. gain: what the condition adds to its score."""
        words, told = self._words, _Told(parts)
        head = words.recommended_weakly if self._is_weak(told, gain) else words.recommended
        said = words.fill(head, reasons=self._reasons(item_ix, gain, told))
        return self._stopped(self._then(said, self._counts(told)))

    def of_item(self, explained: ItemExplanation, parts: Parts) -> str:
        """One sentence on an item's score, with its counterfactual where there is a valid one."""
        told = _Told(parts)
        reasons = self._reasons(explained.item_ix, explained.condition_gain, told)
        said = self._then(self._headed(explained, told, reasons), self._counts(told))
        if not self._is_listed(explained):
            said = self._then(said, self._against(told))
        if explained.counterfactual is not None and explained.counterfactual.valid:
            said = self._then(said, self._without(explained.counterfactual, told.shown.items))
        return self._stopped(said)

    def of_profile(self, found: Profile) -> str:
        """One sentence on the most unusual places that are read as different things, one on how many are not read."""
        words, n = self._words, len(found.undecoded)
        if not found.factors:
            return self._stopped(words.fill(words.profile_nothing, count=n, n=n))
        top, *rest = self._naming.worth_naming(found.factors)
        clause, behind = self._naming.clauses([top]), self._naming.behind(top)
        if behind:
            titles = self._naming.titles(behind)
            said = words.fill(words.profile_shown, count=len(behind), clause=clause, titles=titles)
        else:
            said = words.fill(words.profile, clause=clause)
        if self._by_factors and self._query.condition is not None:
            asked = self._naming.values(self._query.condition)
            said = words.fill(words.asked_in_factors, values=asked, reasons=said)
        if rest:
            said = self._then(said, words.fill(words.profile_also, clauses=self._naming.clauses(rest)))
        said = self._stopped(said)
        if not n:
            return said
        hidden = words.fill(words.profile_undecoded, count=n, n=n)
        return words.fill(words.next, first=said, second=hidden)

    def _reasons(self, item_ix: int, gain: float, told: _Told) -> str:
        """ "mostly because you lean to Comedy (...), and partly because your history points straight to it"."""
        words = self._words
        reasons = self._degreed(told)
        said = words.clauses.of(reasons) if reasons else words.unsupported
        condition = self._query.condition
        if condition is None:
            return said
        asked = self._naming.values(condition)
        if not self._loaded.satisfied(condition, [item_ix]):
            return words.fill(words.asked_other, values=asked, reasons=said)
        if not condition.is_soft:
            return words.fill(words.asked_only, values=asked, reasons=said)
        if self._by_factors or gain <= 0:
            return words.fill(words.asked_in_factors, values=asked, reasons=said)
        if not reasons:
            return words.fill(words.asked_alone, values=asked)
        much = gain >= thresholds.MOSTLY * (gain + told.parts.total)
        return words.fill(words.asked_most if much else words.asked, values=asked, reasons=said)

    def _degreed(self, told: _Told) -> list[str]:
        """Each reason with its degree, the largest first."""
        parts, found, said = told.parts, list[tuple[float, str]](), bool(told.named) and told.says_factors
        if said:
            found.append((told.factor_share, self._naming.clauses(told.named)))
        steered = parts.share(parts.steered)
        if steered >= thresholds.STEERING and not (said and any(self._naming.is_steered(f) for f in told.named)):
            found.append((steered, self._words.steering))
        if told.says_common:
            found.append((told.common_share, self._words.fill(self._words.common, factor=parts.common_factor or 0)))
        if told.says_direct:
            found.append((told.direct_share, self._straight(told.shown)))
        while len(found) > thresholds.NAMED_REASONS:
            found.remove(min(one for one in found if one[1] != self._words.steering))
        reasons = [self._because(share, reason) for share, reason in sorted(found, key=lambda one: -one[0])]
        alone = len(found) == 1 and thresholds.degree_of(found[0][0]) == "partly"
        return [*reasons, self._words.spread] if alone else reasons

    def _because(self, share: float, reason: str) -> str:
        words = self._words
        templates = {"mostly": words.mostly, "partly": words.partly, "weakly": words.weakly}
        return words.fill(templates[thresholds.degree_of(share)], reason=reason)

    def _is_weak(self, told: _Told, gain: float) -> bool:
        """Whether no reason carries enough to be "partly" one."""
        largest = max(
            told.factor_share,
            told.direct_share,
            told.parts.share(told.parts.steered),
            told.common_share if told.says_common else 0.0,
        )
        return told.parts.total > 0 and gain <= 0 and thresholds.degree_of(largest) == "weakly"

    def _straight(self, shown: Shown) -> str:
        words = self._words
        if shown.standing == "none":
            return words.straight_evenly
        return words.fill(words.straight_from, titles=self._naming.titles(shown.items))

    def _counts(self, told: _Told) -> str:
        """What the history's items carry, unless the reasons have named them already."""
        words, shown = self._words, told.shown
        if not told.parts.history or told.says_direct:
            return ""
        if shown.standing == "none":
            return words.none_stands_out
        template = words.count_most if shown.standing == "most" else words.count_a_little
        return words.fill(template, count=len(shown.items), titles=self._naming.titles(shown.items))

    def _is_listed(self, explained: ItemExplanation) -> bool:
        return explained.rank is not None and explained.rank <= self._query.n

    def _headed(self, explained: ItemExplanation, told: _Told, reasons: str) -> str:
        words = self._words
        if explained.rank is None:
            why = {"seen": words.seen, "condition": words.not_as_asked}.get(explained.not_listed or "", words.left_out)
            return words.fill(why, reasons=reasons)
        if not self._is_listed(explained):
            return words.fill(words.ranked_below, rank=explained.rank, reasons=reasons)
        head = words.ranked_weakly if self._is_weak(told, explained.condition_gain) else words.ranked
        return words.fill(head, rank=explained.rank, reasons=reasons)

    def _against(self, told: _Told) -> str:
        """The largest of what speaks against an item, where it is more than what speaks for it."""
        parts = told.parts
        direct = min(0.0, parts.direct)
        if parts.opposing - direct <= parts.total:
            return ""
        worst = min((f for f in parts.factors if f.lean < 0), key=lambda f: f.lean, default=None)
        if direct < (0.0 if worst is None else worst.lean):
            reason = self._words.away
        else:
            reason = self._words.lowered if worst is None else self._naming.clauses([worst])
        return self._words.fill(self._words.against, reason=reason)

    def _without(self, found: Counterfactual, named: Sequence[int]) -> str:
        words, gone = self._words, found.remove
        if found.replacement is None:
            then = words.leaves
        else:
            then = words.fill(words.replaced, title=self._naming.titles([found.replacement]))
        if found.offered:
            return self._without_offered(found)
        if set(gone) == set(named) and len(gone) == 1:
            return words.fill(words.without_that, then=then)
        if set(gone) == set(named) and len(gone) == 2:
            return words.fill(words.without_those_two, then=then)
        return words.fill(words.without, titles=self._naming.titles(gone), then=then)

    def _without_offered(self, found: Counterfactual) -> str:
        """What takes its place are the items themselves, so no other replacement is named."""
        words, titles = self._words, self._naming.titles(found.remove)
        if set(found.offered) == set(found.remove):
            return words.fill(words.without_all_offered, count=len(found.remove), titles=titles, then=words.leaves)
        offered = self._naming.titles(found.offered)
        return words.fill(words.without_some_offered, titles=titles, offered=offered, then=words.leaves)

    def _then(self, first: str, second: str) -> str:
        return self._words.fill(self._words.then, first=first, second=second) if second else first

    def _stopped(self, said: str) -> str:
        """With a capital and a full stop."""
        return self._words.fill(self._words.stop, sentence=said[:1].upper() + said[1:])


class _Told:
    """What one item's parts come to: what is named, with which shares, and which reasons are said."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.named = named_of(parts.factors)
        self.shown = shown_of(parts)
        self.factor_share = parts.share(math.fsum(f.lean for f in self.named))
        self.direct_share = parts.share(parts.direct)
        self.common_share = parts.share(parts.common)

    @property
    def says_direct(self) -> bool:
        """Whether what the history adds past the factors is said."""
        return self.direct_share >= thresholds.SAID

    @property
    def says_common(self) -> bool:
        """Whether what most users get is: where it is partly the reason and the largest, or there is no other."""
        others = max(self.factor_share, self.direct_share)
        if self.common_share <= others:
            return False
        return self.common_share >= thresholds.PARTLY or others < thresholds.SAID

    @property
    def says_factors(self) -> bool:
        """Whether the factors named are: as a second reason only where they tell something, and carry enough."""
        if self.factor_share >= max(self.direct_share, self.common_share):
            return True
        telling = self.named[0].attribute is not None and self.named[0].item_has is not False
        return self.factor_share >= (thresholds.SAID if telling else thresholds.PARTLY)
