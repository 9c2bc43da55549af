"""Every case of the list has a test, and the page that tells of them has them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.cases import CASES, ROOT, Case, all_names, by_id, gaps

PAGE = ROOT / "docs" / "faults.md"
PLAN = ROOT.parent / "shared" / "design" / "reliability.md"
OWN = {"S9"}
"""Cases that the plan does not have."""


def rows_of(page: str) -> list[str]:
    """The ids in the first column of the page's tables."""
    return re.findall(r"^\| ([A-Z][0-9]{1,2}) \|", page, flags=re.MULTILINE)


def test_every_case_has_a_test_or_says_why_not() -> None:
    assert not gaps(CASES, all_names())
    assert len(by_id()) == len(CASES)


def test_case_without_a_test_is_found() -> None:
    """Controls: one test less, a test that was renamed, an open case that is held."""
    assert gaps(CASES, [name for name in all_names() if not name.startswith("test_b1_")])
    assert gaps([Case("B1", "", ("bundle/test_faults.py::test_of_nobody",))], all_names())
    assert gaps([Case("B1", "", open="too hard")], all_names())
    assert gaps([Case("Z9", "")], all_names())
    assert not gaps([Case("Z9", "", open="told here")], all_names())


@pytest.mark.data
@pytest.mark.skipif(not PLAN.is_file(), reason="NO PLAN: its cases are not compared with the list")
def test_list_has_every_case_of_the_plan_and_no_other() -> None:
    assert set(rows_of(PLAN.read_text())) | OWN == set(by_id())


def test_name_of_a_case_stands_for_one_that_is_listed() -> None:
    named = {found[1].upper() for name in all_names() if (found := re.match(r"test_([a-z][0-9]{1,2})_", name))}
    assert named <= set(by_id())


def test_page_has_every_case_and_names_tests_that_are_there() -> None:
    page = PAGE.read_text()
    assert rows_of(page) == [case.id for case in CASES]
    for path in re.findall(r"`(tests/[a-z_/0-9]+\.py)`", page):
        assert Path(ROOT / path).is_file(), path


def test_page_without_a_case_is_noticed() -> None:
    assert rows_of("| B1 | x |\n| B2 | y |\n") == ["B1", "B2"]
