from __future__ import annotations

import pytest

from bundle.ids import MAX_ID_BYTES, valid_item_id, valid_user_id


@pytest.mark.parametrize("text", ["1", "u0093", "a.b_c:d@e+f=g~h-i", "A" * MAX_ID_BYTES])
def test_user_id_that_a_request_can_name_is_valid(text: str) -> None:
    assert valid_user_id(text)
    assert valid_item_id(text)


@pytest.mark.parametrize("text", ["", "José", "user 1", "a/b", "-1", ".", "u\n", "A" * (MAX_ID_BYTES + 1)])
def test_user_id_that_no_request_can_name_is_not_valid(text: str) -> None:
    assert not valid_user_id(text)


def test_item_id_is_any_short_text_without_control_characters() -> None:
    assert all(map(valid_item_id, ["José", "user 1", "a/b", "é" * 32]))
    assert not any(map(valid_item_id, ["", "a\tb", "u\n", "é" * 33]))
