"""Of any explanation and any titles: a sentence, with no number or title that is not the reply's, by its thresholds."""

from __future__ import annotations

import dataclasses
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import LoadedBundle
from service.explaining.explain import explain_item
from service.explaining.explanation import FactorContribution, HistoryContribution, ItemExplanation
from service.query import Query
from service.words.choice import Parts
from service.words.english import ENGLISH
from service.words.sentences import Sentences
from tests.service.core.test_sentences import COUNTERFACTUAL, parts

N = 50
QUALITY = None  # no sentence speaks of it
AWKWARD = [
    "",
    " \n",
    '"Quoted", 7',
    "{0} {factor} %(n)s 100 %",
    "a\nb\r\n\tc",
    "Ends with.",
    "9 " * 200,
    "; without",
    "你好 {",
    "\u202e",
]
REASON = re.compile(
    r"(mostly|partly|weakly) because (.*?)(?=,(?: and)? (?:mostly|partly|weakly) because|, and the rest|[;.]$|; )"
)
amounts = st.floats(-1e3, 1e3, allow_nan=False, width=32) | st.sampled_from([0.0, 1.0, 0.5, 0.25, -1.0])
titles = st.none() | st.sampled_from(AWKWARD) | st.text(max_size=90)
readings = st.sampled_from(
    [
        ("decoded", "genre", "Comedy"),
        ("decoded", "year", "1980s"),
        ("ambiguous", "rating", "high"),
        ("undecoded",) + (None,) * 2,
        ("decoded", "rating", None),
    ]
)


@st.composite
def factors(draw) -> list[FactorContribution]:
    found = []
    for i in draw(st.permutations(range(4)))[: draw(st.integers(0, 4))]:
        status, attribute, value = draw(readings)
        half = draw(st.sampled_from(["negative", "positive"]))
        place = draw(st.floats(0, 50))
        size = draw(amounts)
        found.append(
            FactorContribution(
                factor=i,
                half=half,
                z=draw(st.floats(-5, 5)),
                percentile=place if half == "negative" else 100 - place,
                contribution=size,
                lean=size * draw(st.sampled_from([0.0, 0.3, 1.0])),
                attribute=attribute,
                value=value,
                status=status,
                quality=QUALITY,
                item_has=None if value is None else draw(st.none() | st.booleans()),
                shifted=draw(st.just(0.0) | st.floats(-3, 3)),
            )
        )
    return found


history_parts = st.lists(
    st.builds(HistoryContribution, st.integers(0, N - 1), amounts, amounts), max_size=6, unique_by=lambda h: h.item_ix
)


@pytest.fixture(scope="module")
def told(loaded: LoadedBundle) -> ItemExplanation:
    return explain_item(loaded, Query(history=(0, 3, 6, 9)), 12)


def titled(bundle: LoadedBundle, names: list[str | None]) -> LoadedBundle:
    """The bundle with other titles; each that can be told apart from the words around it."""
    given_ = tuple(None if name is None else f"§{ix}§ {name}" for ix, name in enumerate(names))
    catalogue = msgspec.structs.replace(bundle.catalogue, titles=given_)
    return LoadedBundle(dataclasses.replace(bundle.bundle, catalogue=catalogue), bundle._graphs)


def without_titles(sentence: str, bundle: LoadedBundle) -> str:
    """With every title taken out of it. A title that is not the catalogue's stays, and its § with it."""
    catalogue = bundle.catalogue
    shown = [ENGLISH.title(title, item) for title, item in zip(catalogue.titles, catalogue.ids, strict=True)]
    for title in sorted(shown, key=len, reverse=True):
        sentence = sentence.replace(title, "TITLE")
    return sentence


def degree(share: float) -> str:
    return "mostly" if share >= 0.5 else "partly" if share >= 0.25 else "weakly"


def shares_of(clause: str, made_of: Parts) -> float:
    """The share of what a clause names, from the parts."""
    whole = made_of.supporting + max(0.0, made_of.direct)
    if "points straight to it" in clause:
        return made_of.direct / whole
    if "moves you towards it" in clause:
        return min(1.0, made_of.steered / whole)
    if "for most users" in clause:
        return made_of.common / whole
    named = {int(n) for n in re.findall(r"factor (\d)", clause)}
    assert named, clause
    return sum(f.lean for f in made_of.factors if f.factor in named) / whole


def numbers_of(made_of: Parts, told: ItemExplanation) -> set[str]:
    found = {str(told.rank)} if told.rank is not None else set()
    for f in made_of.factors:
        out = 100 - f.percentile if f.half == "positive" else f.percentile
        found |= {str(f.factor), str(max(1, round(out))), f"{abs(f.shifted):.1f}"}
    return found


@given(
    names=st.lists(titles, min_size=N, max_size=N),
    rows=factors(),
    history=history_parts,
    rank=st.none() | st.integers(1, 60),
    steered=st.just(0.0) | st.floats(0, 100),
    removed=st.lists(st.integers(0, N - 1), max_size=5, unique=True),
)
def test_sentence_of_any_explanation_says_only_what_the_reply_holds(
    loaded, told, names, rows, history, rank, steered, removed
) -> None:
    bundle, made_of = titled(loaded, names), parts(*rows, history=history, steered=steered)
    found = dataclasses.replace(COUNTERFACTUAL, remove=tuple(removed), replacement=3, valid=bool(removed))
    told = dataclasses.replace(told, rank=rank, not_listed=None if rank else "seen", counterfactual=found)
    sentences = Sentences(bundle, Query(history=(0,)))
    for sentence in (sentences.of_item(told, made_of), sentences.of_reasons(12, 0.0, made_of)):
        assert sentence.endswith(".") and len(sentence.splitlines()) == 1
        said = without_titles(sentence, bundle).replace("1980s", "")
        assert "§" not in said
        assert set(re.findall(r"\d+(?:\.\d+)?", said)) <= numbers_of(made_of, told), sentence
        assert "{" not in said and "None" not in said
        reasons = REASON.findall(said)
        assert bool(reasons) == (made_of.supporting + max(0.0, made_of.direct) > 0)
        for word, clause in reasons:
            assert word == degree(shares_of(clause, made_of)), sentence


@given(rows=factors(), history=history_parts)
def test_sentence_names_a_value_that_the_item_lacks_only_as_one_it_lacks(loaded, rows, history) -> None:
    said = Sentences(loaded, Query(history=(0,))).of_reasons(12, 0.0, parts(*rows, history=history))
    placed = re.sub(r"most of all by factor \d", "", said)
    for f in rows:
        if f.item_has is False and f.attribute is not None and f"factor {f.factor}" in placed:
            clause = placed[placed.index(f"factor {f.factor}") :]
            assert re.match(r"factor \d( \(by [\d.]+ sd\))?, which (usually|may) goe?s? with [^;,]+, though", clause), (
                said
            )


@given(rows=factors().filter(lambda rows: any(f.contribution > 0 for f in rows)))
def test_degree_by_other_thresholds_does_not_agree(loaded, rows) -> None:
    """The control: a table of words whose degrees are turned round is found out."""
    turned = dataclasses.replace(ENGLISH, mostly=ENGLISH.weakly, weakly=ENGLISH.mostly)
    made_of = parts(*rows)
    said = Sentences(loaded, Query(history=(0,)), turned).of_reasons(12, 0.0, made_of)
    wrong = [word != degree(shares_of(clause, made_of)) for word, clause in REASON.findall(said) if word != "partly"]
    assert all(wrong)
