"""A mixed load with swaps on a served process, its weight meanwhile, and whether that grows."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.builders import make_bundle
from tests.faults.served import LATENTS, ML_1M_ITEMS, Served, Weight

MODEL, VERSIONS = "demo", ("1", "2")
USERS = 200
TEN_MINUTES = 600.0
MAX_SLOPE = 1.0
"""MiB in ten minutes: the bound of the long form."""

HISTORY = ["m3", "m14", "m15", "m92", "m65", "m35"]
QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/recommend", {"history": HISTORY}),
    ("/recommend", {"history": HISTORY[:3], "n": 50, "condition": {"genres": ["Comedy"]}}),
    ("/recommend", {"user_id": "user"}),
    ("/recommend", {"history": HISTORY, "n": 20, "steer": {"factors": {"1": 1.5}}, "explain": True}),
    ("/explain", {"history": HISTORY, "item_id": "m12", "counterfactual": True}),
    ("/recommend/batch", {"requests": [{"history": [item]} for item in HISTORY]}),
    ("/coldstart", {"picks": [{"factor": 0, "half": "positive", "strength": 1.0}], "samples": 8, "seed": 3}),
)
INTERACTIONS, ABORT = "interactions", "abort"


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard. seconds are those measured, after `warm_up` more; rate in requests a second."""

    seconds: float
    warm_up: float
    rate: float = 24.0
    clients: int = 4
    swap_every: float = 20.0
    sample_every: float = 2.0


@dataclass(frozen=True, slots=True)
class Turns:
    """Numbers of requests, over the warm-up and what is measured, and of how many items they may speak."""

    numbers: itertools.count[int]
    n_items: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process weighed, so many seconds after the warm-up."""

    at: float
    weight: Weight


@dataclass(slots=True)
class Seen:
    """What a load saw: requests by kind, failures in words, (at, seconds) of each request, swaps, weights."""

    requests: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    took: list[tuple[float, float]] = field(default_factory=list)
    swaps: int = 0
    samples: list[Sample] = field(default_factory=list)
    quiet: list[Weight] = field(default_factory=list)
    """Before and after what is measured, with no client connected."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """slope and its 95 % interval in MiB per ten minutes; growth: of the fitted line over the whole time, in MiB."""

    slope: float
    low: float
    high: float
    growth: float
    fds: tuple[int, int]
    threads: tuple[int, int]

    def complaints(self, *, max_slope: float = MAX_SLOPE) -> list[str]:
        found = []
        if self.slope > max_slope:
            found.append(f"memory grows by {self.slope:.2f} MiB in ten minutes, {max_slope:g} are allowed")
        if self.fds[1] > self.fds[0]:
            found.append(f"file descriptors went from {self.fds[0]} to {self.fds[1]}")
        if self.threads[1] > self.threads[0]:
            found.append(f"threads went from {self.threads[0]} to {self.threads[1]}")
        return found


def theil_sen(at: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Median of the slopes between all pairs, and Sen's 95 % interval of it (1968): single peaks do not move it.

    The interval takes the samples as independent; consecutive weights are not, so it is rather too narrow.
    """
    first, second = np.triu_indices(len(at), 1)
    slopes = np.sort((values[second] - values[first]) / (at[second] - at[first]))
    n = len(at)
    spread = 1.96 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = int(max(0, (len(slopes) - spread) // 2))
    high = int(min(len(slopes) - 1, (len(slopes) + spread) // 2 + 1))
    return float(np.median(slopes)), float(slopes[low]), float(slopes[high])


def verdict_of(seen: Seen) -> Verdict:
    at = np.array([sample.at for sample in seen.samples])
    slope, low, high = theil_sen(at, np.array([sample.weight.rss for sample in seen.samples]))
    before, after = seen.quiet
    return Verdict(
        slope=slope * TEN_MINUTES,
        low=low * TEN_MINUTES,
        high=high * TEN_MINUTES,
        growth=slope * float(at[-1] - at[0]),
        fds=(before.fds, after.fds),
        threads=(before.threads, after.threads),
    )


def make_models(folder: Path, *, n_items: int = ML_1M_ITEMS, n_latent: int = LATENTS) -> Path:
    """folder/models with two versions of one model, ready to be swapped."""
    for version in VERSIONS:
        sizes = {"n_items": n_items, "n_latent": n_latent, "seed": int(version)}
        make_bundle(folder / "models", name=MODEL, version=version, steering=True, **sizes)
    return folder


async def soak(server: Served, plan: Plan, *, n_items: int = ML_1M_ITEMS) -> Seen:
    """Warm up, be quiet, measure, be quiet: see Seen."""
    turns = Turns(itertools.count(), n_items)
    async with _loaded(server, Seen(), plan, turns):
        await asyncio.sleep(plan.warm_up)
    seen = Seen()
    seen.quiet.append(await _quiet(server))
    async with _loaded(server, seen, plan, turns):
        started = time.monotonic()
        while (passed := time.monotonic() - started) < plan.seconds:
            seen.samples.append(Sample(round(passed, 2), server.weight()))
            await asyncio.sleep(plan.sample_every)
    seen.quiet.append(await _quiet(server))
    return seen


async def _quiet(server: Served) -> Weight:
    """The weight when the last connections are gone: the smallest of a few looks."""
    looks = []
    for _ in range(5):
        await asyncio.sleep(0.2)
        looks.append(server.weight())
    return min(looks, key=lambda weight: (weight.fds, weight.threads))


@asynccontextmanager
async def _loaded(server: Served, seen: Seen, plan: Plan, turns: Turns) -> AsyncIterator[None]:
    """A mixed load with swaps in the background."""
    started = time.monotonic()
    async with httpx.AsyncClient(base_url=server.base, timeout=30) as http:
        jobs = [asyncio.create_task(_swaps(http, seen, plan.swap_every))]
        jobs += [asyncio.create_task(_client(http, server, seen, plan, turns, started)) for _ in range(plan.clients)]
        try:
            yield
        finally:
            for job in jobs:
                job.cancel()
            for outcome in await asyncio.gather(*jobs, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome


async def _swaps(http: httpx.AsyncClient, seen: Seen, every: float) -> None:
    for swap in itertools.count(1):
        await asyncio.sleep(every)
        body = {"model": MODEL, "version": VERSIONS[swap % 2]}
        reply = await http.post("/bundles/reload", json=body)
        if reply.status_code == 200:
            seen.swaps += reply.json()["changed"]
        else:
            seen.failed.append(f"reload {reply.status_code} {reply.text[:200]}")


async def _client(
    http: httpx.AsyncClient, server: Served, seen: Seen, plan: Plan, turns: Turns, started: float
) -> None:
    pause = plan.clients / plan.rate
    while True:
        turn = next(turns.numbers)
        kind = (*(path for path, _ in QUESTIONS), INTERACTIONS, ABORT)[turn % (len(QUESTIONS) + 2)]
        begun = time.monotonic()
        try:
            reply = await _one(http, server, turn, turns.n_items)
        except httpx.TransportError as error:
            seen.failed.append(f"{kind} {type(error).__name__}")
        else:
            if reply is not None and reply.status_code not in {200, 201}:
                seen.failed.append(f"{kind} {reply.status_code} {reply.text[:200]}")
        took = time.monotonic() - begun
        seen.requests[kind] = seen.requests.get(kind, 0) + 1
        if kind != ABORT:
            seen.took.append((begun - started, took))
        await asyncio.sleep(max(0.0, pause - took))


async def _one(http: httpx.AsyncClient, server: Served, turn: int, n_items: int) -> httpx.Response | None:
    which, user = turn % (len(QUESTIONS) + 2), f"u{turn % USERS}"
    if which == len(QUESTIONS):
        body = {"interactions": [{"item_id": f"m{(turn * 7 + step) % n_items}"} for step in range(3)]}
        return await http.post(f"/users/{user}/interactions", json=body, headers={"Idempotency-Key": f"k{turn}"})
    if which > len(QUESTIONS):
        await asyncio.to_thread(abort, server, turn)
        return None
    path, asked = QUESTIONS[which]
    if "user_id" in asked:
        asked = {"user_id": user, "history": HISTORY[:1]}
    return await http.post(path, json=asked)


def abort(server: Served, turn: int) -> None:
    """Ask for a long reply and go away: before the body is whole, before the reply, or in the middle of it (RST)."""
    body = json.dumps({"history": HISTORY, "n": 500, "explain": turn % 2 == 0}).encode()
    head = "POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    with server.connect() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.sendall(head.encode() + b"\r\n\r\n" + (body[:-5] if turn % 3 == 0 else body))
        if turn % 3 == 2:
            wire.recv(100)
