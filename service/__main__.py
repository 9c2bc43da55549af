"""`python -m service`: the process. Settings come from PRISMREC_* variables; `prismrec serve` adds its flags."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

import uvicorn
from structlog.typing import FilteringBoundLogger

from service.app import create_app
from service.errors import ServiceError
from service.http.connection import Door
from service.settings import Settings, load_settings
from service.starting import check_start, listen_all, missing_models
from service.state import State
from service.telemetry.logs import Bridge, Sink, make_log

BAD_USE = 2
CANNOT_START = 1


def main() -> int:
    """Read the settings and serve; returns the exit code (2: a setting cannot be used)."""
    try:
        return serve(load_settings())
    except ServiceError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return BAD_USE


def serve(settings: Settings, *, on_listening: Callable[[str, int], None] | None = None) -> int:
    """Serve until told to stop; returns the exit code. Raises SettingsError before anything is listened on or made.

    on_listening: is told the address and the port, once they are this process's.
    """
    check_start(settings)
    with ExitStack() as opened:
        sockets = [opened.enter_context(listening) for listening in listen_all(settings)]
        if on_listening is not None:
            on_listening(*sockets[0].getsockname()[:2])
        return _serve(settings, sockets)


def _serve(settings: Settings, sockets: list[socket.socket]) -> int:
    sink = Sink()
    log = make_log(settings.log_level, stream=sink, clock=time.time)
    _redirect_library_logs(log)
    app = create_app(settings, log=log)
    state: State = app.state.prismrec
    sink.lost = state.metrics.log_lines_lost.inc
    for missing in missing_models(settings):
        log.warning("this model is not there, others are; it is waited for", model=missing.name, near=missing.near)
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


def _redirect_library_logs(log: FilteringBoundLogger) -> None:
    root = logging.getLogger()
    root.handlers[:] = [Bridge(log)]
    root.setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
