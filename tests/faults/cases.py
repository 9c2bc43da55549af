"""The cases that the service and the commands must survive, and which tests hold each. Told in words: docs/faults.md.

A case is held by every test whose name begins with test_<id>_, wherever it lies, of which there must be one, and by
those that `elsewhere` names beside them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True, slots=True)
class Case:
    """elsewhere: more tests that hold it, as path or path::name below tests/. open: why none has its name (yet)."""

    id: str
    words: str
    elsewhere: tuple[str, ...] = ()
    open: str = ""


_SOAK = "faults/test_soak.py"
_OVER = "faults/test_overload.py"
_SLOW = "faults/test_slow_clients.py"

CASES = (
    Case("B1", "one bit of a new bundle is flipped"),
    Case("B2", "a bundle's file is cut, empty, gone, too many, or no file at all"),
    Case("B3", "the manifest is missing, malformed, huge, deep or of another format"),
    Case("B4", "the parts of a bundle disagree"),
    Case("B5", "hashes are true, and the model is not the one that was tried", ("service/core/test_loader.py",)),
    Case("B6", "a graph reads other files or may do anything else", ("service/core/test_onnx_scan.py",)),
    Case("B7", "a bundle is being copied in, slowly, in any order", ("bundle/test_reader.py",)),
    Case("B9", "swaps under load"),
    Case("B10", "two reloads at once, or beside the watcher's"),
    Case("B12", "no memory for two bundles", ("service/core/test_room.py", "benchmarks/test_bundle_memory.py")),
    Case("B13", "a kill in the middle of a load or swap"),
    Case("B14", "a start without a bundle, or with bad ones only"),
    Case("B15", "a rollback", ("service/core/test_watcher.py::test_watcher_new_version_and_rollback_are_swapped_in",)),
    Case("R1", "bodies over the limit: declared, chunked, lying, packed; and what is no HTTP at all"),
    Case("R2", "slow and excessive senders", (_SLOW,)),
    Case("R3", "bodies that are no JSON or no request", ("service/test_body.py",)),
    Case("R4", "numbers that are not finite, or odd"),
    Case("R7", "unknown users and items, histories at the limit"),
    Case("R8", "a history of nothing, and of everything"),
    Case("R9", "the model's scores are not finite", ("service/core/test_engine.py",)),
    Case("R11", "explanations of what is not there", ("service/test_bad_explanations.py",)),
    Case("R12", "traversal and odd names in paths"),
    Case("R15", "four times as many clients as there is room for"),
    Case("R16", "requests slower than their deadline"),
    Case("R18", "schemathesis, all checks"),
    Case("S2", "a key on an operation above its scope", ("service/test_auth.py",)),
    Case("S3", "an old and a new key side by side"),
    Case("S4", "a start that would expose the service"),
    Case("S6", "pages and metrics seen from outside", ("deploy/test_proxy.py",)),
    Case("S7", "a container that writes, roots or calls out", ("deploy/test_kubernetes.py",)),
    Case("S8", "code or archives in a bundle", ("service/test_no_addresses.py",)),
    Case("S9", "web pages that would drive it", ("service/test_visitors.py", "service/test_origins_in_browser.py")),
    Case("W1", "kill -9 while clients write"),
    Case("W3", "no room on the disk, or a broken one, at any operation"),
    Case("W4", "another process holds the store's lock"),
    Case("W5", "the store's file is damaged, old, newer, another's or missing"),
    Case("W8", "one bad row of a batch"),
    Case("P1", "told to stop: under load, at the start, in a load, twice"),
    Case("P2", "killed, and started again"),
    Case("P3", "started with what cannot be used"),
    Case("P4", "half an hour of mixed load and swaps", (_SOAK,)),
    Case("P7", "builds that leak or sleep are found out", (_SOAK,)),
    Case("T1", "files of ratings of every shape", ("training/data/test_read_any_bytes.py",)),
    Case("T2", "ratings, times and repeats that make no sense", ("training/data/test_validate.py",)),
    Case("T4", "hardly any data"),
    Case(
        "T6",
        "kill -9 while training, exporting and packing",
        ("bundle/test_faults.py::test_t7_write_bundle_failing_at_any_operation_leaves_old_or_new",),
    ),
    Case("T7", "no room or a broken disk at the n-th operation of packing"),
    Case("T8", "the graphs are not the model", ("training/export/test_parity.py",)),
    Case("T9", "a target that cannot be written"),
    Case("T11", "no such device"),
    Case("T12", "no network"),
    Case("T14", "a model below popularity, or a leak"),
    Case("C1", "a malicious release of a dependency"),
    Case("C2", "an action's tag is moved"),
    Case("C3", "another base image, or code that runs at every start"),
    Case("C4", "an image with torch, compilers, pip, tests or .git", ("deploy/test_image.py",)),
    Case("C5", "a known vulnerability in the lock"),
)


def names_of(path: Path) -> list[str]:
    """The names of the test functions in a file."""
    tree = ast.parse(path.read_text())
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


@cache
def all_names() -> tuple[str, ...]:
    return tuple(name for path in sorted(HERE.parent.rglob("test_*.py")) for name in names_of(path))


def gaps(cases: Iterable[Case], names: Iterable[str], tests: Path = HERE.parent) -> list[str]:
    """What is wrong, in words: a case without a test of its name, a test that is named and not there."""
    cases, names = list(cases), list(names)
    found = []
    for case in cases:
        holders = [name for name in names if name.startswith(f"test_{case.id.lower()}_")]
        for named in case.elsewhere:
            path, _, name = named.partition("::")
            if not (tests / path).is_file() or (name and name not in names_of(tests / path)):
                found.append(f"{case.id}: there is no {named}")
        if bool(holders) == bool(case.open):
            found.append(
                f"{case.id}: {'held, and called open' if case.open else 'no test has its name'} ({case.words})"
            )
    return found


def by_id(cases: Iterable[Case] = CASES) -> Mapping[str, Case]:
    return {case.id: case for case in cases}
