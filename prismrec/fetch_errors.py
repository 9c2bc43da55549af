"""What went wrong at somebody else's file system, told in our words.

Every file system has errors of its own, and they may repeat the address with the keys in it: only their kind is told,
and what to do about it. Their own log lines are kept back for the same reason.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from bundle.errors import BundleError
from prismrec.failures import CommandError

NOT_FOUND, UNAUTHORISED, FORBIDDEN = 404, 401, 403
OF_CREDENTIALS = ("Credential", "RefreshError", "TokenRetrieval")
"""What stands in the names of the errors of botocore and google-auth that mean: there are none, or they are no good."""

REACHED_HINT = "check the address, the network and this machine's right to read it"
RIGHTS_HINTS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE, or give this machine a role"
    " that may read the bucket; of a public bucket FSSPEC_S3_ANON=true asks without",
    "gs": "name the file of a service account by GOOGLE_APPLICATION_CREDENTIALS, or give this machine an account that"
    " may read the bucket",
}
RIGHTS_HINT = "give this machine the right to read it"
ALIASES = {"s3a": "s3", "gcs": "gs"}


@contextmanager
def reached(shown: str) -> Iterator[None]:
    """Turn whatever a file system raises into CommandError; FileNotFoundError and our own errors go through.

    shown: the address as it may be told, without keys.
    """
    try:
        yield
    except (BundleError, CommandError, ImportError):
        raise
    except FileNotFoundError as error:
        cause = (
            error.__cause__
        )  # fsspec says of a server that does not answer, or does not let us in, that nothing is there
        if isinstance(cause, OSError) or _status(cause) not in {None, NOT_FOUND}:
            raise unreachable(shown, cause) from None
        raise
    except Exception as error:  # noqa: BLE001 - see above
        raise unreachable(shown, error) from None


@contextmanager
def quiet_libraries(*, quiet: bool = True) -> Iterator[None]:
    """While inside, log lines that nobody asked for go nowhere instead of to stderr."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    if quiet:
        root.addHandler(nowhere)
    try:
        yield
    finally:
        root.removeHandler(nowhere)


def unreachable(shown: str, error: BaseException | None) -> CommandError:
    """The CommandError for an address that cannot be read, with the hint that fits the kind of error."""
    if _is_about_rights(error):
        scheme = urlsplit(shown).scheme
        hint = RIGHTS_HINTS.get(ALIASES.get(scheme, scheme), RIGHTS_HINT)
        return CommandError(f"{shown} may not be read ({_kind(error)})", hint=hint)
    return CommandError(f"{shown} cannot be read ({_kind(error)})", hint=REACHED_HINT)


def _is_about_rights(error: BaseException | None) -> bool:
    name = type(error).__name__
    return (
        isinstance(error, PermissionError)
        or any(part in name for part in OF_CREDENTIALS)
        or _status(error) in {UNAUTHORISED, FORBIDDEN}
    )


def _status(error: BaseException | None) -> int | None:
    """The HTTP status that an error carries, by the names that aiohttp and gcsfs have for it."""
    if type(error) is OSError and str(error).startswith("Forbidden"):  # gcsfs, which drops the number
        return FORBIDDEN
    found = getattr(error, "status", None) or getattr(error, "code", None)
    return found if isinstance(found, int) else None


def _kind(error: BaseException | None) -> str:
    status = _status(error)
    if status is not None:
        return f"HTTP {status}"
    if isinstance(error, OSError) and error.filename is None and error.strerror and error.errno and error.errno > 0:
        return error.strerror if type(error).__module__ == "builtins" else type(error).__name__
    return type(error).__name__
