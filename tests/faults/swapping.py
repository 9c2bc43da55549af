"""A service whose bundles are swapped while clients ask, and what each of its replies ought to have been.

The served process: `python -m tests.faults.swapping VARIANT`, the real service, or one with a slot that mixes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bundle.writer import point_current
from service.__main__ import main
from service.bundles.loader import load_bundle
from service.bundles.slot import Slot, SlotState
from service.engine import LoadedBundle
from tests.service.app_client import AppClient, give_history, open_client

HONEST, MIXING = "honest", "mixing"
"""The service as it is; and the control: its slot takes the reference twice and answers with some of each."""

SWAPPED, STEADY = "demo", "other"
"""Two models; the first is swapped between its versions 1 and 2."""

USERS = ("1", "2", "3", "4")
HISTORY = ["m0", "m3", "m6", "m9"]
SOON, LONG = 0.02, 60.0
HEAVY = 6
"""So many questions for the pool at a time: being overloaded is another test's matter."""

QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/recommend", {"history": HISTORY}),
    ("/recommend", {"history": ["m5"], "n": 7, "steer": {"factors": {"1": 1.5}}}),
    ("/recommend", {"history": HISTORY, "model": STEADY}),
    *(("/recommend", {"user_id": user}) for user in USERS),
    ("/recommend", {"history": HISTORY, "condition": {"genres": ["Comedy"]}, "model": SWAPPED}),
    ("/recommend", {"history": HISTORY, "explain": True, "n": 3}),
    ("/explain", {"history": HISTORY, "item_id": "m12", "fidelity": False}),
    ("/explain", {"user_id": USERS[0]}),
    ("/recommend/batch", {"requests": [{"history": ["m1"]}, {"history": HISTORY, "n": 2}]}),
    ("/coldstart", {"picks": [{"factor": 0, "half": "positive", "strength": 1.0}], "samples": 4, "seed": 3}),
)
IN_THE_POOL = tuple(path != "/recommend" or body.get("explain", False) for path, body in QUESTIONS)
Truth = Mapping[tuple[str, int], Any]


def truth_of(folder: Path, bundles: list[Path]) -> dict[tuple[str, int], Any]:
    """(bundle_id, question) -> the reply, from an application that has never had another bundle."""
    found: dict[tuple[str, int], Any] = {}
    for number, bundle in enumerate(bundles):
        loaded = load_bundle(bundle)
        with open_client(folder / f"alone-{number}", slot=Slot(loaded)) as client:
            give_histories(client)
            for which, (path, body) in enumerate(QUESTIONS):
                if body.get("model", loaded.manifest.name) != loaded.manifest.name:
                    continue
                reply = client.post(path, body)
                assert reply.status_code == 200, reply.text
                found[loaded.bundle_id, which] = without_arm(reply.json())
    return found


def give_histories(client: AppClient) -> None:
    for place, user in enumerate(USERS):
        give_history(client, user, *HISTORY[: place + 1], key=f"of-{user}")


def without_arm(reply: Any) -> Any:
    """The reply without what the split says of it: whoever is alone has no split."""
    if isinstance(reply, dict):
        return {name: without_arm(part) for name, part in reply.items() if name != "arm"}
    return [without_arm(part) for part in reply] if isinstance(reply, list) else reply


@dataclass(slots=True)
class Seen:
    """What the clients saw: failures in words, replies that are not those of the bundle they name, replies a bundle."""

    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    by_bundle: Counter[str] = field(default_factory=Counter)
    arms: dict[str, set[str | None]] = field(default_factory=dict)

    def take(self, which: int, reply: httpx.Response, truth: Truth) -> None:
        if reply.status_code != 200:
            self.failed.append(f"{QUESTIONS[which][0]} {reply.status_code} {reply.text[:200]}")
            return
        found = reply.json()
        named = found["bundle_id"]
        self.by_bundle[named] += 1
        if truth.get((named, which)) != without_arm(found):
            self.mixed.append(f"{which} {QUESTIONS[which][0]} {named}")
        user = QUESTIONS[which][1].get("user_id")
        if user is not None:
            self.arms.setdefault(user, set()).add(found["arm"])


async def ask_meanwhile(base: str, models: Path, truth: Truth, *, swaps: int, clients: int) -> Seen:
    """Ask from so many clients at once until so many swaps are done."""
    seen, done, heavy = Seen(), asyncio.Event(), asyncio.Semaphore(HEAVY)
    limits = httpx.Limits(max_connections=clients + 1, max_keepalive_connections=clients + 1)
    async with httpx.AsyncClient(base_url=base, timeout=30, limits=limits) as http:

        async def client(first: int) -> None:
            for turn in itertools.count(first):
                if done.is_set():
                    return
                which = turn % len(QUESTIONS)
                path, body = QUESTIONS[which]
                try:
                    if IN_THE_POOL[which]:
                        async with heavy:
                            reply = await http.post(path, json=body)
                    else:
                        reply = await http.post(path, json=body)
                except httpx.TransportError as error:
                    seen.failed.append(f"{path} {type(error).__name__}")
                    return
                seen.take(which, reply, truth)

        asking = [asyncio.create_task(client(number)) for number in range(clients)]
        try:
            for swap in range(swaps):
                await swap_once(http, models, swap)
                await asyncio.sleep(SOON)
        finally:
            done.set()
            await asyncio.gather(*asking)
    return seen


async def swap_once(http: httpx.AsyncClient, models: Path, swap: int) -> None:
    """1, 2, 1, 2, ...: two swaps by name, two by the pointer, each seen to be done."""
    version = "12"[swap % 2]
    if swap % 4 < 2:
        reply = await http.post("/bundles/reload", json={"model": SWAPPED, "version": version})
        assert reply.status_code == 200, reply.text
        assert (reply.json()["version"], reply.json()["changed"]) == (version, True)
        return
    await asyncio.to_thread(point_current, models / SWAPPED, version)
    until = time.monotonic() + LONG
    while (await http.get("/bundles")).json()["serving"]["version"] != version:
        assert time.monotonic() < until, "the pointer was not followed"
        await asyncio.sleep(SOON)


def mixing_now(slot: Slot) -> SlotState:
    """The control's reading of a slot: the bundle of one moment with the graphs of another."""
    first = slot._now
    if first.current is None or first.current.manifest.name != SWAPPED:
        return first
    time.sleep(0.02)
    second = slot._now
    assert second.current is not None
    return dataclasses.replace(second, current=LoadedBundle(first.current.bundle, second.current._graphs))


if __name__ == "__main__":
    if sys.argv[1] == MIXING:
        Slot.now = property(mixing_now)  # type: ignore[method-assign, assignment]
    sys.exit(main())
