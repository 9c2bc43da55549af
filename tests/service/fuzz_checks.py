"""Checks of our own for schemathesis (SCHEMATHESIS_HOOKS): where two of its own are widened, these say how far.

`positive_data_acceptance` may get 413 and 422 and `negative_data_rejection` 413, and 200 from a batch, as a schema
cannot say everything. What it cannot say is in REASONS, and nothing else passes.
"""

from __future__ import annotations

import json
import re
from typing import Any

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
        r"/condition.* (this|the) model.*"
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
