"""docs/operations.md says what there is: fields of the log, metrics, commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from service.bundles.slot import Slot
from service.telemetry.metrics import Metrics
from tests.builders import damage, make_bundle
from tests.service.app_client import AppClient, open_client

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, less its head."""
    lines = PAGE[PAGE.index(f"\n## {heading}\n") :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|---"))
    table = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def words_of(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture
def used(tmp_path: Path):
    """A service that has seen good and bad requests, an error, and bundles that were taken and refused."""
    make_bundle(tmp_path / "models", version="1")
    with open_client(tmp_path, slot=Slot()) as client:
        client.state.watcher.check()
        damage(make_bundle(tmp_path / "models", version="2"), "flipped-bit")
        client.state.watcher.check()
        client.post("/recommend", {"history": ["m0"]})
        client.get("/users/some-user-7")
        client.get("/no-such-path/some-user-7")
        client.state.store.close()
        client.get("/explain/some-user-7", params={"item_id": "secret-item"})
        yield client


def test_fields_of_the_log_are_those_of_the_page(used: AppClient) -> None:
    fields: dict[str, set[str]] = {}
    for line in used.log.getvalue().splitlines():
        found = json.loads(line)
        fields.setdefault(found["event"], set()).update(found)
    told: dict[str, set[str]] = {}
    for names, events, _ in rows_of("Logs"):
        for event in words_of(events) or ["every"]:
            told.setdefault(event, set()).update(words_of(names))
    assert {"request", "bundle"} <= set(fields)
    for event in ("request", "bundle"):
        assert fields[event] <= told[event] | {"time", "level", "event"}, event
    # a test of its own has each of these: keys (test_auth), traces (test_tracing), errors (test_app), arms (test_logs),
    # elsewhere: keys (test_auth), traces (test_tracing), errors (test_app), arms (test_logs),
    assert told["request"] - fields["request"] == {"key", "trace_id", "arm", "answered"}
    assert told["bundle"] - fields["bundle"] == {"fallback", "held", "kept"}


def test_requests_leave_one_line_each_and_nothing_of_users(used: AppClient) -> None:
    lines = [json.loads(line) for line in used.log.getvalue().splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request"][:3] == [200, 404, 404]
    assert len([line for line in lines if line["event"] == "request"]) == 4
    text = used.log.getvalue().decode()
    assert "some-user-7" not in text and "secret-item" not in text and "m0" not in text


def test_metrics_are_those_of_the_page() -> None:
    told: set[str] = set()
    for names, _, _ in rows_of("Metrics"):
        first, *others = words_of(names)
        stem = first.rpartition("_")[0]
        told |= {first, *(name if name.startswith("prismrec") else stem + name for name in others)}
    ours = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in Metrics().registry.collect()
        if metric.name.startswith("prismrec")
    }
    assert told == ours


def test_pages_that_are_linked_exist() -> None:
    here = Path(__file__).parents[2] / "docs"
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (here / link).exists(), link
