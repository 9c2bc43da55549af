"""The n-th operation fails, for every n: after each failure a reader sees the old bundle or the whole new one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bundle import files
from bundle.errors import BundleError, FilesError, NoBundleError
from bundle.reader import read_bundle, resolve
from bundle.writer import write_bundle
from tests.builders import builder_model, make_bundle, make_payload

WRAPPED = ("open", "write", "fsync", "rename", "replace", "mkdir")
CLEANING = ("unlink", "rmdir", "remove")
N_ITEMS = 6


class Killed(BaseException):
    """The process is gone: no handler of the code under test may do anything after it."""


class Faults:
    """Makes the n-th operation below `folder` fail: as an error of the system, or as a kill after which all fail."""

    def __init__(self, monkeypatch, n: int, failure: int | type[Killed]) -> None:
        self.count, self.n, self.failure = 0, n, failure
        for name in (*WRAPPED, *CLEANING):
            monkeypatch.setattr(os, name, self._wrap(name, getattr(os, name)))

    def _wrap(self, name, real):
        def faulty(*args, **kwargs):
            killed = self.failure is Killed
            if name in WRAPPED:
                self.count += 1
                if self.count == self.n:
                    if name == "write":
                        real(args[0], bytes(args[1][: len(args[1]) // 2]))  # half of it reached the disk
                    if killed:
                        raise Killed
                    raise OSError(self.failure, os.strerror(self.failure))
            if killed and self.count > self.n:
                raise Killed
            if killed and self.count == self.n and name in CLEANING:
                raise Killed
            return real(*args, **kwargs)

        return faulty


def write_second(root: Path) -> Path:
    payload, manifest_of = make_payload(builder_model(n_items=N_ITEMS, seed=1), version="2")
    return write_bundle(root / "demo", "2", payload, manifest_of)


def first_failure_free(tmp_path: Path, failure, *, old: bool, check) -> int:
    """Fail at 1, 2, ... until a write passes; `check(root, error)` after each. Returns the passing n."""
    for n in range(1, 200):
        root = tmp_path / str(n)
        root.mkdir()
        if old:
            make_bundle(root, n_items=N_ITEMS)
        with pytest.MonkeyPatch.context() as patch:
            faults = Faults(patch, n, failure)
            error = None
            try:
                write_second(root)
            except (FilesError, Killed) as raised:
                error = raised
        if faults.count < n:
            assert error is None
            return n
        check(root, error)
    raise AssertionError("no write ever passed")


def expected(tmp_path: Path) -> dict[str, str]:
    """version -> bundle_id of the two whole bundles."""
    make_bundle(tmp_path / "whole", n_items=N_ITEMS)
    write_second(tmp_path / "whole")
    return {v: read_bundle(tmp_path / "whole" / "demo" / v).bundle_id for v in ("1", "2")}


@pytest.mark.parametrize("failure", [errno.ENOSPC, errno.EIO, Killed])
def test_t7_write_bundle_failing_at_any_operation_leaves_old_or_new(tmp_path, failure):
    whole = expected(tmp_path)
    seen: set[str] = set()

    def check(root: Path, error) -> None:
        found = read_bundle(resolve(root / "demo"))
        assert whole[found.manifest.version] == found.bundle_id
        # no error is right only where the failure did not matter (mkdir of the folder that is there)
        assert error is not None or found.manifest.version == "2", "a failed operation went unnoticed"
        seen.add(found.manifest.version)
        for version in (p for p in (root / "demo").iterdir() if files.valid_version(p.name)):
            read_bundle(version)  # also what `current` does not name is whole
        if isinstance(error, FilesError):
            assert "the bundle needs" in error.message and error.hint
        retried = write_bundle_again(root)
        assert resolve(root / "demo") == retried.resolve()
        assert not list((root / "demo").glob(f"{files.STAGING_PREFIX}*"))

    passed = first_failure_free(tmp_path, failure, old=True, check=check)
    assert passed > 20, "the harness does not see the operations"
    assert seen == {"1", "2"}, "the harness never failed on both sides of the switch"


def write_bundle_again(root: Path) -> Path:
    payload, manifest_of = make_payload(builder_model(n_items=N_ITEMS, seed=1), version="3")
    return write_bundle(root / "demo", "3", payload, manifest_of)


def test_write_bundle_of_first_version_killed_at_any_operation_leaves_none_or_a_whole_one(tmp_path):
    whole = expected(tmp_path)["2"]
    outcomes = set()

    def check(root: Path, error) -> None:
        assert error is not None
        try:
            found = read_bundle(resolve(root / "demo"))
        except NoBundleError:
            outcomes.add("none")
        else:
            assert found.bundle_id == whole
            outcomes.add("whole")

    first_failure_free(tmp_path, Killed, old=False, check=check)
    assert outcomes == {"none", "whole"}


def test_t7_harness_of_writer_that_writes_in_place_sees_a_half_bundle(tmp_path, monkeypatch):
    """Positive control: the same check catches a writer without staging."""
    from bundle import writer

    def in_place(target, payload, manifest):
        target.mkdir()
        files.write_durably(target / files.MANIFEST, manifest)
        for name, content in payload.items():
            files.write_durably(target / name, content)

    monkeypatch.setattr(writer, "_publish", in_place)

    def check(root: Path, error) -> None:
        for version in (p for p in (root / "demo").iterdir() if files.valid_version(p.name)):
            read_bundle(version)

    with pytest.raises(BundleError):
        first_failure_free(tmp_path, Killed, old=True, check=check)
