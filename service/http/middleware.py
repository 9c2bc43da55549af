"""The edge of the application, in pure ASGI: request id, body, HEAD, unforeseen errors, one log line, metrics."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import InternalError, NotFoundError, OverloadedError, ServiceError
from service.http.body import ClientGoneError, LateBodyError, read_body
from service.http.operation import APART
from service.http.problems import problem_response
from service.http.request_ids import request_id_of
from service.lateness import begun
from service.state import State
from service.telemetry.answered import SCOPE as ANSWERED
from service.telemetry.answered import Answered, fields_of
from service.telemetry.metrics import UNMATCHED

CLIENT_GONE = 499
METRICS_PATH = "/metrics"
MAX_FRAMES = 20
BATCH_PATHS = frozenset({"/recommend/batch"})
ALWAYS = frozenset({"/health/live", "/health/ready"})
"""Answered however long they waited: a busy process must not be taken for a dead one."""


class Edge:
    """Wraps the whole application; see the module. Nothing inside sees a body that was not read whole."""

    def __init__(self, app: ASGIApp, *, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        tracing = self._state.tracing
        self._state.metrics.in_flight.inc()
        try:
            with nullcontext() if tracing is None else tracing.request(exchange):
                await self._answer(exchange, receive)
        except ClientGoneError:
            exchange.status = CLIENT_GONE
        finally:
            self._state.metrics.in_flight.dec()
            self._record(exchange)

    async def _answer(self, exchange: _Exchange, receive: Receive) -> None:
        limits = self._state.limits
        limit = limits.batch_body_bytes if exchange.scope["path"] in BATCH_PATHS else limits.body_bytes
        try:
            self._check_port(exchange.scope)
            self._check_wait(exchange)
            body = await read_body(exchange.headers, receive, limit=limit, seconds=limits.body_seconds)
        except ServiceError as error:
            if isinstance(error, LateBodyError):
                self._state.metrics.observe_cut("body-late")
            # The rest of the body may still be on its way: this connection cannot carry another request.
            await self._refuse(exchange, error, receive, {"Connection": "close"})
            return
        begun.set(time.monotonic())
        try:
            await self._app(exchange.scope, _replay(body, receive), exchange.send)
        except Exception as error:
            self._report(exchange, error)
            if exchange.status is not None:
                raise  # the reply has begun; only closing the connection tells the client
            await self._refuse(exchange, InternalError("the service met an error it did not foresee"), receive)

    def _check_port(self, scope: Scope) -> None:
        """Raise NotFoundError for anything but metrics on the port of the metrics, and for them on the other one."""
        port = self._state.settings.metrics_port
        if port is not None:
            scope[APART] = scope["server"][1] == port
            if scope[APART] != (scope["path"] == METRICS_PATH):
                raise NotFoundError("the service has no such path")

    def _check_wait(self, exchange: _Exchange) -> None:
        """Raise OverloadedError for a request that waited too long for the event loop; nobody may wait for ever."""
        if exchange.waited > self._state.limits.wait_seconds and exchange.scope["path"] not in ALWAYS:
            self._state.metrics.observe_cut("waited")
            raise OverloadedError("the service has more requests than it can answer in time")

    def _report(self, exchange: _Exchange, error: Exception) -> None:
        self._state.log.error(
            "unforeseen error",
            request_id=exchange.request_id,
            route=exchange.route,
            error=type(error).__name__,
            stack=_stack(error),
        )

    async def _refuse(
        self, exchange: _Exchange, error: ServiceError, receive: Receive, headers: Mapping[str, str] | None = None
    ) -> None:
        exchange.scope["prismrec.problem"] = error.code
        await problem_response(error, exchange.request_id, headers)(exchange.scope, receive, exchange.send)

    def _record(self, exchange: _Exchange) -> None:
        seconds = time.perf_counter() - exchange.started
        status = exchange.status or CLIENT_GONE
        code = exchange.scope.get("prismrec.problem")
        metrics = self._state.metrics
        metrics.observe_request(route=exchange.route, method=exchange.method, status=status, seconds=seconds)
        if code is not None:
            metrics.observe_problem(code)
        if len(exchange.answered) == 1:
            metrics.observe_answer(exchange.answered[0], status=status, seconds=seconds)
        event = {
            "request_id": exchange.request_id,
            "method": exchange.method if len(exchange.method) < 10 else "other",
            "route": exchange.route,
            "operation": exchange.operation,
            "status": status,
            "ms": round(1000 * seconds, 3),
            "key": exchange.scope.get("prismrec.key_id"),
            "problem": code,
            **fields_of(exchange.answered),
            "trace_id": exchange.scope.get("prismrec.trace_id"),
        }
        self._state.log.info("request", **{name: value for name, value in event.items() if value is not None})


class _Exchange:
    """One request and what is known of its reply. HEAD is answered as GET without the content."""

    def __init__(self, scope: Scope, send: Send) -> None:
        now = time.perf_counter()
        self.started: float = scope.get("prismrec.arrived", now)
        self.waited = now - self.started
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = request_id_of(scope["headers"])
        self.status: int | None = None
        self._send = send
        self.scope: Scope = {**scope, "method": "GET"} if self.method == "HEAD" else scope
        self.scope["prismrec.request_id"] = self.request_id

    @property
    def route(self) -> str:
        """The template of the route that matched; a path nobody has would make a metric series of its own."""
        page = self.scope.get("prismrec.page")
        return str(page or getattr(self.scope.get("route"), "path_format", UNMATCHED))

    @property
    def operation(self) -> str | None:
        """The operationId of the route that matched; None for a page and for what nobody has."""
        return getattr(self.scope.get("route"), "unique_id", None)

    @property
    def answered(self) -> tuple[Answered, ...]:
        """Which bundle answered; several where a batch went to several, none where no bundle was asked."""
        found: tuple[Answered, ...] = self.scope.get(ANSWERED, ())
        return found

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
        elif self.method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read, then what the server says next (a disconnect)."""
    delivered = False

    async def replayed() -> Message:
        nonlocal delivered
        if delivered:
            return await receive()
        delivered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _stack(error: BaseException) -> list[str]:
    """Where an error came from, for the log: frames only, as a message may hold what the caller sent."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
