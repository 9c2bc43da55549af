"""A walk over protobuf's wire format: just enough to look into an ONNX file without the onnx package.

Source: the protobuf encoding guide. A message is a row of (field number, wire type, payload); groups are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bundle.errors import GraphError

MAX_VARINT_BYTES = 10
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTH = {FIXED64: 8, FIXED32: 4}


@dataclass(frozen=True, slots=True)
class Field:
    """number: value of a varint; payload: the bytes of any other wire type (empty for a varint)."""

    tag: int
    wire: int
    number: int
    payload: memoryview


class Walker:
    """Reads messages field by field and gives up, with GraphError, after `budget` fields in all (time is bounded)."""

    def __init__(self, budget: int) -> None:
        self._left = budget

    def fields(self, message: memoryview) -> Iterator[Field]:
        """The fields of one message, in order; nothing is copied."""
        position = 0
        while position < len(message):
            self._left -= 1
            if self._left < 0:
                raise GraphError("the graph has more parts than this service looks at")
            key, position = _varint(message, position)
            tag, wire = key >> 3, key & 7
            number, end = 0, position
            if wire == VARINT:
                number, end = _varint(message, position)
                position = end
            elif wire == BYTES:
                length, position = _varint(message, position)
                end = position + length
            elif wire in WIDTH:
                end = position + WIDTH[wire]
            else:
                raise GraphError("the graph is not a protobuf message that ONNX uses")
            if end > len(message) or tag == 0:
                raise GraphError("the graph is cut short or not a protobuf message")
            yield Field(tag, wire, number, message[position:end])
            position = end


def varints(field: Field) -> Iterator[int]:
    """The numbers of a repeated integer field, whether packed or not."""
    if field.wire == VARINT:
        yield field.number
    position = 0
    while position < len(field.payload):
        number, position = _varint(field.payload, position)
        yield number


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """An unsigned number and the position after it."""
    value = 0
    for shift in range(MAX_VARINT_BYTES):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, position
    raise GraphError("the graph is cut short or holds a number that is too long")
