"""A client of the service. Needs httpx and msgspec, and nothing of the server.

Client waits for replies, AsyncClient is awaited; one method for each operation of the API, named as in openapi.json.
Replies are frozen structs (`prismrec.client.models`). What goes wrong is a ClientError: docs/client.md.
"""

from __future__ import annotations

from prismrec.client import models, problems
from prismrec.client.calls import CallOptions
from prismrec.client.clients import AsyncClient, Client
from prismrec.client.errors import (
    ClientError,
    ConnectTimedOutError,
    DroppedError,
    NotConnectedError,
    ProblemError,
    TimedOutError,
    TransportError,
    UnavailableError,
    UnreadableReplyError,
)
from prismrec.client.reading import problem_error
from prismrec.client.retries import NEVER, RetryPolicy

__all__ = [
    "NEVER",
    "AsyncClient",
    "CallOptions",
    "Client",
    "ClientError",
    "ConnectTimedOutError",
    "DroppedError",
    "NotConnectedError",
    "ProblemError",
    "RetryPolicy",
    "TimedOutError",
    "TransportError",
    "UnavailableError",
    "UnreadableReplyError",
    "models",
    "problem_error",
    "problems",
]
