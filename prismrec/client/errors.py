"""What the clients raise. `problems.py` has a class for each code; every one of them is a ProblemError.

ClientError
 +- ProblemError                the service answered with a problem: status, code, detail, hint, errors
 |   +- InvalidRequestError, UnknownUserError ...     one for each code
 |   +- UnavailableError        503, 429: the same request may be answered later (retry_after)
 |       +- OverloadedError, NoBundleError ...
 +- TransportError              no reply came; `sent` says whether the request may have arrived
 |   +- NotConnectedError       refused, no such host, a certificate that is not trusted: nothing was sent
 |   |   +- ConnectTimedOutError   (a TimedOutError, too)
 |   +- TimedOutError           nothing within the read timeout
 |   +- DroppedError            the connection ended before the reply did
 +- UnreadableReplyError        a reply that is not this API's: a proxy's page, cut JSON, another schema
"""

from __future__ import annotations

from typing import Any

from prismrec.client.models import FieldProblem, Problem


class ClientError(Exception):
    """Base of all that a call raises but for ValueError, which an argument gets that cannot be sent.

    request_id: the X-Request-ID of the call, which the service's log has, too. idempotency_key: the Idempotency-Key
    that it was sent with, None where it needs none; sent again with the same key and body, a write counts once.
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.idempotency_key: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Exceptions travel between processes; the constructors' own arguments need not."""
        return _again, (type(self), self.args, dict(self.__dict__))


class ProblemError(ClientError):
    """The service answered with a problem (RFC 9457)."""

    def __init__(self, problem: Problem, *, request_id: str | None = None, retry_after: float | None = None) -> None:
        found = f"{problem.code} ({problem.status}): {problem.detail}"
        super().__init__(f"{found}; hint: {problem.hint}" if problem.hint else found, request_id=request_id)
        self.problem = problem
        self.retry_after = retry_after
        """Seconds after which the same request may be answered; None = the service does not say."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> str:
        """What went wrong, for programs."""
        return self.problem.code

    @property
    def detail(self) -> str:
        """What happened this time."""
        return self.problem.detail

    @property
    def hint(self) -> str:
        """What to do about it."""
        return self.problem.hint

    @property
    def errors(self) -> tuple[FieldProblem, ...]:
        """The fields at fault, each with a pointer and a detail."""
        return tuple(self.problem.errors or ())


class UnavailableError(ProblemError):
    """Passing: the same request may be answered after `retry_after` seconds."""


class TransportError(ClientError):
    """No reply came.

    sent: whether the request, or a part of it, may have arrived: where it is true, nobody knows what became of it.
    """

    sent = True


class NotConnectedError(TransportError):
    """No connection came about, so nothing was sent."""

    sent = False


class TimedOutError(TransportError):
    """Nothing came within the timeout, or not all of it within the time of the call."""


class ConnectTimedOutError(NotConnectedError, TimedOutError):
    """No connection within the connect timeout, or none free in the pool within its own: nothing was sent."""


class DroppedError(TransportError):
    """The connection ended before the reply did."""


class UnreadableReplyError(ClientError):
    """A reply that is not one of this API: what stands between answered, or the versions are too far apart."""

    def __init__(
        self, message: str, *, status: int, request_id: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.status = status
        self.retry_after = retry_after


def _again(kind: type[ClientError], args: tuple[Any, ...], state: dict[str, Any]) -> ClientError:
    made = kind.__new__(kind, *args)
    made.args = args
    made.__dict__.update(state)
    return made
