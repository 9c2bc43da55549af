# Made by `make client` from openapi/openapi.json; do not edit.
"""One exception for each problem code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from prismrec.client.errors import ProblemError, UnavailableError


class MalformedError(ProblemError):
    """`malformed` (400): The body cannot be read."""


class UnauthorizedError(ProblemError):
    """`unauthorized` (401): A key is needed."""


class ForbiddenError(ProblemError):
    """`forbidden` (403): This key may not do that."""


class CrossSiteError(ProblemError):
    """`cross-site` (403): Not from another site's page."""


class NotFoundError(ProblemError):
    """`not-found` (404): There is nothing here."""


class MethodNotAllowedError(ProblemError):
    """`method-not-allowed`"""


class ConflictError(ProblemError):
    """`conflict` (409): In conflict with another operation."""


class TooLargeError(ProblemError):
    """`too-large` (413): The body is too large."""


class UnsupportedMediaTypeError(ProblemError):
    """`unsupported-media-type` (415): Unsupported media type."""


class MisdirectedError(ProblemError):
    """`misdirected` (421): Not a name of this service."""


class InvalidRequestError(ProblemError):
    """`invalid-request` (422): The request is not valid."""


class BundleRefusedError(ProblemError):
    """`bundle-refused` (422): The bundle does not pass its checks."""


class InternalError(ProblemError):
    """`internal` (500): Internal error."""


class NonFiniteScoreError(ProblemError):
    """`non-finite-score` (500): The model gave no usable score."""


class OverloadedError(UnavailableError):
    """`overloaded` (503): Too many requests at once."""


class NoBundleError(UnavailableError):
    """`no-bundle` (503): No model is loaded."""


class StorageUnavailableError(UnavailableError):
    """`storage-unavailable` (503): The store does not answer."""


class DeadlineError(ProblemError):
    """`deadline` (504): The answer took too long."""


class NoMemoryError(ProblemError):
    """`no-memory` (507): There is not enough memory for the bundle."""


class StorageFullError(ProblemError):
    """`storage-full` (507): The store is full."""


class UnknownUserError(NotFoundError):
    """`unknown-user` (404): Unknown user."""


class UnknownPreferencesError(NotFoundError):
    """`unknown-preferences` (404): This user has no preferences."""


class UnknownItemError(NotFoundError):
    """`unknown-item` (404): Unknown item."""


class UnknownFactorError(NotFoundError):
    """`unknown-factor` (404): Unknown factor."""


class UnknownModelError(NotFoundError):
    """`unknown-model` (404): Unknown model."""


class UnknownBundleError(NotFoundError):
    """`unknown-bundle` (404): Unknown bundle."""


BY_CODE: Mapping[str, type[ProblemError]] = MappingProxyType(
    {
        "malformed": MalformedError,
        "unauthorized": UnauthorizedError,
        "forbidden": ForbiddenError,
        "cross-site": CrossSiteError,
        "not-found": NotFoundError,
        "unknown-user": UnknownUserError,
        "unknown-preferences": UnknownPreferencesError,
        "unknown-item": UnknownItemError,
        "unknown-factor": UnknownFactorError,
        "unknown-model": UnknownModelError,
        "unknown-bundle": UnknownBundleError,
        "method-not-allowed": MethodNotAllowedError,
        "conflict": ConflictError,
        "too-large": TooLargeError,
        "unsupported-media-type": UnsupportedMediaTypeError,
        "misdirected": MisdirectedError,
        "invalid-request": InvalidRequestError,
        "bundle-refused": BundleRefusedError,
        "internal": InternalError,
        "non-finite-score": NonFiniteScoreError,
        "overloaded": OverloadedError,
        "no-bundle": NoBundleError,
        "storage-unavailable": StorageUnavailableError,
        "deadline": DeadlineError,
        "no-memory": NoMemoryError,
        "storage-full": StorageFullError,
    }
)
"""The class of each code."""
