"""`python -m tests.service.fuzz_broken VARIANT`: the service with one planted fault, a control of the fuzzing."""

from __future__ import annotations

import sys
from typing import Any

from starlette.responses import Response

from service import __main__ as process
from service.errors import InvalidRequestError, UnknownFactorError
from service.http.auth import Keyring
from service.routes import items


def _wrong_reply(model: Any) -> Response:
    return Response(b'{"items": "none"}', media_type="application/json")


def _crash(*_: Any) -> int:
    raise KeyError("planted")


def _whim(*_: Any) -> int:
    raise InvalidRequestError("not today")


def _undeclared(*_: Any) -> int:
    raise UnknownFactorError("not here")


def main() -> int:
    """Break it, then serve."""
    variant = sys.argv[1]
    if variant == "schema":
        items.reply = _wrong_reply
    elif variant == "crash":
        items.decode_offset = _crash
    elif variant == "whim":
        items.decode_offset = _whim
    elif variant == "code":
        items.decode_offset = _undeclared
    elif variant == "auth":
        Keyring.admit = lambda *_: "read-1"  # type: ignore[method-assign]
    else:
        raise SystemExit(f"no such fault: {variant}")
    return process.main()


if __name__ == "__main__":
    sys.exit(main())
