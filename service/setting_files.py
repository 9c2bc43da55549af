"""Settings that lie in files (secrets of Docker, Kubernetes or systemd), so that none stands in an environment."""

from __future__ import annotations

import os
from pathlib import Path

MAX_BYTES = 4096


def lines_in(path: Path, variable: str, what: str) -> list[str]:
    """The lines of a small file but empty ones and those with a #. Raises ValueError, which names the variable.

    Neither path nor content is repeated: a secret may have been put where its file was to be named.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that nobody writes to would be waited for
        try:
            content = os.read(descriptor, MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ValueError(f"{variable}: the file cannot be read ({error.strerror or type(error).__name__})") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{variable}: the file has more than {MAX_BYTES} bytes")
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise ValueError(f"{variable}: the file holds no {what}")
    return found
