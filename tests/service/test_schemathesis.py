"""schemathesis against the running service, all checks on: what the document says is what the service does.

This is the short form, with a fixed seed; `make fuzz` goes on for half an hour with new ones (tests.service.fuzzing).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import make_bundle
from tests.faults.served import served
from tests.service.fuzz_rounds import KEYS, SETUPS, fuzzed, run_round

pytest.importorskip("schemathesis")
pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SPLIT = 1


def test_r18_service_keeps_to_its_document_whatever_is_sent(tmp_path: Path) -> None:
    assert SETUPS[SPLIT].name == "two models and a split"
    found = run_round(SPLIT, tmp_path, examples=8)
    assert found.exit_code == 0, found.text[-20_000:]
    assert found.report["operations"]["tested"] == found.report["operations"]["total"] == 28
    assert {"examples", "coverage", "fuzzing", "stateful"} <= set(found.report["phases"])
    assert found.report["test_cases"]["generated"] > 1000
    assert {"recommend 200", "append_interactions 200", "erase_user 200"} <= set(found.seen)


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        ("schema", "Response violates schema"),
        ("crash", "Server error"),
        ("auth", "API accepts requests without authentication"),
        ("whim", "refused with no known reason"),
        ("code", "404 unknown-factor is not declared"),
    ],
)
def test_service_with_a_planted_fault_is_found_out(tmp_path: Path, fault: str, caught: str) -> None:
    make_bundle(tmp_path / "models")
    with served(tmp_path, module="tests.service.fuzz_broken", variant=fault, **KEYS) as running:
        found = fuzzed(running, tmp_path, seed=1, options=("--include-path", "/items", "--max-examples", "5"))
    assert found.exit_code == 1, found.text
    assert caught in found.text, found.text
