"""Blocks of users, each asked for lists and then for explanations, so that what disturbs one disturbs the other.

A list that follows an explanation finds the processor's caches full of other things. What counts as a list is one that
follows a list: cheaper, which is against the explanations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.explaining.server import BenchmarkError, Server

Times = NDArray[np.float64]
LIST = "recommend"
DEFAULT = "explain"
COUNTERFACTUAL = "counterfactual"
CONTROL = "recommend again"
QUESTIONS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    COUNTERFACTUAL: {"counterfactual": True, "fidelity": False},
    "no fidelity": {"fidelity": False},
    "fidelity in 20 steps": {"fidelity_k": 20},
    "everything": {"counterfactual": True},
}
"""What /explain is asked, each with the history and an item of its list."""

WARM_UP = 10
LISTS = 4
TOP = 10


@dataclass(frozen=True, slots=True)
class Block:
    """Question -> seconds [users] of the server's processor. LIST is the mean of LISTS of a user's lists.

    counterfactuals  of each user: how many items it names (0: none was found), and the histories that were scored
    """

    seconds: dict[str, Times]
    counterfactuals: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure in lists: its mean over the blocks, and a 95 % interval of that mean (Student's t)."""

    mean: float
    low: float
    high: float


def run_block(server: Server, users: Sequence[Sequence[str]], rng: np.random.Generator) -> Block:
    """Ask everything for each user's history and one item of the list, drawn."""
    seconds: dict[str, list[float]] = {name: [] for name in (LIST, CONTROL, *QUESTIONS)}
    found = []
    for history in users:
        wanted = {"history": list(history), "n": TOP}
        items = server.post("/recommend", wanted)[0]["items"]
        if not items:
            raise BenchmarkError("a list is empty: there is nothing to explain")
        item = items[int(rng.integers(len(items)))]["item_id"]
        lists = [server.post("/recommend", wanted)[1] for _ in range(LISTS + 1)]
        seconds[CONTROL].append(lists.pop(LISTS // 2))
        seconds[LIST].append(float(np.mean(lists)))
        for name, more in QUESTIONS.items():
            reply, taken = server.post("/explain", {**wanted, "item_id": item, **more})
            seconds[name].append(taken)
            server.post("/recommend", wanted)
            if name == COUNTERFACTUAL:
                told = reply["counterfactual"]
                found.append((len(told["remove"]) if told["valid"] else 0, told["runs"]))
    return Block({name: np.array(values) for name, values in seconds.items()}, tuple(found))


def mean_in_lists(blocks: Sequence[Block], name: str) -> Ratio:
    """The mean of a question over the mean of a list."""
    return interval(blocks, lambda block: float(block.seconds[name].mean() / block.seconds[LIST].mean()))


def p95_in_lists(blocks: Sequence[Block], name: str) -> Ratio:
    """The 95th percentile of a question over the mean of a list."""
    return interval(blocks, lambda block: float(np.percentile(block.seconds[name], 95) / block.seconds[LIST].mean()))


def interval(blocks: Sequence[Block], figure: Callable[[Block], float]) -> Ratio:
    """The figure of each block, then their mean with its interval; with one block the interval is without end."""
    values = np.array([figure(block) for block in blocks])
    if len(values) < 2:
        return Ratio(float(values.mean()), 0.0, float("inf"))
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return Ratio(float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)
