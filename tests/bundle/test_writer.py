from __future__ import annotations

import fcntl
import os
import stat

import msgspec
import pytest

from bundle import files, writer
from bundle.errors import ContentError, FilesError, ManifestError
from bundle.reader import read_bundle, resolve, versions
from bundle.writer import check_target, next_version, point_current, sweep_staging, write_bundle
from tests.builders import builder_model, make_bundle, make_payload


def parts(**kwargs):
    return make_payload(builder_model(), **kwargs)


def test_write_bundle_writes_exactly_the_files_of_the_format(tmp_path):
    folder = make_bundle(tmp_path)
    assert {p.name for p in folder.iterdir()} == {*files.PAYLOAD, files.MANIFEST}
    assert {p.name for p in folder.parent.iterdir()} == {"1", files.CURRENT, writer.LOCK}
    assert all(stat.S_IMODE(p.stat().st_mode) & 0o444 for p in folder.iterdir())


def test_write_bundle_twice_gives_the_same_bytes(tmp_path):
    one, two = make_bundle(tmp_path / "a"), make_bundle(tmp_path / "b")
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in two.iterdir()}


def test_write_bundle_syncs_files_then_folder_before_the_rename_and_the_parent_after(tmp_path, monkeypatch):
    """The order of reliability: no name may become durable before what it names."""
    events: list[str] = []
    real_open, real_fsync, real_rename = os.open, os.fsync, os.rename
    names: dict[int, str] = {}

    def opened(path, *args, **kwargs):
        fd = real_open(path, *args, **kwargs)
        names[fd] = os.fspath(path).rsplit("/", 1)[-1]
        return fd

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(f"fsync {names[fd]}"), real_fsync(fd))[1])
    monkeypatch.setattr(os, "rename", lambda *a, **k: (events.append("rename"), real_rename(*a, **k))[1])
    payload, manifest_of = parts()
    write_bundle(tmp_path / "demo", "1", payload, manifest_of, make_current=False)
    rename = events.index("rename")
    staged = [event.removeprefix("fsync ") for event in events[:rename]]
    assert set(staged[:-2]) == set(files.PAYLOAD) and staged[-2] == files.MANIFEST
    assert staged[-1].startswith(files.STAGING_PREFIX)
    assert events[rename + 1] == "fsync demo"


def test_write_bundle_not_made_current_leaves_the_pointer(tmp_path):
    make_bundle(tmp_path)
    payload, manifest_of = parts(version="2")
    write_bundle(tmp_path / "demo", "2", payload, manifest_of, make_current=False)
    assert versions(tmp_path / "demo") == ["1", "2"] and resolve(tmp_path / "demo").name == "1"


def test_write_bundle_not_made_current_keeps_what_is_served_without_a_pointer(tmp_path):
    make_bundle(tmp_path)
    (tmp_path / "demo" / files.CURRENT).unlink()
    payload, manifest_of = parts(version="2")
    write_bundle(tmp_path / "demo", "2", payload, manifest_of, make_current=False)
    assert resolve(tmp_path / "demo").name == "1", "the highest version would be served"


def test_write_bundle_of_used_version_is_refused_and_changes_nothing(tmp_path):
    before = read_bundle(make_bundle(tmp_path)).bundle_id
    with pytest.raises(FilesError, match="never overwritten"):
        make_bundle(tmp_path, seed=5)
    assert read_bundle(resolve(tmp_path / "demo")).bundle_id == before


@pytest.mark.parametrize("version", ["..", "../1", "a/b", "", ".", ".hidden", "current", "1.", "a..b", "x" * 65])
def test_write_bundle_of_unusable_version_is_refused(tmp_path, version):
    payload, manifest_of = parts()
    with pytest.raises(FilesError, match="cannot name"):
        write_bundle(tmp_path / "demo", version, payload, manifest_of)
    assert not (tmp_path / "demo").exists()


def test_write_bundle_with_file_missing_or_extra_is_refused(tmp_path):
    payload, manifest_of = parts()
    for wrong in ({k: v for k, v in payload.items() if k != files.ITEMS}, {**payload, "weights.pkl": b""}):
        with pytest.raises(FilesError, match="a bundle holds"):
            write_bundle(tmp_path / "demo", "1", wrong, manifest_of)
    assert not (tmp_path / "demo").exists()


def test_write_bundle_with_more_graphs_writes_them_and_only_with_the_manifest_that_names_them(tmp_path):
    for kind, more in (("linear", {files.LINEAR}), ("steering", {files.LINEAR, files.STEERING})):
        folder = make_bundle(tmp_path / kind, **{kind: True})
        assert {p.name for p in folder.iterdir()} == {*files.PAYLOAD, *more, files.MANIFEST}
    plain, plain_of = parts()
    linear, linear_of = make_payload(builder_model(linear=True))
    steering, steering_of = make_payload(builder_model(steering=True))
    for payload, manifest_of in (
        (plain | {files.LINEAR: linear[files.LINEAR]}, plain_of),
        ({name: content for name, content in linear.items() if name != files.LINEAR}, linear_of),
        (linear | {files.STEERING: steering[files.STEERING]}, linear_of),
        ({name: content for name, content in steering.items() if name != files.STEERING}, steering_of),
    ):
        with pytest.raises((FilesError, ManifestError), match="graph"):
            write_bundle(tmp_path / "demo", "1", payload, manifest_of)
    assert versions(tmp_path / "demo") == []


def test_write_bundle_whose_manifest_names_another_target_is_refused(tmp_path):
    payload, manifest_of = parts(version="1")
    with pytest.raises(ContentError, match="the target is demo/2"):
        write_bundle(tmp_path / "demo", "2", payload, manifest_of)


def test_write_bundle_that_the_reader_would_refuse_is_not_written(tmp_path):
    payload, manifest_of = parts()
    fewer = {**payload, files.ITEMS: make_payload(builder_model(n_items=49))[0][files.ITEMS]}
    with pytest.raises(ContentError, match="49 items, the model has 50"):
        write_bundle(tmp_path / "demo", "1", fewer, manifest_of)
    with pytest.raises(ManifestError):
        write_bundle(tmp_path / "demo", "1", payload, lambda e: msgspec.structs.replace(manifest_of(e), golden=()))
    assert versions(tmp_path / "demo") == []


def test_write_bundle_larger_than_the_reader_takes_is_refused_with_both_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BUNDLE_BYTES", 1000)
    with pytest.raises(FilesError, match=r"would have \d+ bytes, at most 1000"):
        make_bundle(tmp_path)


def test_write_bundle_while_another_exporter_writes_is_refused_and_disturbs_nothing(tmp_path):
    make_bundle(tmp_path)
    staging = tmp_path / "demo" / f"{files.STAGING_PREFIX}abc"
    staging.mkdir()
    with (tmp_path / "demo" / writer.LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FilesError, match="another export"):
            make_bundle(tmp_path, version="2")
        assert staging.exists()
    make_bundle(tmp_path, version="2")
    assert not staging.exists()


def test_sweep_staging_removes_only_staging_and_never_what_a_link_names(tmp_path):
    make_bundle(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("")
    folder = tmp_path / "demo"
    (folder / f"{files.STAGING_PREFIX}1").mkdir()
    (folder / f"{files.STAGING_PREFIX}1" / "half").write_text("")
    (folder / f"{files.STAGING_PREFIX}2").write_text("")
    (folder / f"{files.STAGING_PREFIX}3").symlink_to(outside)
    sweep_staging(folder)
    assert sorted(p.name for p in folder.iterdir()) == [writer.LOCK, "1", files.CURRENT]
    assert (outside / "precious").exists()


def test_next_version_is_one_above_the_highest_number_whatever_else_is_there(tmp_path):
    folder = tmp_path / "demo"
    assert next_version(folder) == "1"
    folder.mkdir()
    for name in ("2", "10", "9", "x", "²", ".staging-77", "current"):
        (folder / name).mkdir()
    assert next_version(folder) == "11"


def test_check_target_below_a_file_or_in_a_folder_that_cannot_be_made_is_a_files_error(tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "demo"):
        with pytest.raises(FilesError):
            check_target(target, "1")


def test_check_target_in_read_only_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root's own access is never refused
    with pytest.raises(FilesError, match="not writable"):
        check_target(tmp_path / "demo", "1")


def test_point_current_rolls_back_and_forth(tmp_path):
    make_bundle(tmp_path)
    make_bundle(tmp_path, version="2")
    assert resolve(tmp_path / "demo").name == "2"
    point_current(tmp_path / "demo", "1")
    assert resolve(tmp_path / "demo").name == "1"
    assert (tmp_path / "demo" / files.CURRENT).read_text() == "1\n"


@pytest.mark.parametrize("version", ["3", "..", "../other/1", "current", "", ".lock"])
def test_point_current_to_what_is_no_version_is_refused_and_leaves_the_pointer(tmp_path, version):
    make_bundle(tmp_path)
    with pytest.raises(FilesError, match="no version"):
        point_current(tmp_path / "demo", version)
    assert resolve(tmp_path / "demo").name == "1"


def test_point_current_over_a_folder_of_that_name_is_a_files_error_and_leaves_no_litter(tmp_path):
    folder = make_bundle(tmp_path).parent
    (folder / files.CURRENT).unlink()
    (folder / files.CURRENT).mkdir()
    with pytest.raises(FilesError):
        point_current(folder, "1")
    assert not list(folder.glob(f"{files.STAGING_PREFIX}*"))
