"""Says when the service that is just starting in this process really answers."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable

PAUSE_SECONDS = 0.2
GIVE_UP_SECONDS = 60.0


def when_ready(base_url: str, say: Callable[[], None]) -> threading.Thread:
    """Call `say` once `base_url`/health/ready answers 200, from a thread that ends with the process."""
    waiting = threading.Thread(target=_wait, args=(f"{base_url}/health/ready", say), daemon=True, name="announce")
    waiting.start()
    return waiting


def _wait(url: str, say: Callable[[], None]) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own address, http
                say()
                return
        except (urllib.error.URLError, OSError):
            time.sleep(PAUSE_SECONDS)
