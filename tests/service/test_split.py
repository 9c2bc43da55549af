"""The split deals users as its shares say, the same everywhere, and moves nobody it need not."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from decimal import Decimal

import pytest

from service.bundles.split import Split, parse_split
from service.settings import Settings, SettingsError, load_settings

USERS = [str(number) for number in range(100_000)]
SOME = USERS[:10_000]
RARE = {1: 10.83, 2: 13.82}
"""Chi-square by degrees of freedom that is exceeded once in a thousand."""


def split(text: str, salt: str = "") -> Split:
    return Split(parse_split(text), salt)


def dealt(text: str, salt: str = "", *, users: list[str] = SOME) -> list[str]:
    made = split(text, salt)
    return [made.arm_of(user) for user in users]


def chi_square(arms: list[str], text: str) -> float:
    counted = Counter(arms)
    expected = {name: float(share) * len(arms) for name, share in parse_split(text)}
    return sum((counted[name] - wanted) ** 2 / wanted for name, wanted in expected.items())


def moves(before: list[str], after: list[str]) -> Counter[tuple[str, str]]:
    return Counter((was, now) for was, now in zip(before, after, strict=True) if was != now)


def test_split_deals_in_proportion() -> None:
    two, three = "a:0.9,b:0.1", "a:0.5,b:0.3,c:0.2"
    by_two, by_three = dealt(two, users=USERS), dealt(three, users=USERS)
    assert chi_square(by_two, two) < RARE[1]
    assert chi_square(by_three, three) < RARE[2]
    assert chi_square(by_two, "a:0.89,b:0.11") > RARE[1]  # the control: a hundredth off is found out


def test_split_that_grows_an_arm_moves_users_only_into_it() -> None:
    grown = moves(dealt("a:0.9,b:0.1"), dealt("a:0.7,b:0.3"))
    assert set(grown) == {("a", "b")}
    assert 0.19 < grown["a", "b"] / len(SOME) < 0.21  # no more than the shares make needful
    three = moves(dealt("a:0.5,b:0.3,c:0.2"), dealt("a:0.375,b:0.225,c:0.4"))
    assert set(three) == {("a", "c"), ("b", "c")}
    added = moves(dealt("a:0.6,b:0.4"), dealt("a:0.3,b:0.2,c:0.5"))
    assert set(added) == {("a", "c"), ("b", "c")}
    assert moves(dealt("a:0.6,b:0.4,c:0"), dealt("a:0.6,b:0.4")) == Counter()


def test_split_by_intervals_would_move_others_too() -> None:
    def interval(user: str, ends: tuple[float, ...]) -> str:
        u = int(hashlib.sha256(user.encode()).hexdigest()[:13], 16) / 16**13
        return "abc"[sum(u >= end for end in ends)]

    before = [interval(user, (0.5, 0.8)) for user in SOME]
    after = [interval(user, (0.375, 0.6)) for user in SOME]
    assert ("a", "b") in moves(before, after)  # the control: what the test above is about


def test_split_is_the_one_that_is_written_down() -> None:
    made = split("flagship:0.8,challenger:0.2", "autumn")

    def by_the_book(user: str) -> str:
        cost = {}
        for arm, share in {"flagship": 0.8, "challenger": 0.2}.items():
            u = (int(hashlib.sha256(f"autumn/{arm}/{user}".encode()).hexdigest()[:13], 16) + 0.5) / 16**13
            cost[arm] = -math.log(u) / share
        return min(cost, key=cost.__getitem__)

    assert all(made.arm_of(user) == by_the_book(user) for user in USERS[:500])
    told = "".join(split("a:0.5,b:0.5").arm_of(str(user)) for user in range(40))
    assert told == PINNED


PINNED = "aababbaaabbabaababbbbaaabbabbaaabbbaabab"
"""The arms of the users 0 to 39: of any process, on any platform, of any version."""


def test_split_with_another_salt_deals_anew() -> None:
    pairs = list(zip(dealt("a:0.5,b:0.5"), dealt("a:0.5,b:0.5", "other"), strict=True))
    assert abs(sum(was == now for was, now in pairs) / len(pairs) - 0.5) < 0.02


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a:",
        "a:1.1",
        "a:-1",
        ":1",
        "a:0.5",
        "a:0.5,b:0.6",
        "a:0.5,a:0.5",
        "a:1e0",
        "a:.5,b:.5",
        "a:0.5;b:0.5",
        "a:nan",
        "a:0.5,b:0.5,",
        "a:0.3333333,b:0.6666667",
        "a:0.5,b:0,5",
    ],
)
def test_split_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected name:share|sum to|twice"):
        parse_split(text)


def test_split_shares_are_exact() -> None:
    assert parse_split("a:0.1, b:0.2,c:0.7") == (("a", Decimal("0.1")), ("b", Decimal("0.2")), ("c", Decimal("0.7")))
    assert split("a:1,b:0").share_of("b") == 0.0
    assert split("a:1").share_of("b") is None


def test_settings_of_several_models() -> None:
    found = load_settings({"PRISMREC_SERVE": "a, b", "PRISMREC_SPLIT": "a:0.9,b:0.1", "PRISMREC_SPLIT_SALT": "x"})
    assert (found.serve, found.default_model) == (("a", "b"), "a")
    assert found.experiment == Split(parse_split("a:0.9,b:0.1"), "x")
    assert load_settings({"PRISMREC_SERVE": "a,b", "PRISMREC_MODEL": "b"}).default_model == "b"
    assert (Settings().serve, Settings().default_model, Settings().experiment) == ((), None, None)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SERVE": "a,,b"}, "SERVE"),
        ({"SERVE": "a,../b"}, "SERVE"),
        ({"SERVE": "a,a"}, "SERVE"),
        ({"SERVE": ",".join(f"m{i}" for i in range(17))}, "SERVE"),
        ({"SERVE": "a", "MODEL": "b"}, "MODEL"),
        ({"SERVE": "a", "SPLIT": "a:0.5,b:0.5"}, "SPLIT names a model"),
        ({"SPLIT": "a:1"}, "SPLIT names a model"),
        ({"SERVE": "a,b", "SPLIT": "a:0.5,b:0.4"}, "sum to 0.9"),
        ({"SERVE": "a", "SPLIT_SALT": "a/b"}, "SPLIT_SALT"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings({f"PRISMREC_{name}": value for name, value in given.items()})
    assert load_settings({"PRISMREC_SERVE": ",".join(f"m{i}" for i in range(16))}).default_model == "m0"
