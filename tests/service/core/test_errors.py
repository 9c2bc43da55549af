"""Every code has one status and every error says what to do."""

from __future__ import annotations

import pytest

from service import errors
from service.errors import STATUS, InvalidRequestError, NoBundleError, ServiceError


def _tree(kind: type[ServiceError]) -> list[type[ServiceError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _tree(child))]


@pytest.mark.parametrize("kind", _tree(ServiceError), ids=lambda kind: kind.__name__)
def test_service_error_of_every_kind_has_status_title_and_hint(kind: type[ServiceError]) -> None:
    error = kind("said plainly")
    assert 400 <= error.status <= 599
    assert error.title
    assert error.hint
    assert error.message == error.detail == str(error) == "said plainly"


def test_status_table_names_no_code_that_nothing_raises() -> None:
    assert {kind.code for kind in _tree(ServiceError)} == set(STATUS)


def test_invalid_request_of_a_field_points_to_it() -> None:
    error = InvalidRequestError.field("/n", "must be between 1 and 500")
    assert [(e.pointer, e.detail) for e in error.errors] == [("/n", "must be between 1 and 500")]


def test_unavailable_errors_say_when_to_try_again() -> None:
    assert NoBundleError("none").retry_after == 5
    assert errors.OverloadedError("full", retry_after=3).retry_after == 3
    assert errors.ConflictError("busy").retry_after is None
