"""Checks of our own for schemathesis (SCHEMATHESIS_HOOKS): where two of its own are widened, these say how far.

`positive_data_acceptance` may get 413 and 422 and `negative_data_rejection` 413, and 200 from a batch, as a schema
cannot say everything. What it cannot say is in REASONS, and nothing else passes. FUZZ_SEEN names a file for a count of
the replies by operation, status and code.
"""

from __future__ import annotations

import atexit
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import schemathesis

from service.limits import LIMITS

BATCH = "/recommend/batch"
REASONS = {
    "a cursor is opaque, of one listing and one bundle": r"/cursor the cursor is not of this listing",
    "what values, columns and attributes there are is the bundle's": (
        r"/(genres|condition/genres|picks)/\d+(/value)? must be one of .*"
        r"|/fields/\d+ the items have no such field; they have .*"
        r"|/picks/\d+/attribute can be .*"
    ),
    "what its model can do, too": (
        r"/(condition.*|genres|mode) (this|the) model.*"
        r"|/picks/\d+/factor factors are numbered 0 to \d+"
        r"|/picks/\d+/value no half of a factor is read as this value.*"
        r"|/steer/factors entry \d+: no such factor; .*"
        r"|/steer/attributes entry \d+ cannot be steered.*"
        r"|/steer/lock/\d+ no such attribute; can lock .*"
    ),
    "what the history comes to on this bundle": (
        r"/history (a profile needs at least one known item|there is nothing to explain: .*)"
    ),
    "entries that depend on each other": (
        r"/steer has more than \d+ terms"
        r"|/steer/lock/\d+ an attribute cannot be steered and locked at once"
        r"|/steer/lock all that was asked for moves a locked attribute and nothing else"
        r"|/picks/\d+(/value)? (the same (value|half) is picked twice|both halves .*|another pick has .*)"
    ),
    "3.0 is an integer to JSON Schema; numbers here are as strict as their types": r".* must be a valid integer",
    "maxLength counts characters, an id is measured in bytes": rf".* an id has at most {LIMITS.id_bytes} bytes",
    "a lone surrogate is text to JSON, but UTF-8 has none": r".* must be a valid string.*",
    "a parameter is text, and of the forms that mean one number the plain one is taken": (
        r".* parameter \w+: must be a whole number in plain digits"
    ),
}
"""Why a request that the schema allows may be refused -> what the refusal says, behind its pointer."""
_ITEMS = [f"m{number}" for number in range(40)]
KNOWN = {"user_id": ["1", "7", "42"], "model": ["demo"]} | dict.fromkeys(
    ("item_id", "history", "exclude_items", "candidates"), _ITEMS
)
"""What there is on every service that is tried: the users of the document's examples, and some of the catalogue."""
SEEN: Counter[str] = Counter()
_ANY = re.compile("|".join(f"(?:{pattern})" for pattern in REASONS.values()))


@schemathesis.check
def valid_data_is_refused_for_a_known_reason_only(ctx: Any, response: Any, case: Any) -> None:
    """413 and 422 to what the schema allows: too long a body, or what REASONS lists."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in {413, 422}:
        return
    problem = json.loads(response.content)
    if response.status_code == 413:
        limit = LIMITS.batch_body_bytes if case.path == BATCH else LIMITS.body_bytes
        assert len(response.request.body or b"") > limit, "413 to a body that is short enough"
        return
    told = [f"{error['pointer']} {error['detail']}" for error in problem.get("errors", ())] or [problem["detail"]]
    strange = [detail for detail in told if not _ANY.fullmatch(detail)]
    assert not strange, f"valid data refused with no known reason: {strange}"


@schemathesis.check
def invalid_entry_of_a_batch_gets_a_problem(ctx: Any, response: Any, case: Any) -> None:
    """A batch answers each entry by itself, so one that is not valid makes a problem and not a 422."""
    if case.path != BATCH or response.status_code != 200 or case.meta is None:
        return
    if case.meta.generation.mode.is_negative:
        results = json.loads(response.content)["results"]
        assert any(result["status"] == "problem" for result in results), "nothing was refused"


@schemathesis.check
def every_error_is_a_problem(ctx: Any, response: Any, case: Any) -> None:
    """Also what no operation declares: unknown methods, paths, bodies."""
    if response.status_code >= 400 and not (case.path == "/health/ready" and response.status_code == 503):
        assert response.headers["content-type"] == ["application/problem+json"], response.headers["content-type"]
        assert json.loads(response.content)["status"] == response.status_code


@schemathesis.check
def code_of_a_problem_is_declared(ctx: Any, response: Any, case: Any) -> None:
    """Schemathesis looks at the status; a status may have several codes, and an operation not all of them."""
    definition = case.operation.definition.raw
    status, code = str(response.status_code), ""
    if response.headers.get("content-type") == ["application/problem+json"]:
        code = json.loads(response.content)["code"]
    if response.request.method != case.operation.method.upper():
        return  # it tries other methods, too, whose answers are no operation's
    SEEN[f"{definition['operationId']} {status} {code}".rstrip()] += 1
    if code:
        content = definition["responses"].get(status, {}).get("content", {})
        declared = content.get("application/problem+json", {}).get("examples", {})
        assert code in declared, f"{status} {code} is not declared; with this status are: {', '.join(declared)}"


@schemathesis.hook
def before_call(ctx: Any, case: Any, kwargs: Any) -> None:
    """Every second id of a valid request becomes one that there is: who knows nobody is told nothing but 404."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    places = (case.path_parameters, case.query, case.body)
    salt = repr(places)
    for place in places:
        _known_ids(place, salt)


def _known_ids(place: Any, salt: str) -> None:
    if isinstance(place, list):
        for entry in place:
            _known_ids(entry, salt)
    if not isinstance(place, dict):
        return
    for name, value in place.items():
        if name not in KNOWN:
            _known_ids(value, salt)
        elif isinstance(value, list):
            place[name] = [_known(name, entry, salt) for entry in value]
        elif value is not None:
            place[name] = _known(name, value, salt)


def _known(name: str, value: Any, salt: str) -> Any:
    drawn, among = crc32(f"{value!r} {salt}".encode("utf-8", "replace")), KNOWN[name]
    return value if drawn % 2 else among[drawn // 2 % len(among)]


@atexit.register
def _tell_seen() -> None:
    path = os.environ.get("FUZZ_SEEN")
    if path and SEEN:
        Path(path).write_text(json.dumps(dict(sorted(SEEN.items())), indent=1), "utf-8")
