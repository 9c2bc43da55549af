"""A bundle taken over from elsewhere, byte for byte: whole or not at all, whatever fails and whenever."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bundle import files
from bundle.errors import FilesError, HashError
from bundle.manifest import FileEntry
from bundle.reader import read_bundle, resolve
from bundle.writer import receive_bundle
from tests.builders import make_bundle
from tests.bundle.test_faults import Faults, Killed

N_ITEMS = 6


def copied(source: Path):
    """A `fetch` that copies from a folder."""

    def fetch(name: str, entry: FileEntry, path: Path) -> None:
        files.write_durably(path, (source / name).read_bytes())

    return fetch


def receive(source: Path, models: Path, **options) -> Path:
    return receive_bundle(models / "demo", (source / files.MANIFEST).read_bytes(), copied(source), **options)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "elsewhere", version="7", n_items=N_ITEMS)


def test_received_bundle_is_the_same_to_the_byte_and_current(tmp_path, source):
    there = receive(source, tmp_path / "models")
    assert there == tmp_path / "models" / "demo" / "7"
    assert {p.name: p.read_bytes() for p in there.iterdir()} == {p.name: p.read_bytes() for p in source.iterdir()}
    assert resolve(tmp_path / "models" / "demo") == there.resolve()
    assert read_bundle(there).bundle_id == read_bundle(source).bundle_id


def test_received_twice_is_taken_as_it_is_and_fetched_once(tmp_path, source):
    receive(source, tmp_path / "models")
    make_bundle(tmp_path / "models", version="8", n_items=N_ITEMS)

    def refuse(*_):
        raise AssertionError("fetched again")

    again = receive_bundle(tmp_path / "models" / "demo", (source / files.MANIFEST).read_bytes(), refuse)
    assert resolve(tmp_path / "models" / "demo") == again.resolve()


def test_version_that_is_there_with_other_content_is_refused(tmp_path, source):
    make_bundle(tmp_path / "models", version="7", n_items=N_ITEMS, seed=1)
    before = read_bundle(tmp_path / "models" / "demo" / "7").bundle_id
    with pytest.raises(FilesError, match="never overwritten"):
        receive(source, tmp_path / "models")
    assert read_bundle(tmp_path / "models" / "demo" / "7").bundle_id == before


def test_file_that_differs_leaves_no_trace(tmp_path, source):
    content = bytearray((source / files.DECODER).read_bytes())
    content[len(content) // 2] ^= 1
    (source / files.DECODER).write_bytes(bytes(content))
    with pytest.raises(HashError):
        receive(source, tmp_path / "models")
    assert {p.name for p in (tmp_path / "models" / "demo").iterdir()} == {".lock"}


def test_pointer_stays_when_it_is_asked_to(tmp_path, source):
    make_bundle(tmp_path / "models", version="1", n_items=N_ITEMS)
    receive(source, tmp_path / "models", make_current=False)
    assert resolve(tmp_path / "models" / "demo").name == "1"


@pytest.mark.parametrize("failure", [errno.ENOSPC, Killed])
def test_receive_failing_at_any_operation_leaves_old_or_new(tmp_path, source, failure):
    new, seen, passed = read_bundle(source).bundle_id, set(), 0
    for n in range(1, 300):
        models = tmp_path / f"models-{n}"
        old = read_bundle(make_bundle(models, version="1", n_items=N_ITEMS)).bundle_id
        with pytest.MonkeyPatch.context() as patch:
            faults = Faults(patch, n, failure)
            error = None
            try:
                receive(source, models)
            except (FilesError, Killed) as raised:
                error = raised
        if faults.count < n:
            assert error is None
            passed = n
            break
        found = read_bundle(resolve(models / "demo"))
        assert found.bundle_id in {old, new}
        seen.add(found.bundle_id)
        for version in (p for p in (models / "demo").iterdir() if files.valid_version(p.name)):
            read_bundle(version)
        receive(source, models)  # the next attempt goes through, and sweeps what the last one left
        assert read_bundle(resolve(models / "demo")).bundle_id == new
        assert not list((models / "demo").glob(f"{files.STAGING_PREFIX}*"))
    assert passed > 20, "the harness does not see the operations"
    assert seen == {old, new}
