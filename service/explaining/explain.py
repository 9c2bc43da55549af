"""Why an item is (not) in a list: the score taken apart by factors and, as a second view, by history items."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service import checks, ranking
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.explaining.bases import bases_of
from service.explaining.counterfactual import find_counterfactual
from service.explaining.explanation import FactorContribution, HistoryContribution, ItemExplanation, ItemReasons
from service.explaining.fidelity import measure_factors, measure_fidelity
from service.explaining.places import Places
from service.limits import LIMITS
from service.query import Attribution, FloatArray, Query, RankedItem, Ranking
from service.words.choice import parts_of
from service.words.english import ENGLISH
from service.words.phrases import Phrases
from service.words.sentences import Sentences


@dataclass(frozen=True, slots=True)
class Extras:
    """What an explanation costs more for, each only on request, and the words of its sentence.

    fidelity_k None leaves fidelity out.
    """

    counterfactual: bool = False
    fidelity_k: int | None = None
    seed: int = 0
    phrases: Phrases = ENGLISH


NO_EXTRAS = Extras()


def explain_item(
    loaded: LoadedBundle,
    query: Query,
    item_ix: int,
    *,
    top_factors: int | None = None,
    extras: Extras = NO_EXTRAS,
) -> ItemExplanation:
    """Why `item_ix` scores as it does for the query (its n is the list length; its offset is ignored).

    Any item may be asked about: one already seen or masked is flagged, not refused. Closed form in z where the decoder
    has one tanh layer, so contributions and base add up to the score in float precision; `residual` states the rest
    (docs/science.md, Explanations). Cost: one run of each graph, and the extras.
    Raises UnknownItemError, InvalidRequestError (bounds; nothing to explain), NonFiniteScoreError.
    """
    query = dataclasses.replace(query, offset=0)
    _check_asked(loaded, query, item_ix, top_factors)
    mu = loaded.encode(query.history, query.condition)
    z, scores = query.moved(mu), loaded.scores(mu, query.history, query.condition, shift=query.shift)
    found = loaded.explainer(query.history, query.condition, query.shift, (item_ix,))
    places = Places(loaded, z, query.shift)
    told = _cut(_taken_apart(loaded, query, scores=scores, found=found, places=places), top_factors)
    factors = np.argsort(-found.latent[0], kind="stable").tolist()
    steered = told.score - float(_unsteered(loaded, query, mu, scores)[item_ix])
    parts = parts_of(places, item_ix, found.latent[0], told.history, steered=steered)
    told = _with_extras(loaded, query, told, extras, factors=factors, mu=mu)
    return dataclasses.replace(told, sentence=Sentences(loaded, query, extras.phrases).of_item(told, parts))


def explain_list(
    loaded: LoadedBundle, query: Query, answer: Ranking, *, top: int = 3, phrases: Phrases = ENGLISH
) -> tuple[ItemReasons, ...]:
    """The `top` largest contributions of both views for each item of a list, in its order.

    One explainer run for the whole list. A popularity list has no personal reasons: its sentences say so.
    """
    items, sentences = tuple(item.item_ix for item in answer.items), Sentences(loaded, query, phrases)
    if answer.z is None or not items:
        return tuple(_popular(item, sentences.popular()) for item in answer.items)
    found = loaded.explainer(query.history, query.condition, query.shift, items)
    places = Places(loaded, answer.z, query.shift)
    bases = bases_of(loaded, query, found, [item.score for item in answer.items])
    unsteered = None if query.shift is None else _unsteered(loaded, query, answer.z - query.shift, answer.z)
    reasons = []
    for k, (ix, base) in enumerate(zip(items, bases, strict=True)):
        factors = places.shares(ix, found.latent[k], _by_size(found.latent[k])[:top])
        history = _history_views(found, k)
        steered = 0.0 if unsteered is None else answer.items[k].score - float(unsteered[ix])
        parts = parts_of(places, ix, found.latent[k], history, steered=steered)
        reasons.append(
            ItemReasons(
                item_ix=ix,
                base_value=base.value,
                condition_gain=base.gain,
                factors=factors,
                other_factors=math.fsum((*found.latent[k].tolist(), *(-f.contribution for f in factors))),
                linear=math.fsum(h.linear for h in history),
                history=history[:top],
                sentence=sentences.of_reasons(ix, base.gain, parts),
            )
        )
    return tuple(reasons)


def _taken_apart(
    loaded: LoadedBundle, query: Query, *, scores: FloatArray, found: Attribution, places: Places
) -> ItemExplanation:
    """Both views of the score of the one item of `found`, with all factors; no sentence yet. scores [n_items]."""
    (item_ix,) = found.items
    score = float(scores[item_ix])
    base = bases_of(loaded, query, found, [score])[0]
    views = places.shares(item_ix, found.latent[0], _by_size(found.latent[0]))
    history = _history_views(found, 0)
    direct = math.fsum(h.linear for h in history)
    not_listed = _not_listed(loaded, query, item_ix)
    return ItemExplanation(
        item_ix=item_ix,
        score=score,
        probability=float(np.exp(score - ranking.log_normaliser(scores))),
        rank=None if not_listed else int(ranking.ranks_of(item_ix, scores[None, :], loaded.allowed(query))[0]),
        seen=item_ix in query.seen,
        not_listed=not_listed,
        base_value=base.value,
        condition_gain=base.gain,
        factors=views,
        other_factors=0.0,
        n_other_factors=0,
        linear=direct,
        residual=score - base.value - direct - math.fsum(f.contribution for f in views),
        explained_share=_explained_share(views, history),
        history=history,
        history_base=base.history,
        history_residual=score - base.history - math.fsum(h.contribution for h in history),
        sentence="",
    )


def _cut(told: ItemExplanation, top_factors: int | None) -> ItemExplanation:
    """With `top_factors` of the factors; what the others carry, and how many they are, beside them."""
    if top_factors is None:
        return told
    cut = told.factors[top_factors:]
    others = math.fsum(f.contribution for f in cut)
    return dataclasses.replace(told, factors=told.factors[:top_factors], other_factors=others, n_other_factors=len(cut))


def _unsteered(loaded: LoadedBundle, query: Query, mu: FloatArray, scores: FloatArray) -> FloatArray:
    """The scores [n_items] at mu, without the shift; those there are where there is none."""
    return scores if query.shift is None else loaded.scores(mu, query.history, query.condition, shift=None)


def _popular(item: RankedItem, sentence: str) -> ItemReasons:
    """An item of a popularity list: its score, the share of the interactions, is its base and all there is."""
    return ItemReasons(item.item_ix, item.score, 0.0, (), 0.0, 0.0, (), sentence)


def _check_asked(loaded: LoadedBundle, query: Query, item_ix: int, top_factors: int | None) -> None:
    checks.check_item(item_ix, n_items=loaded.n_items)
    loaded.check(query)
    if top_factors is not None and not 1 <= top_factors <= LIMITS.top_factors:
        raise InvalidRequestError.field("/top_factors", f"must be between 1 and {LIMITS.top_factors}")
    if loaded.is_popularity(query):
        raise InvalidRequestError.field(
            "/history",
            "there is nothing to explain: no known item, no soft condition and no steering",
            hint="name at least one item of the catalogue; /coldstart needs none",
        )


def _with_extras(
    loaded: LoadedBundle,
    query: Query,
    told: ItemExplanation,
    extras: Extras,
    *,
    factors: Sequence[int],
    mu: FloatArray,
) -> ItemExplanation:
    """factors: all of them, the most supporting first; mu: where the history puts somebody."""
    supporting = [h.item_ix for h in sorted(told.history, key=lambda h: (-h.contribution, h.item_ix))]
    if extras.counterfactual:
        counterfactual = find_counterfactual(loaded, query, told.item_ix, supporting)
        told = dataclasses.replace(told, counterfactual=counterfactual)
    if extras.fidelity_k is not None and supporting:
        k, seed = extras.fidelity_k, extras.seed
        fidelity = measure_fidelity(loaded, query, told.item_ix, supporting, k=k, seed=seed)
        by_factor = measure_factors(loaded, query, told.item_ix, factors, k=k, seed=seed, mu=mu)
        told = dataclasses.replace(told, fidelity=dataclasses.replace(fidelity, factors=by_factor))
    return told


def _by_size(contributions: FloatArray) -> list[int]:
    """Places by absolute contribution, the largest first, ties by number."""
    order: list[int] = np.lexsort((np.arange(len(contributions)), -np.abs(contributions))).tolist()
    return order


def _history_views(found: Attribution, k: int) -> tuple[HistoryContribution, ...]:
    row, direct = found.history[k], found.linear[k]
    return tuple(HistoryContribution(found.history_items[i], float(row[i]), float(direct[i])) for i in _by_size(row))


def _explained_share(views: Sequence[FactorContribution], history: Sequence[HistoryContribution]) -> float:
    total = math.fsum((*(abs(f.contribution) for f in views), *(abs(h.linear) for h in history)))
    decoded = math.fsum(abs(f.contribution) for f in views if f.status == "decoded")
    return decoded / total if total > 0 else 0.0


def _not_listed(loaded: LoadedBundle, query: Query, item_ix: int) -> str | None:
    if bool(loaded.allowed(query)[item_ix]):
        return None
    if query.exclude_seen and item_ix in query.seen:
        return "seen"
    masked = query.condition is not None and loaded.satisfied(query.condition, [item_ix]) == 0.0
    return "condition" if masked else "excluded"
