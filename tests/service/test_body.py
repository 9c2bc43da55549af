from __future__ import annotations

import pytest

from service.errors import InvalidRequestError, MalformedError
from service.http.body import parse_json


def test_json_is_parsed_with_its_odd_but_finite_numbers() -> None:
    assert parse_json(b'{"a": [1, -0.0, 5e-324, "\xc3\xa9", null, true]}') == {"a": [1, 0.0, 5e-324, "é", None, True]}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"nul",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"n": ' + b"9" * 5000 + b"}",
        b"{} {}",
        b"{'a': 1}",
    ],
    ids=["open", "empty", "word", "utf16", "bom", "deep", "long", "two", "quotes"],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_json(body)


@pytest.mark.parametrize("body", [b"NaN", b'{"a": Infinity}', b"[-Infinity]"])
def test_numbers_that_are_not_finite_are_invalid(body: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="finite"):
        parse_json(body)


def test_repeated_key_is_invalid_at_any_depth() -> None:
    with pytest.raises(InvalidRequestError, match="twice"):
        parse_json(b'{"a": {"b": 1, "b": 2}}')
