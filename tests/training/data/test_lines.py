from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from training.data.lines import MAX_LINE_BYTES, decode_text, read_blocks
from training.errors import DataError


def lines_of(path: Path, *, block_bytes: int = 64) -> list[tuple[int, str]]:
    def read(encoding: str) -> list[tuple[int, str]]:
        blocks = read_blocks(path, encoding, block_bytes=block_bytes)
        return [(block.first + k, line) for block in blocks for k, line in enumerate(block.lines.to_list())]

    return decode_text(path, read)[0]


@pytest.mark.parametrize("block_bytes", [12, 13, 17, 1000])
def test_lines_in_blocks_of_any_size_keep_text_and_number(tmp_path, block_bytes):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffuser\r\nzweite\r\n\r\ndrei".encode())

    found = lines_of(path, block_bytes=block_bytes)

    assert found == [(1, "user"), (2, "zweite"), (3, ""), (4, "drei")]


def test_lines_of_a_gzip_file_are_those_of_the_plain_one(tmp_path):
    plain, packed = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    plain.write_text("a\nb\nc\n")
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert lines_of(packed) == lines_of(plain) == [(1, "a"), (2, "b"), (3, "c")]


def test_line_longer_than_a_block_becomes_blanks_and_the_next_lines_are_kept(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n" + "x" * 1000 + "\nb\n" + "y" * 500)

    found = lines_of(path, block_bytes=100)

    assert [n for n, _ in found] == [1, 2, 3, 4]
    assert found[0][1] == "a"
    assert found[2][1] == "b"
    for _, overlong in (found[1], found[3]):
        assert overlong == " " * (MAX_LINE_BYTES + 1)


def test_latin1_file_is_read_again_from_the_start(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"plain\n" * 50 + "Am\xe9lie\n".encode("latin-1"))

    def read(encoding: str) -> list[str]:
        return [line for block in read_blocks(path, encoding, block_bytes=64) for line in block.lines.to_list()]

    lines, encoding = decode_text(path, read)

    assert encoding == "latin-1"
    assert len(lines) == 51
    assert lines[-1] == "Amélie"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        ("user_id,item_id\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04 ...", "zip archive"),
        (b"PAR1....", "Parquet"),
        (gzip.compress(b"a\nb\n" * 1000)[:-12], "damaged or cut off"),
        (b"\x1f\x8bnot gzip at all", "damaged or cut off"),
    ],
)
def test_file_that_is_no_text_is_refused_with_its_kind(tmp_path, content, said):
    path = tmp_path / "a.csv"
    path.write_bytes(content)

    with pytest.raises(DataError, match=said) as refused:
        lines_of(path)

    assert refused.value.hint


def test_file_that_is_not_there_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        lines_of(tmp_path / "absent.csv")
