"""What the service answers when it cannot answer. Codes are the API's; the status of each is given here alone.

ServiceError                      detail, errors[{pointer, detail}], hint; never repeats what the caller sent
 +- InvalidRequestError           invalid-request         a field is out of bounds, unknown or contradicts another
 +- MalformedError                malformed               the body is not JSON at all
 +- UnauthorizedError             unauthorized
 +- ForbiddenError                forbidden
 +- CrossSiteError                cross-site              a page of another origin would change something
 +- NotFoundError                 not-found               no such path
 |   +- UnknownUserError          unknown-user
 |   +- UnknownPreferencesError   unknown-preferences     the user is known and has none
 |   +- UnknownItemError          unknown-item
 |   +- UnknownFactorError        unknown-factor
 |   +- UnknownModelError         unknown-model
 |   +- UnknownBundleError        unknown-bundle
 +- MethodNotAllowedError         method-not-allowed
 +- ConflictError                 conflict                one such operation is already running, or a key was reused
 +- TooLargeError                 too-large
 +- UnsupportedMediaTypeError     unsupported-media-type
 +- MisdirectedError              misdirected             the Host is not a name of this service
 +- BundleRefusedError            bundle-refused          the bundle asked for does not pass its checks
 +- NoMemoryError                 no-memory               it may pass them, and there is no memory to load it in
 +- UnavailableError              (retry_after is set)
 |   +- OverloadedError           overloaded
 |   +- NoBundleError             no-bundle
 |   +- StorageUnavailableError   storage-unavailable
 +- StorageFullError              storage-full
 +- DeadlineError                 deadline
 +- NonFiniteScoreError           non-finite-score        the model gave NaN or infinity for this input
 +- InternalError                 internal
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "malformed": 400,
        "unauthorized": 401,
        "forbidden": 403,
        "cross-site": 403,
        "not-found": 404,
        "unknown-user": 404,
        "unknown-preferences": 404,
        "unknown-item": 404,
        "unknown-factor": 404,
        "unknown-model": 404,
        "unknown-bundle": 404,
        "method-not-allowed": 405,
        "conflict": 409,
        "too-large": 413,
        "unsupported-media-type": 415,
        "misdirected": 421,
        "invalid-request": 422,
        "bundle-refused": 422,
        "internal": 500,
        "non-finite-score": 500,
        "overloaded": 503,
        "no-bundle": 503,
        "storage-unavailable": 503,
        "deadline": 504,
        "no-memory": 507,
        "storage-full": 507,
    }
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault: an RFC 6901 pointer into the request body ("/condition/genres/0") and what is wrong."""

    pointer: str
    detail: str


class ServiceError(Exception):
    """Base of every error the service answers with; `status` follows from `code`."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"
    default_hint: ClassVar[str] = "see the service's log for this request id"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        hint: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.hint = hint or self.default_hint
        self.retry_after = retry_after

    @property
    def message(self) -> str:
        """The detail, under the name that the other error trees of prismrec use."""
        return self.detail

    @property
    def hint_for_callers(self) -> str:
        """What the reply says; `hint` is for who runs the service or the command."""
        return self.hint

    @property
    def status(self) -> int:
        return STATUS[self.code]


class InvalidRequestError(ServiceError):
    code, title = "invalid-request", "The request is not valid"
    default_hint = "correct the fields named in `errors`; /docs describes each"

    @classmethod
    def field(cls, pointer: str, detail: str, *, hint: str | None = None) -> InvalidRequestError:
        """The error of a single field."""
        return cls(detail, errors=(FieldError(pointer, detail),), hint=hint)


class MalformedError(ServiceError):
    code, title = "malformed", "The body cannot be read"
    default_hint = "send one JSON object in UTF-8"


class UnauthorizedError(ServiceError):
    code, title = "unauthorized", "A key is needed"
    default_hint = "send a valid key in X-API-Key"


class ForbiddenError(ServiceError):
    code, title = "forbidden", "This key may not do that"
    default_hint = "use a key of the scope that the operation needs"


class CrossSiteError(ServiceError):
    code, title = "cross-site", "Not from another site's page"
    default_hint = (
        "send it from the service's own pages or from a program, or name the page's origin in PRISMREC_ORIGINS"
    )


class NotFoundError(ServiceError):
    code, title = "not-found", "There is nothing here"
    default_hint = "see /docs for the paths"


class UnknownUserError(NotFoundError):
    code, title = "unknown-user", "Unknown user"
    default_hint = "send the items they liked in `history` of POST /recommend, or ask /coldstart"


class UnknownPreferencesError(NotFoundError):
    code, title = "unknown-preferences", "This user has no preferences"
    default_hint = "PUT them first; lists for the user's history need none"


class UnknownItemError(NotFoundError):
    code, title = "unknown-item", "Unknown item"
    default_hint = "GET /items lists the catalogue"


class UnknownFactorError(NotFoundError):
    code, title = "unknown-factor", "Unknown factor"
    default_hint = "GET /factors lists the factors"


class UnknownModelError(NotFoundError):
    code, title = "unknown-model", "Unknown model"
    default_hint = "GET /bundles lists the models"


class UnknownBundleError(NotFoundError):
    code, title = "unknown-bundle", "Unknown bundle"
    default_hint = "GET /bundles lists the versions"


class MethodNotAllowedError(ServiceError):
    code, title = "method-not-allowed", "Not with this method"
    default_hint = "see /docs for the methods of this path"


class ConflictError(ServiceError):
    code, title = "conflict", "In conflict with another operation"
    default_hint = "wait for the other operation to end, then try again"


class TooLargeError(ServiceError):
    code, title = "too-large", "The body is too large"
    default_hint = "send less at a time"


class UnsupportedMediaTypeError(ServiceError):
    code, title = "unsupported-media-type", "Unsupported media type"
    default_hint = "send Content-Type: application/json without a Content-Encoding"


class MisdirectedError(ServiceError):
    code, title = "misdirected", "Not a name of this service"
    default_hint = "ask for localhost or 127.0.0.1, or name the host in PRISMREC_HOSTS"


class BundleRefusedError(ServiceError):
    code, title = "bundle-refused", "The bundle does not pass its checks"
    default_hint = "run `prismrec verify` on the bundle; the bundle served before goes on serving"


class NoMemoryError(ServiceError):
    code, title = "no-memory", "There is not enough memory for the bundle"
    default_hint = (
        "give the process more memory, or serve fewer models; the bundle served before goes on serving, and what"
        " `current` names is tried again by itself"
    )


class UnavailableError(ServiceError):
    """Passing: the same request may be answered after `retry_after` seconds. Its kinds have codes, it has none."""

    default_hint = "try again after the seconds in Retry-After"
    default_retry: ClassVar[int] = 1

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        hint: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail, errors=errors, hint=hint, retry_after=retry_after or self.default_retry)


class OverloadedError(UnavailableError):
    code, title = "overloaded", "Too many requests at once"


class NoBundleError(UnavailableError):
    code, title = "no-bundle", "No model is loaded"
    default_hint = "export a bundle into the model folder; the service takes it up by itself"
    default_retry = 5


class StorageUnavailableError(UnavailableError):
    code, title = "storage-unavailable", "The store does not answer"

    @property
    def hint_for_callers(self) -> str:
        """Settings and databases are not a caller's to mend."""
        return self.default_hint


class StorageFullError(ServiceError):
    code, title = "storage-full", "The store is full"
    default_hint = "nothing was changed; make room and send it again"


class DeadlineError(ServiceError):
    code, title = "deadline", "The answer took too long"
    default_hint = "ask for less (n, samples, counterfactual), or try again"


class NonFiniteScoreError(ServiceError):
    code, title = "non-finite-score", "The model gave no usable score"
    default_hint = "this input breaks the model; report the bundle_id with the request id"


class InternalError(ServiceError):
    code, title = "internal", "Internal error"
