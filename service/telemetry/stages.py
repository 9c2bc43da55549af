"""How long the graphs of a bundle run: sessions that tell an observer, around the real ones once they are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from service.graphs import Sessions

Observer = Callable[[str, int, int], None]
"""Gets a stage, and when it began and ended in nanoseconds of time.perf_counter_ns, in the thread that worked."""

GRAPH_STAGES = ("encode", "decode", "linear", "steer", "explain")
QUEUE, STORE = "queue", "store"
STAGES = (*GRAPH_STAGES, QUEUE, STORE)
"""One run of a graph each; the wait for a worker; what the store was asked."""


class Session(Protocol):
    """What GraphRunner needs of an onnxruntime.InferenceSession."""

    def run(self, outputs: Sequence[str], feed: Mapping[str, NDArray[np.generic]]) -> list[Any]: ...


class TimedSession:
    """A session whose runs are observed. Costs about two microseconds a run with the metrics behind it."""

    __slots__ = ("_observe", "_session", "_stage")

    def __init__(self, session: Session, stage: str, observe: Observer) -> None:
        self._session, self._stage, self._observe = session, stage, observe

    def run(self, outputs: Sequence[str], feed: Mapping[str, NDArray[np.generic]]) -> list[Any]:
        """As the session's own."""
        started = perf_counter_ns()
        try:
            return self._session.run(outputs, feed)
        finally:
            self._observe(self._stage, started, perf_counter_ns())


def timed(sessions: Sessions, observe: Observer) -> Sessions:
    """The same sessions, observed."""

    def wrap(session: Session | None, stage: str) -> TimedSession | None:
        return None if session is None else TimedSession(session, stage, observe)

    return Sessions(
        encoder=TimedSession(sessions.encoder, "encode", observe),
        decoder=TimedSession(sessions.decoder, "decode", observe),
        explainer=TimedSession(sessions.explainer, "explain", observe),
        linear=wrap(sessions.linear, "linear"),
        steering=wrap(sessions.steering, "steer"),
    )
