"""`python -m service`: the process. Settings come from PRISMREC_* variables; `prismrec serve` adds its flags."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import FrameType

import uvicorn
from structlog.typing import FilteringBoundLogger

from service.app import create_app
from service.errors import ServiceError
from service.http.connection import Door
from service.settings import Settings, SettingsError, load_settings
from service.state import State
from service.store_place import known_models
from service.telemetry.logs import Bridge, Sink, make_log

BAD_USE = 2
CANNOT_START = 1
BACKLOG = 512
MAX_NAMED = 10


def main() -> int:
    """Read the settings and serve; returns the exit code (2: a setting cannot be used)."""
    try:
        return serve(load_settings())
    except ServiceError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return BAD_USE


def serve(settings: Settings) -> int:
    """Serve until told to stop; returns the exit code. Raises SettingsError before anything is listened on."""
    settings.check_exposure()
    _check_model(settings)
    with ExitStack() as sockets:
        return _serve(settings, [sockets.enter_context(listening) for listening in _listen_all(settings)])


def _serve(settings: Settings, sockets: list[socket.socket]) -> int:
    sink = Sink()
    log = make_log(settings.log_level, stream=sink, clock=time.time)
    _redirect_library_logs(log)
    app = create_app(settings, log=log)
    state: State = app.state.prismrec
    sink.lost = state.metrics.log_lines_lost.inc
    for listening, only in zip(sockets, ({}, {"only": "/metrics"}), strict=False):
        host, port = listening.getsockname()[:2]
        log.info("listening", host=host, port=port, keys=settings.has_keys and not only, **only)
    server = _Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=Door(state.limits, state.metrics, log).connection,  # type: ignore[arg-type]  # uvicorn only calls it
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=settings.grace_seconds,
        )
    )
    server.state = state
    server.run(sockets=sockets)
    return 0 if server.started else CANNOT_START


def _check_model(settings: Settings) -> None:
    """Raise SettingsError when one of several models must be named; an empty folder may get its model later."""
    names = known_models(settings.models)
    if settings.default_model is not None or len(names) < 2:
        return
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    raise SettingsError(
        f"{settings.models} holds several models ({', '.join(names[:MAX_NAMED])}{more}), and one can be served",
        hint=f"name it with --model {names[0]} or PRISMREC_MODEL={names[0]};"
        f" PRISMREC_SERVE={','.join(names[:2])} serves several",
    )


class _Server(uvicorn.Server):
    """Tells the readiness check that the process is stopping, as soon as it is told so itself."""

    state: State | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.state is not None:
            self.state.draining = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Said here and not in the handler, which may interrupt a line of the log that is being written."""
        state = self.state
        if state is not None:
            requests = int(state.metrics.registry.get_sample_value("prismrec_requests_in_flight") or 0)
            state.log.info("stopping", requests=requests, grace=state.settings.grace_seconds)
        await super().shutdown(sockets=sockets)
        if state is not None:
            state.log.info("stopped")


def _listen_all(settings: Settings) -> Iterator[socket.socket]:
    """The listening sockets, made before anything is loaded, so that a taken port is said at once."""
    yield _listen(settings.host, settings.port, "PRISMREC_PORT (or --port)", "PRISMREC_HOST")
    if settings.metrics_port is not None:
        host = settings.metrics_host or settings.host
        yield _listen(host, settings.metrics_port, "PRISMREC_METRICS_PORT", "PRISMREC_METRICS_HOST")


def _listen(host: str, port: int, set_port: str, set_host: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint=f"set {set_port} to a free port, and {set_host} to an address of this machine",
        ) from None
    return listening


def _redirect_library_logs(log: FilteringBoundLogger) -> None:
    root = logging.getLogger()
    root.handlers[:] = [Bridge(log)]
    root.setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
