from __future__ import annotations

import os
import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from bundle import files
from bundle.errors import BundleError, FilesError, HashError, ManifestError, NoBundleError
from bundle.reader import model_names, read_bundle, resolve, versions
from tests.builders import builder_model, make_bundle, make_payload

N_FLIPS = 200
SEED = 20_261_121


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"n_conditions": 0},
        {"n_conditions": 0, "attributes": False},
        {"n_latent": 9},
        {"linear": True},
        {"steering": True},
    ],
)
def test_read_bundle_of_good_bundle_gives_what_was_written(tmp_path, kwargs):
    bundle = read_bundle(make_bundle(tmp_path, **kwargs))
    shape = {name: value for name, value in kwargs.items() if name != "attributes"}
    payload, _ = make_payload(builder_model(**shape), attributes=kwargs.get("attributes", True))
    assert bundle.graphs == {name: content for name, content in payload.items() if name.endswith(".onnx")}
    assert len(bundle.graphs) == (5 if "steering" in kwargs else 4 if "linear" in kwargs else 3)
    assert len(bundle.catalogue) == bundle.manifest.dims.n_items == 50
    assert len(bundle.factors.factors) == bundle.manifest.dims.n_latent
    assert len(bundle.bundle_id) == 16


def test_read_bundle_written_before_there_was_a_linear_graph_is_read(tmp_path):
    """Its manifest does not know the word; one of today without the term does not say it either."""
    folder = make_bundle(tmp_path)
    assert b'"linear"' not in (folder / files.MANIFEST).read_bytes()
    assert read_bundle(folder).manifest.graphs.linear is None


def test_read_bundle_written_before_there_was_a_steering_graph_is_read(tmp_path):
    folder = make_bundle(tmp_path, linear=True)
    assert b'"steering"' not in (folder / files.MANIFEST).read_bytes()
    assert read_bundle(folder).manifest.graphs.steering is None


def test_read_bundle_of_other_content_has_another_id(tmp_path):
    ids = {read_bundle(make_bundle(tmp_path / str(seed), seed=seed)).bundle_id for seed in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("name", [*files.PAYLOAD, files.MANIFEST])
def test_read_bundle_with_a_random_bit_flipped_is_refused(tmp_path, name):
    """200 flips in each file; the bytes are put back after each, so the last read is the control."""
    folder = make_bundle(tmp_path, n_items=6)
    whole, rng = (folder / name).read_bytes(), random.Random(f"{SEED} {name}")
    for _ in range(N_FLIPS):
        flipped = bytearray(whole)
        place = rng.randrange(8 * len(whole))
        flipped[place // 8] ^= 1 << place % 8
        (folder / name).write_bytes(bytes(flipped))
        with pytest.raises((HashError, ManifestError)):
            read_bundle(folder)
    (folder / name).write_bytes(whole)
    read_bundle(folder)


@pytest.mark.parametrize("name", [*files.PAYLOAD, files.MANIFEST])
def test_read_bundle_with_file_cut_anywhere_is_refused(tmp_path, name):
    folder = make_bundle(tmp_path, n_items=6)
    whole = (folder / name).read_bytes()
    for length in {0, 1, len(whole) // 2, len(whole) - 1}:
        (folder / name).write_bytes(whole[:length])
        with pytest.raises((FilesError, HashError, ManifestError)):
            read_bundle(folder)
    (folder / name).write_bytes(whole + b"\0")
    with pytest.raises((FilesError, HashError, ManifestError)):
        read_bundle(folder)


@pytest.mark.parametrize("name", [*files.PAYLOAD, files.MANIFEST])
def test_read_bundle_with_fifo_in_place_of_a_file_does_not_wait_for_a_writer(tmp_path, name):
    folder = make_bundle(tmp_path)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    outcome: list[BaseException] = []

    def read() -> None:
        try:
            read_bundle(folder)
        except BundleError as error:
            outcome.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5.0)
    assert not thread.is_alive() and isinstance(outcome[0], FilesError)


def test_read_bundle_copied_in_slowly_in_any_order_is_refused_until_whole(tmp_path):
    source = make_bundle(tmp_path / "source", n_items=6)
    names = sorted(p.name for p in source.iterdir())
    rng = random.Random(SEED)
    for attempt in range(10):
        target = tmp_path / f"copy-{attempt}"
        target.mkdir()
        for name in rng.sample(names, len(names)):
            with pytest.raises(BundleError):
                read_bundle(target)
            content = (source / name).read_bytes()
            (target / name).write_bytes(content[: len(content) // 2])
            with pytest.raises(BundleError):
                read_bundle(target)
            (target / name).write_bytes(content)
        assert read_bundle(target).bundle_id == read_bundle(source).bundle_id


def test_read_bundle_many_times_refused_leaks_no_file_descriptor(tmp_path):
    folder = make_bundle(tmp_path)
    (folder / files.ENCODER).unlink()
    (folder / files.ENCODER).mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        with pytest.raises(FilesError):
            read_bundle(folder)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_read_bundle_claiming_more_than_the_limit_is_refused_before_reading(tmp_path, monkeypatch):
    folder = make_bundle(tmp_path)
    monkeypatch.setattr(files, "MAX_BUNDLE_BYTES", 100)
    started = time.monotonic()
    with pytest.raises(FilesError, match="at most 100"):
        read_bundle(folder)
    assert time.monotonic() - started < 1.0


def test_read_bundle_of_what_is_no_folder_is_no_bundle(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(NoBundleError):
            read_bundle(path)


def test_resolve_without_a_pointer_takes_the_highest_version(tmp_path):
    for version in ("9", "10", "2"):
        make_bundle(tmp_path, version=version)
    (tmp_path / "demo" / files.CURRENT).unlink()
    assert versions(tmp_path / "demo") == ["2", "9", "10"]
    assert resolve(tmp_path / "demo").name == "10"


def test_resolve_ignores_staging_half_copies_files_and_links(tmp_path):
    folder = make_bundle(tmp_path).parent
    (folder / files.CURRENT).unlink()
    shutil.copytree(folder / "1", folder / f"{files.STAGING_PREFIX}9")
    (folder / "8").mkdir()
    (folder / "7").write_text("")
    (folder / "6").symlink_to(folder / "1")
    assert versions(folder) == ["1"] and resolve(folder).name == "1"


@pytest.mark.parametrize(
    "text", ["", "\n", "..", "../demo/1", "/etc", "current", "1/../1", "é", "\0", "1\n2", "x" * 300]
)
def test_resolve_of_pointer_that_names_no_version_is_refused(tmp_path, text):
    """A torn or hostile pointer is never followed, and no other version is guessed in its place."""
    folder = make_bundle(tmp_path).parent
    (folder / files.CURRENT).write_text(text)
    with pytest.raises(FilesError):
        resolve(folder)


def test_resolve_of_pointer_to_a_version_that_is_gone_is_no_bundle(tmp_path):
    folder = make_bundle(tmp_path).parent
    (folder / files.CURRENT).write_text("2\n")
    with pytest.raises(NoBundleError, match="'2'"):
        resolve(folder)


def test_resolve_of_pointer_that_is_a_link_folder_or_fifo_is_refused(tmp_path):
    folder = make_bundle(tmp_path).parent
    pointer = folder / files.CURRENT
    outside = tmp_path / "outside"
    outside.write_text("1\n")
    for make in (lambda: pointer.symlink_to(outside), pointer.mkdir, lambda: os.mkfifo(pointer)):
        if pointer.is_dir():
            pointer.rmdir()
        else:
            pointer.unlink()
        make()
        with pytest.raises(FilesError):
            resolve(folder)


def test_resolve_of_version_that_is_a_link_to_elsewhere_is_refused(tmp_path):
    folder = make_bundle(tmp_path).parent
    elsewhere = make_bundle(tmp_path / "elsewhere")
    (folder / "2").symlink_to(elsewhere)
    (folder / files.CURRENT).write_text("2\n")
    with pytest.raises(FilesError, match="link"):
        resolve(folder)


def test_resolve_of_empty_or_missing_model_is_no_bundle(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        with pytest.raises(NoBundleError):
            resolve(tmp_path / name)


def test_model_names_lists_folders_with_a_version_in_order(tmp_path):
    make_bundle(tmp_path, name="zebra")
    make_bundle(tmp_path, name="apple")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "README.md").write_text("")
    assert model_names(tmp_path) == ["apple", "zebra"]
    assert model_names(tmp_path / "nowhere") == []
