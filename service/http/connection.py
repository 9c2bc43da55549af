"""One connection: heads bounded in bytes, lines and time, replies that somebody takes, and no more of them than fit.

Uvicorn with httptools bounds none of these: a head may come in for ever, one of its values may grow for ever, and a
client that does not read its reply is waited for. The deadline of the body is the edge's (service.http.body).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

from structlog.typing import FilteringBoundLogger
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from service.errors import MalformedError, OverloadedError, ServiceError, TooLargeError
from service.http.problems import problem_response
from service.http.request_ids import new_request_id, request_id_of
from service.limits import Limits
from service.telemetry.metrics import Metrics

WIRE_BYTES_A_BYTE = 8
"""What a body may weigh on the wire beside its limit: sent in chunks of one byte, it weighs six times as much."""

HINT = "send a whole HTTP/1.1 request at once"
Part = Literal["none", "head", "body"]


class Door:
    """What the connections of one process share: the limits, who is told, and who may be cut to make room.

    Of these, the one that has waited longest is the first: it has asked nothing yet, or it is idle between requests.
    """

    def __init__(self, limits: Limits, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self.limits = limits
        self._metrics = metrics
        self._log = log
        self._idle: dict[Connection, None] = {}

    def connection(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Connection:
        """What uvicorn calls for each connection, as its `http` setting."""
        return Connection(config, server_state, app_state, door=self)

    def idle(self, connection: Connection) -> None:
        self._idle[connection] = None

    def busy(self, connection: Connection) -> None:
        self._idle.pop(connection, None)

    def make_room(self) -> bool:
        """Cut the connection that has been idle longest; whether there was one."""
        oldest = next(iter(self._idle), None)
        if oldest is not None:
            oldest.cut("crowded")
        return oldest is not None

    def told(self, reason: str) -> None:
        """One connection is cut, without a word."""
        self._metrics.observe_cut(reason)
        self._log.info("connection cut", reason=reason)

    def refused(self, reason: str, error: ServiceError, request_id: str, *, begun: bool) -> None:
        """One connection is cut, and told why. begun: the edge has this request, and counts it itself."""
        self._metrics.observe_cut(reason)
        self._metrics.observe_problem(error.code)
        if not begun:
            self._metrics.observe_unread(error.status)
        told = {"request_id": request_id, "status": error.status, "problem": error.code}
        self._log.info("connection cut", reason=reason, **told)


class Connection(HttpToolsProtocol):
    """Uvicorn's, with deadlines and bounds; see the module. Every method is called on the event loop."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], *, door: Door) -> None:
        super().__init__(config, server_state, app_state)
        self._door = door
        self._part: Part = "none"
        self._wire = 0  # bytes of this message so far, give or take one read
        self._head = 0
        self._refusal: tuple[str, ServiceError] | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._reply_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._door.limits.connections and not self._door.make_room():
            self.cut("crowded", OverloadedError("the service has as many connections as it takes"))
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_reply_timer()
        self._door.busy(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._wire += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        limits = self._door.limits
        if self._part == "head" and self._wire > limits.head_bytes:
            self.cut("head-large", _too_large(limits))
        elif self._part == "body" and self._wire > limits.head_bytes + WIRE_BYTES_A_BYTE * limits.batch_body_bytes:
            self.cut("body-large", TooLargeError("the body takes too many bytes on the wire"))
        elif not self._answering:
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._wire, self._head = "head", 0, 0

    def on_url(self, url: bytes) -> None:
        self._weigh(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._weigh(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._part = "body"
        self._stop_head_timer()
        self._door.busy(self)
        self.scope["prismrec.arrived"] = time.perf_counter()  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._part = "none"
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and not self._answering:
            self._door.idle(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reply_timer = self._reply_timer or self.loop.call_later(self._door.limits.reply_seconds, self._stalled)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_reply_timer()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._linger()

    def send_400_response(self, msg: str) -> None:
        """What the parser refuses, and what `_weigh` does, as a problem instead of uvicorn's plain text."""
        reason, error = self._refusal or ("not-http", MalformedError("this is not HTTP/1.1", hint=HINT))
        self.cut(reason, error)

    def cut(self, reason: str, error: ServiceError | None = None) -> None:
        """Close, after saying why where nothing else is being said."""
        if self.transport.is_closing():
            return
        self._door.busy(self)
        if error is None or (self._answering and self.cycle.response_started):
            self._door.told(reason)
        else:
            request_id = self._request_id()
            self._door.refused(reason, error, request_id, begun=self._answering)
            self.transport.write(_reply(error, request_id))
        self.transport.close()
        self._linger()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _request_id(self) -> str:
        """That of the request under way; of one whose head is not whole, the caller's if it came along."""
        if self._answering:
            return str(self.cycle.scope.get("prismrec.request_id") or new_request_id())
        return request_id_of(self.headers if self._part == "head" else ())

    def _await_head(self) -> None:
        self._door.idle(self)
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._door.limits.head_seconds, self._late)

    def _late(self) -> None:
        seconds = self._door.limits.head_seconds
        begun = self._part == "head"
        self.cut(
            "head-late", MalformedError(f"the head did not arrive within {seconds:g} s", hint=HINT) if begun else None
        )

    def _weigh(self, size: int) -> None:
        """Count a line of the head, or of a chunked body's trailer. What is raised here reaches send_400_response."""
        limits = self._door.limits
        self._head += size
        if self._head > limits.head_bytes or len(self.headers) >= limits.headers:
            self._refusal = ("head-large", _too_large(limits))
            raise self._refusal[1]

    def _stalled(self) -> None:
        self._door.told("reply-stalled")
        self.transport.abort()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_reply_timer(self) -> None:
        if self._reply_timer is not None:
            self._reply_timer.cancel()
            self._reply_timer = None

    def _linger(self) -> None:
        """A closing connection is ended at last, also where the other side never takes what it is sent."""
        if self.transport.get_write_buffer_size() and self._reply_timer is None:
            self._reply_timer = self.loop.call_later(self._door.limits.reply_seconds, self._stalled)


def _too_large(limits: Limits) -> TooLargeError:
    return TooLargeError(f"the head has more than {limits.head_bytes} bytes or {limits.headers} headers")


def _reply(error: ServiceError, request_id: str) -> bytes:
    """A whole reply, for a request that never became one."""
    headers_of_all = {"X-Request-ID": request_id, "X-Content-Type-Options": "nosniff"}
    response = problem_response(error, request_id, headers_of_all | {"Connection": "close"})
    headers = b"".join(b"%s: %s\r\n" % pair for pair in response.raw_headers)
    return STATUS_LINE[response.status_code] + headers + b"\r\n" + bytes(response.body)
