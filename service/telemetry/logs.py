"""Structured logs: one JSON object a line. Never an id of a user or an item, never a key, never a body."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, BinaryIO

import orjson
import structlog

LINES, MINUTE = 5, 60.0
"""So many lines of a library's source at a level, in so many seconds."""
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Sink:
    """Where lines go: a stream, stderr by default. A line that it does not take (its reader is gone, the disk is full,
    it is closed) is lost and told to `lost`, and nobody's request fails for it; each line is a new try.
    """

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stderr.buffer
        self._turn = Lock()
        self.lost: Callable[[], None] = lambda: None

    def msg(self, line: bytes) -> None:
        """Write one line, from any thread."""
        try:
            with self._turn:
                self._stream.write(line + b"\n")
                self._stream.flush()
        except (OSError, ValueError):  # ValueError: closed
            self.lost()

    debug = info = warning = error = critical = msg


def make_log(
    level: str = "info", *, stream: BinaryIO | Sink | None = None, clock: Callable[[], float]
) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes to `stream` (stderr by default) and never raises. Nothing global is configured.

    clock: seconds since 1970.
    """
    sink = stream if isinstance(stream, Sink) else Sink(stream)

    def stamp(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"time": datetime.fromtimestamp(clock(), UTC).isoformat(), "level": method, **event}

    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        sink,
        processors=[stamp, structlog.processors.JSONRenderer(_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        context_class=dict,
    )
    return log


def _dumps(event: MutableMapping[str, Any], **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


@dataclass(slots=True)
class _Minute:
    """One minute of a source's lines."""

    began: float
    lines: int = 0


class Bridge(logging.Handler):
    """Sends what libraries (uvicorn, asyncio) log through the standard library into the same stream.

    A source that repeats itself (a collector that is gone, a scanner) fills no disk: after LINES lines within a minute
    the rest of that minute is withheld, and its next line says how many were.
    clock: seconds from anywhere, never going back.
    """

    def __init__(
        self, log: structlog.typing.FilteringBoundLogger, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(logging.INFO)
        self._log, self._clock = log, clock
        self._minutes: dict[tuple[str, int], _Minute] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """One line, or none."""
        told: dict[str, Any] = {"source": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            told["error"] = type(record.exc_info[1]).__name__
        key, now = (record.name, record.levelno), self._clock()
        minute = self._minutes.setdefault(key, _Minute(now))
        if now - minute.began >= MINUTE:
            if minute.lines > LINES:
                told["withheld"] = minute.lines - LINES
            minute = self._minutes[key] = _Minute(now)
        minute.lines += 1
        if minute.lines <= LINES:
            self._log.log(record.levelno, "library", **told)
