"""Held-out users of a run, one after another, by the service's engine; each is kept as soon as it is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

import service
from prismrec.explaining.additivity import residuals_of, situations_of
from prismrec.explaining.contenders import Contender
from prismrec.explaining.curves import Asked, factor_curves, history_curves
from prismrec.explaining.found import UserFound
from prismrec.explaining.orders import Known
from prismrec.explaining.removals import removals_of, widened_of
from prismrec.failures import CommandError
from service.engine import LoadedBundle
from service.limits import LIMITS
from service.query import Query
from training.data.split import HeldOut
from training.evaluate.result import Part
from training.provenance import code_digest

MIN_ITEMS = 2
"""Of a history: one item has no order."""

N = 10
"""Length of the lists."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whose explanations are measured: n_users drawn of a part; the seed is of every draw."""

    part: Part = "test"
    n_users: int = 500
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's users, by row."""

    contender: Contender
    users: tuple[UserFound, ...]


def chosen_users(held: HeldOut, question: Question) -> list[int]:
    """Rows of the part, drawn; more of them begin with the same ones. CommandError when there are not enough."""
    lengths = np.diff(held.fold_in.indptr)
    most = min(LIMITS.history, held.fold_in.shape[1] - N)
    usable = np.flatnonzero((lengths >= MIN_ITEMS) & (lengths <= most))
    if len(usable) < question.n_users:
        raise CommandError(
            f"{question.n_users} users are asked for, but only {len(usable)} of the {len(held.users)} {question.part} "
            f"users have {MIN_ITEMS} to {most} items in their history",
            hint=f"ask for --users {len(usable)} or fewer" if len(usable) else "use a run on more data",
        )
    rng = np.random.default_rng(question.seed)
    rows: list[int] = rng.permutation(usable)[: question.n_users].tolist()
    return rows


def measured(
    contender: Contender, question: Question, kept: Path, *, reach: Callable[[float], None] = lambda _: None
) -> Measured:
    """All users, those of an earlier call read from `kept`; reach: told how many are done.

    Memory: the bundle, the split and a few thousand score rows at a time. Stopped, it goes on behind the last user.
    """
    split = contender.run.load_split()
    held = split.validation if question.part == "validation" else split.test
    rows = chosen_users(held, question)
    path = kept_file(contender, question, kept)
    found = {user.row: user for user in _read(path)}
    loaded, known = contender.load(), Known.of(split.train)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for done, row in enumerate(rows, start=1):
            if row not in found:
                history = tuple(held.fold_in[row].indices.tolist())
                found[row] = measured_user(loaded, known, history, row=row, seed=question.seed)
                file.write(msgspec.json.encode(found[row]) + b"\n")
                file.flush()
            reach(done)
    return Measured(contender, tuple(found[row] for row in sorted(rows)))


def measured_user(loaded: LoadedBundle, known: Known, history: tuple[int, ...], *, row: int, seed: int) -> UserFound:
    """Everything of one user; its draws depend on the seed and the row alone, not on who was measured before."""
    rng = np.random.default_rng([seed, row])
    query = Query(history=history, n=N)
    listed = [item.item_ix for item in loaded.recommend(query).items]
    first, second = (int(i) for i in rng.permutation(len(listed))[:2])
    asked = Asked(query, listed[first], listed[second])
    pair = loaded.explainer(history, None, None, [asked.target, asked.other])
    removals = removals_of(loaded, query, loaded.explainer(history, None, None, listed))
    return UserFound(
        row=row,
        length=len(history),
        residuals=[residuals_of(loaded, one) for one in situations_of(loaded, query, rng)],
        history=history_curves(loaded, asked, pair, known, rng),
        factors=factor_curves(loaded, asked, pair, rng),
        removals=removals,
        widened=widened_of(loaded, query, removals, rng),
    )


def kept_file(contender: Contender, question: Question, kept: Path) -> Path:
    """Named by what decides the figures: bundle, split, question and code; of how many users is no part of it."""
    parts = [contender.bundle_id, contender.fingerprint, question.part, question.seed, code_of_figures()]
    return kept / f"{contender.run.path.name}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]}.jsonl"


def code_of_figures() -> str:
    """12 hex digits of the sources that make them: the service and this package."""
    folders = (Path(service.__file__).parent, Path(__file__).parent)
    return hashlib.sha256("".join(code_digest(folder) for folder in folders).encode()).hexdigest()[:12]


def _read(path: Path) -> Iterator[UserFound]:
    """What was kept; a last line that was cut off is left out, and overwritten by nothing: it ends here."""
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)
    for line in whole.splitlines():
        yield msgspec.json.decode(line, type=UserFound)
