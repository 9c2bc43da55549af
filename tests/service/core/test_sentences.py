"""Sentences say what the numbers say, by their thresholds, and nothing that the item or the numbers do not bear out."""

from __future__ import annotations

import dataclasses
import math

import msgspec
import numpy as np
import pytest

from service.engine import LoadedBundle
from service.explaining.counterfactual import Counterfactual
from service.explaining.explain import Extras, explain_item, explain_list
from service.explaining.explanation import FactorContribution, HistoryContribution, ItemExplanation
from service.query import Query
from service.words.choice import Parts
from service.words.sentences import Sentences

COMEDIES = (0, 3, 6, 9)
FILM = 12
"""A comedy of the 2010s in the planted catalogue."""


@pytest.fixture(scope="module")
def told(loaded: LoadedBundle) -> ItemExplanation:
    return explain_item(loaded, Query(history=COMEDIES), FILM)


@pytest.fixture(scope="module")
def sentences(loaded: LoadedBundle) -> Sentences:
    return Sentences(loaded, Query(history=COMEDIES))


def factor(told: ItemExplanation, contribution: float, **changes) -> FactorContribution:
    """A comedy factor of who lies in the top 6 %, all of it by that place, but for the changes."""
    first = next(f for f in told.factors if f.factor == 0)
    sizes = {"contribution": contribution, "lean": contribution, "percentile": 94.0}
    return msgspec.structs.replace(first, **{**sizes, **changes})


def lacking(told: ItemExplanation, contribution: float, **changes) -> FactorContribution:
    return factor(told, contribution, factor=1, attribute="year", value="1970s", item_has=False, **changes)


def undecoded(told: ItemExplanation, contribution: float, **changes) -> FactorContribution:
    named = {"factor": 3, "status": "undecoded", "attribute": None, "value": None, "item_has": None}
    return factor(told, contribution, **{**named, **changes})


def parts(*factors: FactorContribution, history=(), steered: float = 0.0) -> Parts:
    supporting = [f for f in factors if f.contribution > 0]
    common = {f.factor: f.contribution - f.lean for f in supporting}
    return Parts(
        factors=tuple(sorted(factors, key=lambda f: -abs(f.lean))),
        supporting=math.fsum(f.contribution for f in supporting),
        opposing=-math.fsum(f.contribution for f in factors if f.contribution < 0),
        common=math.fsum(f.contribution - f.lean for f in supporting),
        common_factor=max(common, key=lambda f: common[f]) if any(common.values()) else None,
        steered=steered,
        direct=math.fsum(h.linear for h in history),
        history=tuple(history),
    )


def said(sentences: Sentences, *factors: FactorContribution, history=(), gain: float = 0.0) -> str:
    return sentences.of_reasons(FILM, gain, parts(*factors, history=history))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ((0.5, 0.5), "mostly because you lean to Comedy"),
        ((0.26, 0.25, 0.25, 0.24), "partly because"),
        ((0.2,) * 5, "No one reason stands out: recommended weakly because"),
        ((-1.0,), "Recommended though nothing known of you raises its score"),
    ],
)
def test_of_reasons_degree_follows_the_share_of_what_is_named(told, sentences, values, word: str) -> None:
    assert word in said(sentences, *(factor(told, v) for v in values))


def test_of_reasons_names_the_meaning_the_factor_and_the_place(told, sentences) -> None:
    assert said(sentences, factor(told, 1.0)) == (
        "Recommended mostly because you lean to Comedy (factor 0, top 6 % of users)."
    )
    other_half = factor(told, 1.0, half="negative", value="Horror", percentile=3.4, factor=2)
    assert "you lean to Horror (factor 2, top 3 % of users)" in said(sentences, other_half)
    near_the_middle = factor(told, 1.0, percentile=60.0)
    assert "you lean slightly to Comedy (factor 0, top 40 % of users)" in said(sentences, near_the_middle)
    at_the_end = factor(told, 1.0, percentile=100.0)
    assert "top 1 % of users" in said(sentences, at_the_end), "the user is one more: never the top 0 %"


def test_of_reasons_words_of_values_follow_their_kind(told, sentences) -> None:
    decade = factor(told, 1.0, attribute="year", value="2010s")
    assert "you lean to the 2010s (factor 0" in said(sentences, decade)
    assert "you lean to items with rating high (factor 0" in said(
        sentences, factor(told, 1.0, attribute="rating", value="high")
    )
    assert "you lean to rating (factor 0" in said(sentences, factor(told, 1.0, attribute="rating", value=None))


def test_of_reasons_undecoded_or_ambiguous_factor_is_said_to_be_so(told, sentences) -> None:
    nameless = said(sentences, undecoded(told, 1.0))
    assert nameless.endswith("you are among the top 6 % of users in factor 3, which is not decoded.")
    assert "Comedy" not in nameless
    low = undecoded(told, 1.0, half="negative", percentile=6.0)
    assert "among the bottom 6 % of users in factor 3" in said(sentences, low)
    assert "you lean to what may be Comedy" in said(sentences, factor(told, 1.0, status="ambiguous"))


def test_of_reasons_prefers_what_the_item_has_where_it_carries_half_as_much(told, sentences) -> None:
    assert "1970s" not in said(sentences, lacking(told, 1.0), factor(told, 0.5))
    honest = said(sentences, lacking(told, 1.0), factor(told, 0.49))
    assert "in factor 1, which usually goes with the 1970s, though that does not fit this item" in honest
    assert "Comedy" not in honest
    unsure = said(sentences, lacking(told, 1.0, status="ambiguous"))
    assert "which may go with the 1970s, though that does not fit this item" in unsure
    assert "Comedy" in said(sentences, undecoded(told, 1.0), factor(told, 0.5))
    assert "what may be Comedy" in said(sentences, lacking(told, 1.0), factor(told, 0.5, status="ambiguous"))
    sure = factor(told, 0.5, attribute="year", value="2010s", factor=1)
    assert "the 2010s" in said(sentences, factor(told, 1.0, status="ambiguous"), sure)


def test_of_reasons_names_a_second_value_that_carries_half_of_the_first(told, sentences) -> None:
    decade = {"factor": 1, "attribute": "year", "value": "2010s", "percentile": 90.0}
    both = said(sentences, factor(told, 1.0), factor(told, 0.5, **decade))
    assert "lean to Comedy (factor 0, top 6 % of users) and the 2010s (factor 1, top 10 % of users)" in both
    assert "2010s" not in said(sentences, factor(told, 1.0), factor(told, 0.49, **decade))
    again = said(sentences, factor(told, 1.0), factor(told, 0.9, factor=2))
    assert "factor 2" not in again, "the same value twice tells nothing more"
    slight = said(sentences, factor(told, 1.0), factor(told, 0.9, **{**decade, "percentile": 55.0}))
    assert "Comedy (factor 0, top 6 % of users) and you lean slightly to the 2010s (factor 1, top 45 %" in slight


def test_of_reasons_steering_is_credited_where_it_makes_the_place(told, sentences) -> None:
    moved = said(sentences, factor(told, 1.0, z=2.0, shifted=1.5))
    assert moved == "Recommended mostly because your steering moves you to Comedy (factor 0, by 1.5 sd)."
    further = said(sentences, factor(told, 1.0, z=1.5, shifted=0.7))
    assert "because your steering moves you further to Comedy (factor 0, by 0.7 sd)" in further
    assert "you lean to Comedy" in said(sentences, factor(told, 1.0, z=2.0, shifted=0.01)), "too little to tell"
    back = said(sentences, factor(told, 1.0, z=0.5, shifted=-1.0))
    assert "mostly because even with your steering you lean to Comedy (factor 0, top 6 % of users)" in back
    low = undecoded(told, 1.0, factor=2, half="negative", percentile=6.0, z=-0.5, shifted=1.0)
    assert "because even with your steering you are among the bottom 6 % of users in factor 2" in said(sentences, low)
    nameless = said(sentences, undecoded(told, 1.0, factor=2, z=2.0, shifted=1.5))
    assert "your steering moves you along factor 2 (by 1.5 sd), which is not decoded" in nameless
    elsewhere = said(sentences, lacking(told, 1.0, z=1.0, shifted=2.0))
    assert "along factor 1 (by 2.0 sd), which usually goes with the 1970s, though that" in elsewhere


@pytest.mark.parametrize(("steered", "says"), [(0.6, "mostly"), (0.3, "partly"), (0.1, "weakly"), (0.09, None)])
def test_of_reasons_steering_is_said_where_it_makes_a_share_though_no_factor_named_tells_it(
    told, sentences, steered: float, says: str | None
) -> None:
    made_of = parts(*(factor(told, 0.25) for _ in range(4)), steered=steered)
    clause = "because your steering moves you towards it"
    assert (f"{says} {clause}" if says else clause) in sentences.of_reasons(FILM, 0.0, made_of) or says is None
    assert (clause in sentences.of_reasons(FILM, 0.0, made_of)) == (says is not None)
    there = parts(factor(told, 1.0, z=2.0, shifted=1.5), steered=steered)
    assert "towards it" not in sentences.of_reasons(FILM, 0.0, there), "the factor named says so"


def test_of_reasons_counts_a_half_only_by_what_lies_past_the_median(told, sentences) -> None:
    """What most users get of a factor stays in the whole: degrees become smaller by it, never larger."""
    mostly_common = said(sentences, factor(told, 1.0, lean=0.3), factor(told, 0.2, factor=1))
    assert mostly_common == (
        "Recommended mostly because the model raises it for most users, most of all by factor 0, "
        "and partly because you lean to Comedy (factor 0, top 6 % of users)."
    )
    passed_over = said(sentences, factor(told, 1.0, lean=0.0), factor(told, 1.1, factor=2))
    assert "mostly because you lean to Comedy (factor 2" in passed_over and "factor 0" not in passed_over
    nothing_else = said(sentences, factor(told, 1.0, lean=0.0))
    assert nothing_else == "Recommended mostly because the model raises it for most users, most of all by factor 0."
    control = said(sentences, factor(told, 1.0), factor(told, 0.2, factor=1))
    assert "most users" not in control and "mostly because you lean to Comedy (factor 0" in control


def test_of_reasons_one_part_only_says_where_the_rest_is(told, sentences) -> None:
    alike = {"attribute": None, "value": None, "status": "undecoded", "item_has": None}
    spread = said(sentences, factor(told, 0.3), *(factor(told, 0.14, **alike) for _ in range(5)))
    assert spread == (
        "Recommended partly because you lean to Comedy (factor 0, top 6 % of users), "
        "and the rest is spread over many factors or items."
    )
    assert "the rest" not in said(sentences, factor(told, 1.0), *(factor(told, 0.14, **alike) for _ in range(5)))


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ((0.06, 0.05), "; of your history, Film 0 (1970) and Film 3 (1991) count most for it."),
        ((0.06, 0.02), "; of your history, Film 0 (1970) and Film 3 (1991) count a little for it."),
        ((0.06, 0.01), "; of your history, Film 0 (1970) counts a little for it."),
        ((0.2, 0.01), "; of your history, Film 0 (1970) counts most for it."),
        ((0.019, 0.005), " users); no item of your history stands out."),
        ((-0.06, -0.5), " users); no item of your history stands out."),
    ],
)
def test_of_reasons_history_is_named_only_as_far_as_it_carries_the_score(told, sentences, shares, says: str) -> None:
    """Shares of the score's way from its base, which the factors' contributions add up to."""
    history = [HistoryContribution(ix, 4.0 * share) for ix, share in zip(COMEDIES, shares, strict=False)]
    assert said(sentences, factor(told, 5.0), undecoded(told, -1.0), history=history).endswith(says)


@pytest.mark.parametrize(
    ("factors", "history", "says"),
    [
        (
            (1.0,),
            ((3.0, 2.9),),
            "mostly because your history points straight to it, Film 0 (1970) most of all, and par",
        ),
        (
            (1.0, 0.9, 0.8),
            ((0.1, 0.5),) * 4,
            "partly because your history points straight to it, Film 0 (1970) and Film 3",
        ),
        ((3.0,), ((1.5, 1.0),), "mostly because you lean to Comedy (factor 0, top 6 % of users), and partly because"),
        ((3.0,), ((1.5, 0.01),), "top 6 % of users); of your history, Film 0 (1970) counts most for it."),
        ((0.01,), ((3.0, 2.9),), "mostly because your history points straight to it, Film 0 (1970) most of all."),
        ((-1.0,), ((2.0, 1.9),), "mostly because your history points straight to it, Film 0"),
        ((1.0,), ((0.02, 0.5),) * 4, "points straight to it, though no item of it stands out, and partly because you"),
        ((-0.5,), ((-1.0, -1.0),), "though nothing known of you raises its score; no item of your history stands out"),
    ],
)
def test_of_reasons_what_goes_past_the_factors_is_said_first_where_it_is_more(
    told, sentences, factors, history, says
) -> None:
    """history: (contribution, its direct part) of each item."""
    shares = [HistoryContribution(ix, *parts) for ix, parts in zip(COMEDIES, history, strict=False)]
    assert says in said(sentences, *(factor(told, v) for v in factors), history=shares)


def test_of_reasons_factor_that_tells_nothing_is_left_out_beside_a_larger_reason(told, sentences) -> None:
    history = [HistoryContribution(0, 4.0, 3.0)]
    assert "factor" not in said(sentences, undecoded(told, 0.9), history=history)
    assert "factor" not in said(sentences, lacking(told, 0.9), history=history)
    assert "factor 3" in said(sentences, undecoded(told, 1.1), history=history), "but not where it is partly the reason"


@pytest.mark.parametrize(
    ("names", "match", "mode", "gain", "says"),
    [
        (["Comedy"], "any", "soft", 20.0, "Recommended first of all because you asked for Comedy, then mostly because"),
        (["Comedy"], "any", "soft", 0.5, "Recommended because you asked for Comedy, and mostly because you lean"),
        (["Comedy", "Drama"], "any", "both", 20.0, "because you asked for Comedy or Drama, then"),
        (["Comedy"], "any", "soft", 0.0, "Recommended as you asked for Comedy, mostly because with that you lean to"),
        (["Comedy"], "any", "strict", 0.0, "Recommended as you asked for Comedy only, mostly because you lean to"),
        (["Horror", "Drama"], "all", "soft", 0.0, "Recommended though you asked for Drama and Horror, mostly because"),
    ],
)
def test_of_reasons_says_first_what_was_asked_for(loaded, direct, told, names, match, mode, gain, says) -> None:
    """A gain is of a model with a linear term; without one the condition acts through the factors."""
    bundle = direct if gain else loaded
    query = Query(history=COMEDIES, condition=bundle.condition(names, match=match, mode=mode))
    assert says in said(Sentences(bundle, query), factor(told, 1.0), gain=gain)


def test_popular_says_that_nothing_is_known_and_what_was_asked_for(loaded: LoadedBundle) -> None:
    assert Sentences(loaded, Query(history=())).popular() == (
        "Recommended because it is popular: nothing is known of you yet."
    )
    masked = Query(history=(), condition=loaded.condition(["Horror"], mode="strict"), n=2)
    reasons = explain_list(loaded, masked, loaded.recommend(masked))
    assert {r.sentence for r in reasons} == {
        "Recommended as you asked for Horror only, because it is popular: nothing is known of you yet."
    }


def test_of_reasons_of_nothing_but_a_condition_names_it_alone(direct, told) -> None:
    query = Query(history=(), condition=direct.condition(["Comedy"]))
    assert said(Sentences(direct, query), gain=5.0) == "Recommended because you asked for Comedy."
    many = Query(history=(), condition=direct.condition(["Comedy", "Drama", "Horror"]))
    assert "Comedy, Drama or Horror" in said(Sentences(direct, many), gain=5.0)


def test_of_item_names_its_place_and_what_carries_it(loaded: LoadedBundle, told: ItemExplanation) -> None:
    best = max(told.history, key=lambda h: h.contribution)
    listed = explain_item(loaded, Query(history=COMEDIES, n=20), FILM)
    opening = f"Ranked {told.rank}, mostly because you lean to Comedy (factor 0, top 2 % of users); of your history, "
    assert listed.sentence.startswith(opening)
    assert (loaded.catalogue.titles[best.item_ix] or "") in listed.sentence.removeprefix(opening)


@pytest.mark.parametrize(
    ("changes", "opens"),
    [
        ({"rank": 11}, "Ranked 11, below the end of the list; it scores as it does mostly because you lean"),
        ({"rank": None, "not_listed": "seen"}, "Already in your history; it scores as it does mostly because"),
        ({"rank": None, "not_listed": "excluded"}, "Not listed, as the request leaves it out; it scores as"),
        ({"rank": None, "not_listed": "condition"}, "Not listed, as it is not what you asked for; it scores as"),
    ],
)
def test_of_item_opening_says_why_it_is_not_listed(told, sentences, changes, opens: str) -> None:
    changed = dataclasses.replace(told, **changes)
    assert sentences.of_item(changed, parts(factor(told, 1.0))).startswith(opens)


def test_of_item_below_the_list_says_what_speaks_against_it_where_that_is_more(told, sentences) -> None:
    low = dataclasses.replace(told, rank=40)
    bad, good = undecoded(told, -2.0, half="negative", percentile=6.0), factor(told, 1.0)
    against = "; more speaks against it, most of all that you are among the bottom 6 % of users in factor 3"
    assert against in sentences.of_item(low, parts(bad, good))
    assert "against" not in sentences.of_item(low, parts(bad, factor(told, 3.0)))
    assert "against" not in sentences.of_item(dataclasses.replace(low, rank=1), parts(bad, good))
    common = sentences.of_item(low, parts(msgspec.structs.replace(bad, lean=0.0), good))
    assert common.endswith("; more speaks against it, most of all that the model lowers it for most users.")
    away = parts(bad, good, history=[HistoryContribution(0, -3.0, -3.0)])
    assert "most of all that your history points away from it" in sentences.of_item(low, away)


@pytest.mark.parametrize(
    ("shown", "removed", "replacement", "ends"),
    [
        ((0, 3), (3, 0), 7, "; without those two it would be replaced by Film 7 (2019)."),
        ((0,), (0,), 7, "; without that one it would be replaced by Film 7 (2019)."),
        ((0, 3), (0, 6), None, "; without Film 0 (1970) and Film 6 (2012) it would leave the list."),
        (
            (),
            (0, 3, 6),
            49,
            "; without Film 0 (1970), Film 3 (1991) and Film 6 (2012) it would be replaced by item m49.",
        ),
    ],
)
def test_of_item_counterfactual_refers_to_what_was_named(told, sentences, shown, removed, replacement, ends) -> None:
    made_of = parts(factor(told, 2.0), history=[HistoryContribution(ix, 1.0) for ix in shown])
    found = dataclasses.replace(COUNTERFACTUAL, remove=removed, replacement=replacement)
    changed = dataclasses.replace(told, counterfactual=found)
    assert sentences.of_item(changed, made_of).endswith(ends)
    tried = dataclasses.replace(changed, counterfactual=dataclasses.replace(found, valid=False))
    assert "without" not in sentences.of_item(tried, made_of)


@pytest.mark.parametrize(
    ("removed", "offered", "ends"),
    [
        ((0,), (0,), "; without Film 0 (1970), which would then be listed instead, it would leave the list."),
        (
            (0, 6),
            (6, 0),
            "; without Film 0 (1970) and Film 6 (2012), all of which would then be listed instead, it would leave "
            "the list.",
        ),
        (
            (0, 3, 6),
            (3,),
            "; without Film 0 (1970), Film 3 (1991) and Film 6 (2012), of which Film 3 (1991) would then be listed "
            "instead, it would leave the list.",
        ),
    ],
)
def test_of_item_counterfactual_whose_items_come_back_says_so_without_naming_them_twice(
    told, sentences, removed, offered, ends
) -> None:
    found = dataclasses.replace(COUNTERFACTUAL, remove=removed, offered=offered, replacement=7)
    changed = dataclasses.replace(told, counterfactual=found)
    said_of_it = sentences.of_item(changed, parts(factor(told, 2.0)))
    assert said_of_it.endswith(ends)
    assert "Film 7" not in said_of_it, "they take its place themselves"


COUNTERFACTUAL = Counterfactual(remove=(), new_rank=11, replacement=None, valid=True, runs=3, reason=None)


def test_of_item_score_made_by_steering_does_not_credit_the_history(loaded: LoadedBundle) -> None:
    """The same history by itself is the control: there its items carry the score."""
    history = (0, 2, 3, 5)
    plain = explain_item(loaded, Query(history=history), FILM)
    steered = np.array([6.0, 0, 0, 0], dtype=np.float32)
    pushed = explain_item(loaded, Query(history=history, shift=steered), FILM)
    assert max(h.contribution for h in pushed.history) > 0
    assert "count most for it" in plain.sentence
    assert "most for it" not in pushed.sentence
    assert "your steering moves you to Comedy (factor 0, by 6.0 sd)" in pushed.sentence


def test_of_item_without_a_title_shows_the_id(loaded: LoadedBundle) -> None:
    assert loaded.catalogue.titles[49] is None
    assert "item m49" in explain_item(loaded, Query(history=(49,)), 46).sentence


def test_of_item_with_its_counterfactual_on_the_live_model_reads_as_one_sentence(loaded: LoadedBundle) -> None:
    query = Query(history=(0, 2), n=3)
    for item in loaded.recommend(query).items:
        found = explain_item(loaded, query, item.item_ix, extras=Extras(counterfactual=True))
        assert found.sentence.endswith(".") and found.sentence.count(". ") == 0
        assert ("without" in found.sentence) == (found.counterfactual is not None and found.counterfactual.valid)
