from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle import files

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True)


@pytest.mark.parametrize("name", ["demo", "1", "1.10", "ml-latest-small", "v2_final", "a" * 64, "007", "con"])
def test_valid_name_of_plain_folder_name_is_true(name):
    assert files.valid_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a..b",
        "../a",
        "a/b",
        "a\\b",
        ".hidden",
        "-x",
        "a.",
        "a" * 65,
        "a b",
        "a\n",
        "a\0",
        "é",
        "%2e%2e",
        "²",
    ],
)
def test_valid_name_of_anything_else_is_false(name):
    assert not files.valid_name(name)


@given(st.text(max_size=70))
def test_valid_name_never_lets_a_name_leave_its_folder(name):
    if files.valid_name(name):
        assert os.path.normpath(f"root/{name}") == f"root/{name}"


def test_valid_version_is_not_the_pointers_name():
    assert files.valid_version("1") and not files.valid_version(files.CURRENT)


def test_version_key_orders_numbers_as_numbers_and_candidates_before_releases():
    ordered = ["0.9", "1.0-rc1", "1.0-rc2", "1.0-rc10", "1.0", "1.0.1", "1.9", "1.10", "2", "9", "10"]
    assert sorted(set(ordered), key=files.version_key) == ordered


@given(st.sets(NAMES, max_size=12))
def test_version_key_is_a_total_order(names):
    """No two different names share a key, so the highest version does not depend on the order of a listing."""
    assert len({files.version_key(name) for name in names}) == len(names)


def test_write_durably_writes_all_bytes_even_when_the_system_writes_one_at_a_time(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, content: write(fd, bytes(content[:1])))
    files.write_durably(tmp_path / "a", b"several bytes")
    assert (tmp_path / "a").read_bytes() == b"several bytes"


def test_write_durably_never_replaces_or_follows(tmp_path):
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("there", "link"):
        with pytest.raises(FileExistsError):
            files.write_durably(tmp_path / name, b"new")
    assert (tmp_path / "there").read_bytes() == b"old" and not (tmp_path / "elsewhere").exists()
