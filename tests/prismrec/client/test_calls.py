"""Ids as segments of a path."""

from __future__ import annotations

from urllib.parse import unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prismrec.client.calls import segment


def arrives(path: str) -> str:
    """The one segment between /items/ and /similar that a server sees; fails if there are more or fewer."""
    url = httpx.URL(f"http://test{path}")
    before, items, found, after = url.raw_path.decode("ascii").partition("?")[0].split("/")
    assert (before, items, after) == ("", "items", "similar")
    return unquote(found, errors="strict")


@given(st.text(min_size=1, max_size=64))
@example(".")
@example("..")
@example("a/b")
@example("?#%2e;")
def test_any_id_is_one_segment_and_arrives_as_it_was(found: str) -> None:
    assert arrives(f"/items/{segment(found)}/similar") == found


@pytest.mark.parametrize("found", ["..", "a/b", "a?b"])
def test_id_that_is_not_made_a_segment_does_not_arrive(found: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        arrives(f"/items/{found}/similar")


def test_number_is_an_id() -> None:
    assert segment(42) == "42"
