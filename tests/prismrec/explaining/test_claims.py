"""Claims: all pass on users whose explanations are good, and each fails when what it speaks of is not so."""

from __future__ import annotations

import pytest

from prismrec.explaining.claims import claims
from prismrec.explaining.figures import factors_of, history_of, orders
from prismrec.explaining.orders import LEAVE_ONE_OUT, OURS, RANDOM, SHUFFLED, SIMILARITY
from tests.prismrec.explaining.users import GOOD, removal, users


def judged(found):
    return {one.name: one for one in claims(found, orders(found, history_of), orders(found, factors_of))}


def failed(found):
    return {name for name, one in judged(found).items() if not one.passed}


def test_good_explanations_pass_every_claim():
    found = judged(users())
    assert [name for name, one in found.items() if not one.passed] == []
    assert sum(one.required for one in found.values()) == 1 + 9 + 3
    assert "0.500" in found["history items, k = 5: better than every other order"].said


BETTER = {f"history items, k = {k}: better than every other order" for k in (5, 10, 20)}
CLOSE = {f"history items, k = {k}: within 5 % of leave one out" for k in (5, 10, 20)}
CONTROL = {f"history items, k = {k}: the shuffled explanation fails" for k in (5, 10, 20)}


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (GOOD | {OURS: GOOD[SHUFFLED], LEAVE_ONE_OUT: GOOD[SHUFFLED]}, BETTER),  # a shuffled explanation as ours
        (GOOD | {SIMILARITY: 0.5}, BETTER),  # as good is not better
        (GOOD | {OURS: 0.54}, CLOSE),
        (GOOD | {SHUFFLED: 0.4}, CONTROL),
        (GOOD | {OURS: 0.45}, set()),  # better than leave-one-out is welcome
    ],
)
def test_history_claims_fail_when_they_are_not_so(history, expected):
    assert failed(users(history=history)) == expected


def test_what_is_not_better_is_named():
    said = judged(users(history=GOOD | {RANDOM: 0.5}))["history items, k = 10: better than every other order"].said
    assert "touch or are worse: DEL of random, INS of random" in said


KEPT_OFF = "counterfactuals are found while the removed items are kept off the list, too"


def test_sets_that_are_not_there_are_not_found_by_either_rule():
    claims = judged(users(removals=[removal(1, 2), removal(2, 0)]))
    assert failed(users(removals=[removal(1, 2), removal(2, 0)])) == {"counterfactuals are found", KEPT_OFF}
    assert claims["counterfactuals are found"].required and not claims[KEPT_OFF].required


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"residual": 2e-4}, "base, factors and direct parts make the score, as it is"),
        ({"removals": [removal(1, 2), removal(2, 3, offered=True)]}, KEPT_OFF),
        ({"removals": [removal(1, 2, confirmed=False)]}, "counterfactuals are valid"),
        ({"removals": [removal(1, 2, cost=31.0)]}, "counterfactuals are cheap enough"),
    ],
)
def test_other_claims_fail_when_they_are_not_so(changes, expected):
    assert failed(users(**changes)) == {expected}
