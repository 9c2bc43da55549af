"""One verified bundle, ready to answer. Pure and synchronous: no HTTP, no store, no clock, no global state.

Indices come in checked and leave as indices; every list is exact and reproducible. A history is sorted before it is
scored, so that its order cannot change a single bit of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Attribute, Catalogue
from bundle.factors import FactorMap
from bundle.manifest import Manifest
from bundle.reader import Bundle
from service import checks, ranking
from service.conditioning import Conditioning
from service.errors import NonFiniteScoreError, ServiceError
from service.graphs import GraphRunner
from service.query import (
    Attribution,
    Condition,
    FloatArray,
    Match,
    Mode,
    Query,
    RankedItem,
    Ranking,
    SimilarItem,
    shifts_of,
)
from service.similarity import ItemSpace
from service.subsets import Subsets


class LoadedBundle:
    """A bundle with its sessions: what a request holds from its first to its last line."""

    def __init__(self, bundle: Bundle, graphs: GraphRunner) -> None:
        self.bundle = bundle
        self._graphs = graphs
        self._conditions = Conditioning(bundle)
        self._popularity = np.asarray(bundle.catalogue.popularity, dtype=np.float64)
        self._items = ItemSpace()
        self.memo: dict[str, object] = {}
        """What other modules work out once of this bundle, each under its own name; nothing of a request."""

    @property
    def bundle_id(self) -> str:
        return self.bundle.bundle_id

    @property
    def manifest(self) -> Manifest:
        return self.bundle.manifest

    @property
    def catalogue(self) -> Catalogue:
        return self.bundle.catalogue

    @property
    def factors(self) -> FactorMap:
        return self.bundle.factors

    @property
    def n_items(self) -> int:
        return self.manifest.dims.n_items

    @property
    def n_latent(self) -> int:
        return self.manifest.dims.n_latent

    @property
    def condition_attribute(self) -> Attribute | None:
        """The attribute whose values conditions name: the model's, else "genre", else the first that is not numeric."""
        return self._conditions.attribute

    @property
    def soft_values(self) -> tuple[str, ...]:
        """The condition values that the model has an input for; empty for a model without conditions."""
        return self._conditions.soft_values

    def condition(self, names: Sequence[str], *, match: Match = "any", mode: Mode = "soft") -> Condition:
        """The condition of these value names. Raises InvalidRequestError at /condition/... with the allowed values."""
        return self._conditions.named(names, match=match, mode=mode)

    def check(self, query: Query) -> None:
        """Raise InvalidRequestError unless the query is within the limits and every index means something here."""
        checks.check_query(query, n_items=self.n_items, n_latent=self.n_latent)
        if query.condition is not None:
            self._conditions.check(query.condition)

    def encode(self, history: Sequence[int], condition: Condition | None = None) -> FloatArray:
        """mu float32 [n_latent] of one history (without any shift). Raises NonFiniteScoreError."""
        mu: FloatArray = self.encode_many([history], condition)[0]
        if not np.isfinite(mu).all():
            raise NonFiniteScoreError("the encoder gave a value that is not finite")
        return mu

    def encode_many(self, histories: Sequence[Sequence[int]], condition: Condition | None = None) -> FloatArray:
        """mu float32 [B, n_latent] of many histories under one condition."""
        cleaned = [self._clean(history) for history in histories]
        return self._graphs.encode(cleaned, self._conditions.rows([condition] * len(cleaned)))

    def scores(
        self, mu: FloatArray, history: Sequence[int], condition: Condition | None = None, *, shift: FloatArray | None
    ) -> FloatArray:
        """The model's scores of a history: float32 [n_items]. Raises NonFiniteScoreError.

        mu [n_latent] as `encode` gives it, and the shift from there; see scores_many.
        """
        moved = None if shift is None else shift[None, :]
        row: FloatArray = next(self.scores_many(mu[None, :], [history], condition, shift=moved))[0]
        return row

    def scores_many(
        self,
        mu: FloatArray,
        histories: Sequence[Sequence[int]],
        condition: Condition | None = None,
        *,
        shift: FloatArray | None,
    ) -> Iterator[FloatArray]:
        """Scores at mu + shift, float32 [b, n_items] in chunks, in order. Raises NonFiniteScoreError.

        mu, shift  [B, n_latent], or one row for all. Where the history leads, and how far somebody moves from there:
                   the linear term reads the history and the shift, so z alone is not enough. shift None: nobody moves
        histories  B, or one for all
        """
        cleaned = [self._clean(history) for history in histories]
        conditions = self._conditions.rows([condition] * len(cleaned))
        points = np.ascontiguousarray(mu, dtype=np.float32)
        moved = None if shift is None else np.ascontiguousarray(shift, dtype=np.float32)
        for chunk in self._graphs.scores(points, cleaned, conditions, shift=moved):
            if not np.isfinite(chunk).all():
                raise NonFiniteScoreError("the model gave a score that is not finite")
            yield chunk

    def subsets(self, history: Sequence[int], condition: Condition | None = None) -> Subsets:
        """Many subsets of one history under one condition, to be scored together."""
        return Subsets(self._graphs, self._clean(history), self._conditions.row(condition))

    def point(self, query: Query) -> FloatArray:
        """The point that the query decodes: float32 [n_latent], the encoder's mean plus the shift."""
        return query.moved(self.encode(query.history, query.condition))

    def allowed(self, query: Query) -> NDArray[np.bool_]:
        """[n_items]: the items that the query may list."""
        return ranking.allowed_items(self.n_items, query, satisfying=self._conditions.satisfying(query.condition))

    def satisfied(self, condition: Condition | None, items: Sequence[int]) -> float | None:
        """The share of `items` that satisfy the condition; None without a condition or without items."""
        satisfying = self._conditions.satisfying(condition)
        return float(satisfying[list(items)].mean()) if satisfying is not None and items else None

    def is_popularity(self, query: Query) -> bool:
        """Whether nothing personal was asked: the answer is then the catalogue's popularity, and says so."""
        soft = query.condition is not None and query.condition.is_soft
        return not query.history and not soft and query.shift is None

    def recommend(self, query: Query) -> Ranking:
        """The list for one query. Raises InvalidRequestError or NonFiniteScoreError."""
        answer = self.recommend_batch([query])[0]
        if isinstance(answer, ServiceError):
            raise answer
        return answer

    def recommend_batch(self, queries: Sequence[Query]) -> tuple[Ranking | ServiceError, ...]:
        """Many queries in one run of the graphs: a list or an error for each, in order.

        The same items as one by one; scores may differ in the last float32 digit, as matrix products are blocked by
        batch. Costs one run of each graph per chunk of LIMITS.encode_cells, decode_cells, linear_cells.
        """
        answers: dict[int, Ranking | ServiceError] = {}
        for i, query in enumerate(queries):
            try:
                self.check(query)
                if self.is_popularity(query):
                    answers[i] = self._popular(query)
            except ServiceError as error:
                answers[i] = error
        waiting = [i for i in range(len(queries)) if i not in answers]
        answers.update(zip(waiting, self._ranked([queries[i] for i in waiting]), strict=True))
        return tuple(answers[i] for i in range(len(queries)))

    def similar(self, item_ix: int, n: int = 10) -> tuple[SimilarItem, ...]:
        """The n items nearest to one by the cosine of their latents; see service.similarity."""
        checks.check_item(item_ix, n_items=self.n_items)
        checks.check_n(n)
        return self._items.nearest(item_ix, n, encode=self._encode_items)

    def explainer(
        self,
        history: Sequence[int],
        condition: Condition | None,
        shift: FloatArray | None,
        item_ix: Sequence[int],
    ) -> Attribution:
        """Both views of the scores of K items: latent [K, n_latent] and linear [K, L]; history [K, L]; their bases.

        Columns of history items follow `Attribution.history_items` (sorted indices). Raises NonFiniteScoreError.
        """
        for ix in item_ix:
            checks.check_item(ix, n_items=self.n_items)
        shift = np.zeros(self.n_latent, dtype=np.float32) if shift is None else shift
        found = self._graphs.explain(self._clean(history), self._conditions.row(condition), shift=shift, items=item_ix)
        if not found.is_finite:
            raise NonFiniteScoreError("the explainer gave a value that is not finite")
        return found

    def _ranked(self, queries: Sequence[Query]) -> Iterator[Ranking | ServiceError]:
        """Lists of checked queries, by the model."""
        histories = [self._clean(query.history) for query in queries]
        conditions = self._conditions.rows([query.condition for query in queries])
        mu = self._graphs.encode(histories, conditions)
        b = 0
        for chunk in self._graphs.scores(mu, histories, conditions, shift=shifts_of(queries, self.n_latent)):
            for row in chunk:
                yield self._ranking(queries[b], queries[b].moved(mu[b]), row)
                b += 1

    def _ranking(self, query: Query, z: FloatArray, scores: FloatArray) -> Ranking | ServiceError:
        if not np.isfinite(scores).all():
            return NonFiniteScoreError("the model gave a score that is not finite")
        normaliser = float(ranking.log_normaliser(scores))
        found = self._top(query, scores)
        probability = np.exp(scores[found].astype(np.float64) - normaliser)
        return self._listed(query, found, scores[found], probability=probability, z=z)

    def _popular(self, query: Query) -> Ranking:
        found = self._top(query, self._popularity)
        shares = self._popularity[found]
        return self._listed(query, found, shares, probability=shares, z=None)

    def _top(self, query: Query, scores: ranking.Scores) -> NDArray[np.int64]:
        return ranking.top_n(scores, self.allowed(query), query.offset + query.n)[query.offset :]

    def _listed(
        self,
        query: Query,
        found: NDArray[np.int64],
        scores: ranking.Scores,
        *,
        probability: ranking.Scores,
        z: FloatArray | None,
    ) -> Ranking:
        items = tuple(
            RankedItem(item_ix=item, rank=query.offset + place, score=score, probability=p)
            for place, (item, score, p) in enumerate(
                zip(found.tolist(), scores.tolist(), probability.tolist(), strict=True), start=1
            )
        )
        return Ranking(
            items=items,
            z=z,
            condition_satisfied=self.satisfied(query.condition, [item.item_ix for item in items]),
            requested=query.n,
            source="popularity" if z is None else "model",
            short_reason=ranking.shortage(len(items), query.n, query.offset),
        )

    def _clean(self, history: Sequence[int]) -> tuple[int, ...]:
        checks.check_indices(history, n_items=self.n_items, pointer="/history")
        return tuple(sorted(set(history)))

    def _encode_items(self) -> FloatArray:
        """mu of each item as the only one of a history, less that of an empty history: float32 [n_items, n_latent]."""
        alone = self.encode_many([(j,) for j in range(self.n_items)])
        return alone - self.encode_many([()])
