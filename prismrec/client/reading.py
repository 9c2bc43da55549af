"""A response as the reply of its operation, or as the error that it is."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import httpx
import msgspec

from prismrec.client.calls import Call, Open
from prismrec.client.errors import ProblemError, UnavailableError, UnreadableReplyError
from prismrec.client.models import Problem
from prismrec.client.problems import BY_CODE, NotFoundError
from prismrec.client.retries import PASSING, retry_after

T = TypeVar("T")
JSON, PROBLEM = "application/json", "application/problem+json"


def read_reply(call: Call[T], response: httpx.Response, request_id: str) -> T | ProblemError | UnreadableReplyError:
    """The reply, typed; an error is handed back, not raised, as it may be worth another attempt."""
    media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    wanted = response.status_code == 200 or response.status_code in call.also
    try:
        if wanted and call.reply is str:
            return cast(T, response.text)
        if wanted and media == JSON:
            return cast(T, _decoded(call, response.content))
        if not wanted and media == PROBLEM:
            return problem_error(msgspec.json.decode(response.content, type=Problem), response, request_id)
        found = f"{response.status_code} with {media or 'no media type'}"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        found = f"{response.status_code} with a body that does not fit: {error}"
    return UnreadableReplyError(
        f"{call.name}: the reply is not one of this API, {found}",
        status=response.status_code,
        request_id=request_id,
        retry_after=retry_after(response.headers),
    )


def problem_error(
    problem: Problem, response: httpx.Response | None = None, request_id: str | None = None
) -> ProblemError:
    """The exception of a problem, such as one of the results of `recommend_batch`; of its status if the code is new."""
    kind = BY_CODE.get(problem.code) or _of_status(problem.status)
    wait = None if response is None else retry_after(response.headers)
    return kind(problem, request_id=request_id or problem.instance.rpartition(":")[2], retry_after=wait)


def _of_status(status: int) -> type[ProblemError]:
    """Of a code that this version does not know: what may pass passes, what is not there is not there."""
    if status in PASSING:
        return UnavailableError
    return NotFoundError if status == 404 else ProblemError


def _decoded(call: Call[T], content: bytes) -> Any:
    if not call.opens:
        return msgspec.json.decode(content, type=call.reply)
    found = msgspec.json.decode(content)
    for place in call.opens:
        found = _gathered(found, place, 0)
    return msgspec.convert(found, type=call.reply)


def _gathered(value: Any, place: Open, depth: int) -> Any:
    """The same with the further members of the objects at that place moved into their `fields`."""
    if isinstance(value, list):
        return [_gathered(entry, place, depth) for entry in value]
    if not isinstance(value, dict):
        return value
    if depth < len(place.path):
        name = place.path[depth]
        return value | {name: _gathered(value[name], place, depth + 1)} if name in value else value
    own = set(place.kind.__struct_fields__) - {"fields"}
    known = {name: member for name, member in value.items() if name in own}
    return known | {"fields": {name: member for name, member in value.items() if name not in own}}
