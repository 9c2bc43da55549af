"""From a file to its lines, in blocks: gzip, byte-order marks, encodings and over-long lines are dealt with here.

One line is one record. A line break inside a quoted field is therefore rejected, and one forgotten quote cannot
swallow the rest of a file.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import polars as pl

from training.errors import DataError

BLOCK_BYTES = 4 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_FOREIGN = {
    b"\xff\xfe": ("UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it as UTF-8"),
    b"PK\x03\x04": ("a zip archive (or a spreadsheet)", "unpack it, or export it as CSV"),
    b"PAR1": ("a Parquet file", "name it .parquet"),
    b"\x28\xb5\x2f\xfd": ("a zstd archive", "unpack it, or compress it with gzip"),
    b"BZh": ("a bzip2 archive", "unpack it, or compress it with gzip"),
}


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines without their ends: lines [n] str, the first of them is line `first` of the file (from 1)."""

    first: int
    lines: pl.Series


def decode_text(path: Path, read: Callable[[str], T]) -> tuple[T, str]:
    """Call `read(encoding)` with utf-8 and, if the file is not, again from the start with latin-1."""
    try:
        return read("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return read("latin-1"), "latin-1"
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path.name}: the gzip archive is damaged or cut off", hint="copy or download the file again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror}", hint="check the path and that you may read it"
        ) from error


def read_blocks(path: Path, encoding: str, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The lines of a (gzipped) text file. Memory stays near two blocks, however long a line is.

    A line of more than a block is replaced by blanks just over MAX_LINE_BYTES, so that the next stage counts it.
    Raises UnicodeDecodeError, OSError, EOFError (see `decode_text`) and DataError for a file that is not text.
    """
    first = 1
    carry = b""
    skipping = False
    with _open(path) as stream:
        chunk = stream.read(block_bytes)
        _refuse_foreign(path, chunk)
        chunk = chunk.removeprefix(_BOM)
        while chunk:
            if skipping:
                _, newline, chunk = chunk.partition(b"\n")
                skipping = not newline
                chunk = newline + chunk
            head, newline, tail = (carry + chunk).rpartition(b"\n")
            if newline:
                block = _block(first, head, encoding)
                first += len(block.lines)
                yield block
            carry = tail
            if len(carry) > block_bytes:
                carry, skipping = b" " * (MAX_LINE_BYTES + 1), True
            chunk = stream.read(block_bytes)
    if carry:
        yield _block(first, carry, encoding)


def _block(first: int, content: bytes, encoding: str) -> Block:
    lines = pl.Series("_raw", [content.decode(encoding)], dtype=pl.String).str.split("\n").explode()
    return Block(first, lines.str.strip_suffix("\r"))


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def _refuse_foreign(path: Path, head: bytes) -> None:
    if not head:
        raise DataError(f"{path.name} is empty", hint="give a file with a header line and at least one interaction")
    for magic, (what, cure) in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{path.name} is {what}; expected text in UTF-8 or latin-1, or gzip of it", hint=cure)
