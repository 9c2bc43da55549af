"""The words are one table: a second one changes every word, and a text that does not fit is refused."""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Callable, Iterator
from typing import get_type_hints

import msgspec
import numpy as np
import pytest

from service.engine import LoadedBundle
from service.explaining.explain import Extras, explain_item, explain_list
from service.explaining.explanation import ItemExplanation
from service.explaining.profile import profile
from service.query import Query
from service.words.choice import Parts
from service.words.english import ENGLISH
from service.words.phrases import Listing, Phrases, Plural
from service.words.sentences import Sentences
from tests.service.core.test_sentences import COUNTERFACTUAL, FILM, factor, lacking, parts, undecoded

TEXTS = [f.name for f in dataclasses.fields(Phrases) if f.name not in {"language", "plural", "decimal"}]
WORD = re.compile(r"[a-z]+")


def rewritten(rewrite: Callable[[str, str], str], **settings) -> Phrases:
    """A second table: each text of the English one by `rewrite(field, text)`."""
    texts = {}
    for name in TEXTS:
        value = getattr(ENGLISH, name)
        if isinstance(value, str):
            texts[name] = rewrite(name, value)
        else:
            forms = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            texts[name] = type(value)(
                **{form: text and rewrite(f"{name}.{form}", text) for form, text in forms.items()}
            )
    return Phrases(**{"language": "x-made-up", "plural": ENGLISH.plural, "decimal": ",", **settings}, **texts)


def made_up(_: str, text: str) -> str:
    """The words turned round and marked, the places behind each other in the other order."""
    pieces = list(string.Formatter().parse(text))
    words = " ".join(f"ž{word[::-1]}ž" for literal, *_ in pieces for word in WORD.findall(literal.lower()))
    places = " ".join(f"{{{place}}}" for _, place, *_ in reversed(pieces) if place is not None)
    return f"{words} {places}".strip()


def marked(name: str, text: str) -> str:
    return f"[{name}]{text}"


@pytest.fixture(scope="module")
def told(loaded: LoadedBundle) -> ItemExplanation:
    return explain_item(loaded, Query(history=(0, 3, 6, 9)), FILM)


def every_sentence(loaded: LoadedBundle, direct: LoadedBundle, told: ItemExplanation, words: Phrases) -> Iterator[str]:
    """Sentences that between them need every text of a table."""
    yield from from_models(loaded, direct, words)
    plain = Query(history=(0, 3, 6, 9))
    sentences = Sentences(loaded, plain, words)
    for made_of in scores(told):
        yield sentences.of_reasons(FILM, 0.0, made_of)
        for rank, why in ((1, None), (40, None), (None, "seen"), (None, "condition"), (None, "excluded")):
            for found in (None, *COUNTERFACTUALS):
                changed = dataclasses.replace(told, rank=rank, not_listed=why, counterfactual=found)
                yield sentences.of_item(changed, made_of)
    for gain, names, mode in (
        (50.0, ["Comedy", "Drama"], "soft"),
        (0.1, ["Comedy"], "soft"),
        (0.0, ["Comedy"], "strict"),
    ):
        asked = Query(history=(0,), condition=direct.condition(names, mode=mode))
        yield Sentences(direct, asked, words).of_reasons(FILM, gain, parts(factor(told, 1.0)))
        yield Sentences(direct, asked, words).of_reasons(FILM, gain, parts())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.words.thresholds.NAMED_VALUES", 2)
        asked = Query(history=(0,), condition=direct.condition(["Comedy", "Drama", "Horror"]))
        yield Sentences(direct, asked, words).of_reasons(FILM, 1.0, parts())
    yield words.title("Film " * 20, "m0")


def from_models(loaded: LoadedBundle, direct: LoadedBundle, words: Phrases) -> Iterator[str]:
    """By the models themselves: lists, items and profiles, steered and asked."""
    away = np.array([-6.0, 0.0, -6.0, 0.0], dtype=np.float32)
    for bundle in (loaded, direct):
        for condition in (None, bundle.condition(["Comedy"]), bundle.condition(["Drama", "Horror"], match="all")):
            for history, shift in (((0, 2, 49), None), ((0, 2, 49), away), ((0,), None), ((), None)):
                query = Query(history=history, condition=condition, shift=shift, n=4)
                answer = bundle.recommend(query)
                yield from (r.sentence for r in explain_list(bundle, query, answer, phrases=words))
                if history:
                    yield profile(bundle, query, phrases=words).sentence
                    item = answer.items[0].item_ix
                    yield explain_item(bundle, query, item, extras=Extras(True, phrases=words)).sentence
    found = profile(loaded, Query(history=(0, 2)))
    sentences = Sentences(loaded, Query(history=(0, 2)), words)
    yield sentences.of_profile(dataclasses.replace(found, undecoded=(1, 2, 3)))
    elsewhere = tuple(dataclasses.replace(factor, in_history=False) for factor in found.factors)
    yield sentences.of_profile(dataclasses.replace(found, factors=elsewhere))
    for undecoded_ones in ((1,), (1, 2)):
        yield sentences.of_profile(dataclasses.replace(found, factors=(), undecoded=undecoded_ones))


COUNTERFACTUALS = [
    dataclasses.replace(COUNTERFACTUAL, remove=removed, replacement=replacement)
    for removed, replacement in (((0,), 7), ((0, 3), 49), ((0, 3, 6), None))
]
COUNTERFACTUALS += [dataclasses.replace(COUNTERFACTUALS[1], offered=offered) for offered in ((3,), (0, 3))]
COUNTERFACTUALS.append(dataclasses.replace(COUNTERFACTUALS[0], offered=(0,)))


def scores(told: ItemExplanation) -> list[Parts]:
    """One for each thing that can be said of what a score is made of."""
    share = msgspec.structs.replace(told.history[0], item_ix=0, contribution=1.0, linear=0.0)
    other = msgspec.structs.replace(share, item_ix=3)
    low = {"half": "negative", "percentile": 6.0}
    unlike = [factor(told, 1.0, factor=i % 3, value=value) for i, value in enumerate(("Comedy", "Drama", "Horror"))]
    steered = {"z": 1.0, "shifted": 2.0}
    small = msgspec.structs.replace(share, contribution=0.04, linear=0.5)
    return [
        parts(),
        parts(*unlike, *unlike, *unlike),
        parts(factor(told, 1.0), history=[share, other]),
        parts(factor(told, 1.0, percentile=60.0), history=[share]),
        parts(factor(told, 25.0), history=[share]),
        parts(factor(told, 12.0), history=[msgspec.structs.replace(share, contribution=0.5), other]),
        parts(factor(told, 1.0, status="ambiguous"), history=[msgspec.structs.replace(share, contribution=0.001)]),
        parts(factor(told, 1.0, attribute="year", value="2010s")),
        parts(factor(told, 1.0, attribute="rating", value="high")),
        parts(factor(told, 1.0, attribute="rating", value=None)),
        parts(undecoded(told, 1.0)),
        parts(undecoded(told, 1.0, **low)),
        parts(undecoded(told, 1.0, **{**steered, "factor": 0})),
        parts(lacking(told, 1.0)),
        parts(lacking(told, 1.0, status="ambiguous", **low)),
        parts(lacking(told, 1.0, **steered)),
        parts(factor(told, 1.0, **steered)),
        parts(factor(told, 1.0, z=1.5, shifted=0.7)),
        parts(factor(told, 1.0, z=0.5, shifted=-1.0)),
        parts(factor(told, 1.0, lean=0.2)),
        parts(factor(told, 0.1), lacking(told, -1.0, lean=0.0)),
        parts(factor(told, 0.1), *(undecoded(told, 0.1) for i in range(8)), steered=0.4),
        parts(factor(told, 0.1), history=[msgspec.structs.replace(share, linear=1.0)]),
        parts(
            factor(told, 0.1), history=[small, *(msgspec.structs.replace(small, contribution=c) for c in (-1.0, -1.0))]
        ),
        parts(factor(told, 0.1), lacking(told, -1.0)),
        parts(factor(told, 0.1), history=[msgspec.structs.replace(share, linear=-1.0)]),
    ]


def test_second_table_leaves_none_of_the_english_words(loaded, direct, told) -> None:
    english = {word for name in TEXTS for text in texts_of(name) for word in literal_words(text)}
    assert {"because", "recommended", "and", "you", "top", "of", "users"} <= english
    strange = rewritten(made_up)
    names = {"film", "m", "genre", "year", "rating", "comedy", "drama", "horror", "high", "s"}
    found = list(every_sentence(loaded, direct, told, strange))
    assert len(found) > 300
    for sentence in found:
        left = set(WORD.findall(re.sub("ž[^ž]*ž", " ", sentence.lower()))) - names
        assert not left & english, sentence
        assert "by 2.0 sd" not in sentence and "2.0" not in sentence, "the decimal mark is the table's"
    plain = next(every_sentence(loaded, direct, told, ENGLISH))
    assert set(WORD.findall(plain.lower())) & english, "the control: the same check sees English"


def test_every_text_of_the_table_is_said_somewhere(loaded, direct, told) -> None:
    """So that the test above has seen them all, and none is left over."""
    said = " ".join(every_sentence(loaded, direct, told, rewritten(marked)))
    missing = [name for name in TEXTS if f"[{name}]".lower() not in said.lower() and f"[{name}." not in said]
    assert missing == []


def literal_words(text: str) -> list[str]:
    return [word for literal, *_ in string.Formatter().parse(text) for word in WORD.findall(literal.lower())]


def texts_of(name: str) -> list[str]:
    value = getattr(ENGLISH, name)
    return (
        [value] if isinstance(value, str) else [t for f in dataclasses.fields(value) if (t := getattr(value, f.name))]
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [("leans", "you lean"), ("leans", "you lean to {leanings} {more}"), ("popular", "{title}"), ("mostly", "{0}")],
)
def test_table_with_a_text_that_fills_other_places_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"{name} fills"):
        dataclasses.replace(ENGLISH, **{name: text})


def test_table_refuses_a_plural_or_list_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="profile_undecoded fills"):
        dataclasses.replace(ENGLISH, profile_undecoded=Plural(other="{n} factors", few="some"))
    with pytest.raises(ValueError, match="both fills"):
        dataclasses.replace(ENGLISH, both=Listing(two="{a}", comma="{a}, {b}", last="{a} and {b}"))
    assert set(get_type_hints(Phrases)) == {f.name for f in dataclasses.fields(Phrases)}


def test_plural_takes_the_form_of_the_number_in_a_language_with_more_of_them() -> None:
    """Polish: 1 factor, 2 to 4, and many; CLDR's rule for whole numbers."""

    def polish(n: int) -> str:
        if n == 1:
            return "one"
        return "few" if n % 10 in {2, 3, 4} and n % 100 not in {12, 13, 14} else "many"

    forms = Plural(one="{n} czynnik", few="{n} czynniki", many="{n} czynników", other="{n} czynnika")
    table = dataclasses.replace(ENGLISH, plural=polish, profile_undecoded=forms)
    said = [table.fill(table.profile_undecoded, count=n, n=n) for n in (1, 3, 5, 12, 22)]
    assert said == ["1 czynnik", "3 czynniki", "5 czynników", "12 czynników", "22 czynniki"]


@pytest.mark.parametrize(
    ("names", "said"), [([], ""), (["A"], "A"), (["A", "B"], "A and B"), (["A", "B", "C", "D"], "A, B, C and D")]
)
def test_listing_follows_its_patterns(names: list[str], said: str) -> None:
    assert ENGLISH.both.of(names) == said


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        (None, "item m7"),
        (" \n\t", "item m7"),
        ("Brazil {factor} {0} %s %", "Brazil {factor} {0} %s %"),
        ('He said "no"\nand\tleft', 'He said "no" and left'),
        ("a\u202eb\u0000c", "abc"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("word " * 30, "word word word word word word word word word word word word…"),
    ],
)
def test_title_is_one_short_line(title: str | None, shown: str) -> None:
    assert ENGLISH.title(title, "m7") == shown
