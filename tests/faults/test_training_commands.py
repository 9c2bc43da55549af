"""T1, T2, T4, T9, T11: what the commands refuse and count, on the real process, beside its good twin.

A few of each kind: a process takes seconds. All kinds are tried in process by tests/training/data and tests/prismrec.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.faults.commanding import GOOD, HEADER, N_ROWS, ROWS, Said, command, data_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ONE = "u3,i3,5"
"""The row that is spoilt; it stands on line 23."""
PLACE = "interactions.csv:23"

REFUSED: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "header alone": (HEADER.encode(), ("interactions.csv", "no lines")),
    "column too many": (
        "\n".join(f"{row},x" for row in ("user_id,item_id,rating", *ROWS)).encode(),
        ("interactions.csv:1",),
    ),
    "quote not closed": ((HEADER + '"u1,i1,5\n' + "\n".join(ROWS)).encode(), ("interactions.csv:2", "quote")),
    "NUL": (GOOD.replace(ONE, "u3,i\0,5").encode(), (PLACE, "NUL")),
    "line without an end": (HEADER.encode() + b"u1," + b"x" * 40_000_000, ("interactions.csv:2", "longer than")),
    "archive cut off": (gzip.compress(GOOD.encode())[:-9], ("gzip", "cut off")),
}
TAKEN = {
    "plain": GOOD.encode(),
    "latin-1": GOOD.replace("i3", "\xe9").encode("latin-1"),
    "packed": gzip.compress(GOOD.encode()),
}
SENSELESS = {
    "NaN": ("u3,i3,nan", "NaN or infinite"),
    "a field less": ("u3,i3", "wrong number of fields"),
}
TOO_LITTLE = {
    "one user": HEADER + "".join(f"u,i{item},5\n" for item in range(30)),
    "nothing liked": GOOD.replace(",5\n", ",1\n"),
}


def described(folder: Path, content: bytes, *options: str, packed: bool = False) -> Said:
    name = "interactions.csv.gz" if packed else "interactions.csv"
    return command(
        "--json", "data", "describe", data_of(folder / "data", content, name=name), "--heldout", "2", *options
    )


@pytest.mark.parametrize("kind", REFUSED)
def test_t1_table_that_cannot_be_used_is_refused_by_file_line_and_reason(kind: str, tmp_path: Path) -> None:
    content, words = REFUSED[kind]
    described(tmp_path, content, packed=kind == "archive cut off").refused(*words)


@pytest.mark.parametrize("kind", TAKEN)
def test_t1_table_in_another_spelling_is_read_to_the_last_row(kind: str, tmp_path: Path) -> None:
    """The good twins: every row counted, and what was guessed is said."""
    found = described(tmp_path, TAKEN[kind], packed=kind == "packed")
    found.accepted()
    assert json.loads(found.out)["n_interactions"] == N_ROWS
    assert f"{N_ROWS} interactions of {N_ROWS} lines" in found.err
    assert ("read as latin-1" in found.err) == (kind == "latin-1")


@pytest.mark.parametrize("kind", SENSELESS)
def test_t2_senseless_row_is_counted_with_its_place_and_left_out_only_when_told_to(kind: str, tmp_path: Path) -> None:
    row, reason = SENSELESS[kind]
    content = GOOD.replace(ONE, row).encode()
    described(tmp_path, content).refused(PLACE, reason, "1 of 72")
    allowed = described(tmp_path, content, "--max-bad", "0.05")
    allowed.accepted()
    assert json.loads(allowed.out)["n_interactions"] == N_ROWS - 1
    assert reason in allowed.err


def test_t2_repeated_pairs_keep_the_latest_and_are_counted(tmp_path: Path) -> None:
    content = "user_id,item_id,rating,timestamp\n" + "".join(f"{row},{1_600_000_000}\n" for row in ROWS)
    found = described(tmp_path, (content + f"{ONE[:-1]}1,1700000000\n").encode(), "--threshold", "4")
    found.accepted()
    assert json.loads(found.out)["n_interactions"] == N_ROWS - 1  # the latest is no longer liked
    assert "repeated" in found.err


@pytest.mark.parametrize("kind", TOO_LITTLE)
def test_t4_hardly_any_data_is_refused_with_what_is_needed_and_leaves_no_model(kind: str, tmp_path: Path) -> None:
    data, run = data_of(tmp_path / "data", TOO_LITTLE[kind]), tmp_path / "run"
    command("train", data, "--model", "mult-vae", "--threshold", "4", "-o", run).refused()
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize("out", ["a file", "not writable"])
def test_t9_place_that_cannot_be_written_is_refused_before_the_data_are_read(out: str, tmp_path: Path) -> None:
    place = tmp_path / "models"
    if out == "a file":
        place.write_text("mine")
    else:
        place = Path("/proc/models")
    found = command("standalone", tmp_path / "no-data", "--out", place / "demo")
    found.refused(str(place))
    assert out != "a file" or place.read_text() == "mine"


def test_t11_device_that_is_not_there_is_refused_before_the_data_are_read(tmp_path: Path) -> None:
    command("train", tmp_path / "no-data", "--device", "cuda", CUDA_VISIBLE_DEVICES="").refused("cuda")
