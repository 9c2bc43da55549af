"""The served processes of the soak: `python -m tests.faults.soaked VARIANT`, the real service or one that leaks."""

from __future__ import annotations

import os
import sys
from typing import Any

from service.__main__ import main
from service.bundles.slot import Slot
from service.http.middleware import _Exchange

HONEST, REPLIES, BUNDLES, FILES = "honest", "replies", "bundles", "files"
"""The service as it is; and the controls: every reply, every bundle, a file descriptor a swap is kept for ever.

Of replies ten copies, so that a short run under load has enough of them. Several at once: joined by a plus."""

COPIES = 10

_kept: list[Any] = []


def keep_replies() -> None:
    """Copies: what uvloop was given may be shared with what it still writes."""
    send = _Exchange.send

    async def sent(self: _Exchange, message: Any) -> None:
        _kept.extend(bytes(bytearray(message.get("body", b""))) for _ in range(COPIES))
        await send(self, message)

    _Exchange.send = sent  # type: ignore[method-assign]


def keep_bundles() -> None:
    swap = Slot.swap

    def swapped(self: Slot, loaded: Any, report: Any, **more: Any) -> None:
        _kept.append(loaded)
        swap(self, loaded, report, **more)

    Slot.swap = swapped  # type: ignore[method-assign]


def keep_files() -> None:
    swap = Slot.swap

    def swapped(self: Slot, loaded: Any, report: Any, **more: Any) -> None:
        _kept.append(os.open("/dev/null", os.O_RDONLY))
        swap(self, loaded, report, **more)

    Slot.swap = swapped  # type: ignore[method-assign]


if __name__ == "__main__":
    leaks = {HONEST: lambda: None, REPLIES: keep_replies, BUNDLES: keep_bundles, FILES: keep_files}
    for named in sys.argv[1].split("+"):
        leaks[named]()
    sys.exit(main())
