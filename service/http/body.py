"""Reading a request's body: bounded in bytes and time, JSON only, every object's keys once, numbers finite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

from starlette.types import Receive

from service.errors import InvalidRequestError, MalformedError, TooLargeError, UnsupportedMediaTypeError

WHOLE = ""
"""RFC 6901's pointer to the whole body: while it is being parsed no place in it is known."""

DRAIN_SECONDS = 0.5
DRAIN_BYTES = 1 << 20
"""How much of a refused body is still taken from the wire, so that the client gets to read the refusal."""


class ClientGoneError(Exception):
    """The client went away before its body was whole; there is nobody to answer."""


class LateBodyError(MalformedError):
    """The body did not arrive in time."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, *, limit: int, seconds: float) -> bytes:
    """The whole body, at most `limit` bytes: declared, chunked or with a lying length.

    Raises TooLargeError, UnsupportedMediaTypeError (an encoding, or content that is not JSON), LateBodyError (it
    does not arrive within `seconds`) or ClientGoneError.
    """
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"", b"identity"}:
        raise UnsupportedMediaTypeError("a body with a Content-Encoding is not read")
    declared = headers.get(b"content-length")
    if declared is None and b"transfer-encoding" not in headers:
        return b""
    if declared is not None and (not declared.isdigit() or int(declared[:20]) > limit):
        if b"expect" not in headers:
            await _drain(receive)
        raise TooLargeError(f"the body has more than {limit} bytes")
    try:
        async with asyncio.timeout(seconds):
            body = await _collect(receive, limit)
    except TimeoutError:
        raise LateBodyError(f"the body did not arrive within {seconds:g} s") from None
    if body and not _is_json(headers.get(b"content-type", b"")):
        raise UnsupportedMediaTypeError("the body must be application/json")
    return body


async def _collect(receive: Receive, limit: int) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        parts += message.get("body", b"")
        if len(parts) > limit:
            if message.get("more_body", False):
                await _drain(receive)
            raise TooLargeError(f"the body has more than {limit} bytes")
        if not message.get("more_body", False):
            return bytes(parts)


async def _drain(receive: Receive) -> None:
    taken = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while taken < DRAIN_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return


def _is_json(content_type: bytes) -> bool:
    media = content_type.split(b";", 1)[0].strip().lower()
    return media == b"application/json" or (media.startswith(b"application/") and media.endswith(b"+json"))


def parse_json(body: bytes) -> Any:
    """The value of a JSON body. Raises MalformedError (no JSON) or InvalidRequestError (NaN, infinity, a key twice)."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise MalformedError("the body is not UTF-8") from None
    except RecursionError:
        raise MalformedError("the body is nested too deeply") from None
    except ValueError:
        raise MalformedError("the body is not valid JSON") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidRequestError.field(WHOLE, "an object of the body names a field twice")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidRequestError.field(WHOLE, "NaN and Infinity are not JSON; numbers must be finite")
