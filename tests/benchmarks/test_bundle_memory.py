"""What the service asks for before it loads a bundle is what loading one takes, and not much more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.bundle_memory import SPILT, as_page, measured
from tests.builders import make_bundle

CLEAR = Path("/proc/self/clear_refs")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        CLEAR.write_text("5")
    except OSError as error:
        pytest.skip(f"NOT TESTED: the memory of a load, because {CLEAR} cannot be written ({error.strerror})")
    return make_bundle(tmp_path_factory.mktemp("models"), n_items=20_000, n_latent=64)


@pytest.fixture(scope="module")
def row(bundle: Path) -> dict[str, Any]:
    return measured("20,000 items", bundle, 1)


def test_load_takes_no_more_than_was_asked_for_and_at_least_half(row: dict[str, Any]) -> None:
    assert not row["over"], row
    assert max(row["first"], row["swap"]) > row["needed"] / 2, row


def test_loaded_bundle_is_held_once(row: dict[str, Any]) -> None:
    """Its graphs, and the JSON files as Python's objects; onnxruntime's wrapper once kept the graphs' bytes as well."""
    assert row["kept"] < 1.3 * row["graphs"] + 10 * row["json"] + 16, row


def test_load_that_takes_more_is_found_out(bundle: Path, row: dict[str, Any]) -> None:
    spilling = measured("control", bundle, 1, spilt=SPILT)
    assert spilling["over"], spilling
    page = as_page({"command": "c", "runs": 1, "machine": {"processor": "p", "cores": 1}, "measured": [row, spilling]})
    assert page.rstrip().endswith(" | over, as it must be |")
