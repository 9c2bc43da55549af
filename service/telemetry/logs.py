"""Structured logs: one JSON object a line. Never an id of a user or an item, never a key, never a body."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson
import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def make_log(
    level: str = "info", *, stream: BinaryIO | None = None, clock: Callable[[], float]
) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes to `stream` (stderr by default). Nothing global is configured.

    clock: seconds since 1970.
    """

    def stamp(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"time": datetime.fromtimestamp(clock(), UTC).isoformat(), "level": method, **event}

    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(stream or sys.stderr.buffer),
        processors=[stamp, structlog.processors.JSONRenderer(_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        context_class=dict,
    )
    return log


def _dumps(event: MutableMapping[str, Any], **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


class Bridge(logging.Handler):
    """Sends what libraries (uvicorn, asyncio) log through the standard library into the same stream."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        exception = type(record.exc_info[1]).__name__ if record.exc_info and record.exc_info[1] else None
        extra = {"error": exception} if exception else {}
        self._log.log(record.levelno, "library", source=record.name, message=record.getMessage(), **extra)
