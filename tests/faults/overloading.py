"""Closed-loop clients that find what a served process can take, then four times as many, and how it recovers."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field

from service.limits import LIMITS
from tests.faults.served import Served

EXPLAIN = {"history": ["m3", "m14", "m15"], "item_id": "m12", "counterfactual": True}
MOST = 512
PATIENCE = 60.0
"""How long a reply is waited for before its connection counts as broken; a deadline that is not kept shows before."""

RECOVERY_SECONDS = 5.0
SLACK = 1.0
"""How late an answer may seem that was in time, beside the time for which the clients themselves did not get to run:
they share the machine with what they measure."""

TICK = 0.02
FULL = 'prismrec_workers_refused_total{pool="compute",reason="full"}'


@dataclass(slots=True)
class Burst:
    """Replies by status, seconds of those with 200, and refusals that did not say when to come back.

    lag: the longest for which the clients did not get to run, in seconds.
    """

    clients: int
    statuses: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    unsaid: int = 0
    broken: int = 0
    lag: float = 0.0

    def complaints(self) -> list[str]:
        """What must not be seen above capacity."""
        late = sum(seconds > LIMITS.deadline_seconds + SLACK + self.lag for seconds in self.took)
        refused = self.statuses[503]
        other = {status: count for status, count in self.statuses.items() if status not in {200, 503}}
        found = {
            "no request was answered": not self.took,
            "none was refused, so nothing bounds the queue": not refused,
            f"{late} were answered after the deadline": late,
            f"accepted and not answered: {other}": other,
            f"{self.unsaid} refusals without Retry-After": self.unsaid,
            f"{self.broken} connections broken": self.broken,
        }
        return [words for words, wrong in found.items() if wrong]


async def burst(server: Served, *, clients: int, seconds: float) -> Burst:
    """So many clients, each with one request at a time, for so long; a refused one asks again a little later."""
    seen, until = Burst(clients), time.monotonic() + seconds
    ticking = asyncio.create_task(_tick(seen))
    await asyncio.gather(*(_ask_until(server, seen, until) for _ in range(clients)))
    ticking.cancel()
    return seen


async def _tick(seen: Burst) -> None:
    while True:
        begun = time.monotonic()
        await asyncio.sleep(TICK)
        seen.lag = max(seen.lag, time.monotonic() - begun - TICK)


async def _ask_until(server: Served, seen: Burst, until: float) -> None:
    body = json.dumps(EXPLAIN).encode()
    head = "POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while time.monotonic() < until:
            begun = time.monotonic()
            writer.write(head.encode() + body)
            async with asyncio.timeout(PATIENCE):
                status, retry = await _reply(reader)
            seen.statuses[status] += 1
            if status == 200:
                seen.took.append(time.monotonic() - begun)
            else:
                seen.unsaid += status == 503 and not retry
                await asyncio.sleep(0.2)
        writer.close()
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        seen.broken += 1


async def _reply(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Status, and whether there is a Retry-After."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1]), b"retry-after:" in head


def capacity(server: Served, *, seconds: float) -> int:
    """The most clients of whom none is refused for want of room, to within an eighth; MOST where nobody ever is."""
    taken, refused = 1, 8
    while refused < MOST and _all_taken(server, refused, seconds):
        taken, refused = refused, refused * 2
    while refused - taken > max(1, taken // 8):
        middle = (taken + refused) // 2
        taken, refused = (middle, refused) if _all_taken(server, middle, seconds) else (taken, middle)
    return taken


def _all_taken(server: Served, clients: int, seconds: float) -> bool:
    """By the service's own count: a machine that stalls may have it refuse who waited long, however few they are."""
    before = server.counter(FULL)
    asyncio.run(burst(server, clients=clients, seconds=seconds))
    return server.counter(FULL) == before


def recovery(server: Served) -> float:
    """Seconds from now until five requests in a row are answered in time."""
    begun, good = time.monotonic(), 0
    while good < 5:
        seen = asyncio.run(burst(server, clients=1, seconds=0.001))
        in_time = bool(seen.took) and seen.took[0] <= LIMITS.deadline_seconds
        good = good + 1 if in_time else 0
        if time.monotonic() - begun > 2 * PATIENCE:
            return float("inf")
    return time.monotonic() - begun
