"""What both engines keep of a write under its idempotency key, and how a repeat of the key is answered."""

from __future__ import annotations

import hashlib
import json

from service.errors import ConflictError
from service.store.protocol import KeptWrite, Receipt, Write

KEY_LIFE_SECONDS = 24 * 3600
"""How long a repeat of an idempotency key gets the first answer again."""


def fingerprint_of(write: Write) -> bytes:
    """Identifies what is written, so that a reused key with other content is noticed; 32 bytes."""
    content = [write.user_id, [[taken.item_id, taken.timestamp] for taken in write.interactions]]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).digest()


def conflict() -> ConflictError:
    """A key came again with another write, or for a user who has been erased since."""
    return ConflictError(
        "this Idempotency-Key was used for another write, or for a user who was erased since",
        hint="use a new key for every write, the same for a retry",
    )


def repeated(kept: tuple[bytes, int, int, str], fingerprint: bytes) -> Receipt:
    """The first answer again; kept: its write's fingerprint and what is kept of it. ConflictError for another write."""
    before, stored, duplicates, unknown_items = kept
    if bytes(before) != fingerprint:
        raise conflict()
    return Receipt(stored, duplicates, tuple(json.loads(unknown_items)), replayed=True)


def kept_write(key: str, stored: int, duplicates: int, unknown_items: str, at: int) -> KeptWrite:
    """A row of the table; unknown_items: the JSON that was kept."""
    return KeptWrite(key, stored, duplicates, tuple(json.loads(unknown_items)), at)
