"""HAProxy, really running with the file that is deployed: only its addresses are others, its patience is shorter."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROXY = Path(__file__).resolve().parents[2] / "deploy" / "proxy"
START_SECONDS = 30.0
SHORTER = {
    "timeout server": "700ms",
    "timeout queue": "300ms",
    "timeout http-request": "500ms",
    "timeout connect": "100ms",
}
NAMES_FILES = (3, 2, 3)
"""The first HAProxy that answers with the configured files what it cannot read at all."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy before one replica."""

    port: int
    log: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def said(self, *parts: bytes) -> bytes:
        """All that comes back for these bytes, on a connection of its own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as wire:
            for part in parts:
                wire.sendall(part)
            return b"".join(iter(lambda: wire.recv(1 << 16), b""))


def haproxy() -> str:
    """The program; skips, loudly, without it."""
    found = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    if found is None:
        pytest.skip("NOT TESTED: the proxy, there is no haproxy (Debian: apt-get install haproxy)")
    return found


def version() -> tuple[int, ...]:
    told = subprocess.run([haproxy(), "-v"], capture_output=True, text=True, timeout=60, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", told.split("version", 1)[1])[:3]))


@contextmanager
def proxied(folder: Path, *, replica: int, timeouts: Mapping[str, str] = SHORTER, maxconn: int = 64) -> Iterator[Proxy]:
    """The deployed proxy before one replica on this port, which is not asked whether it is ready. timeouts: changed."""
    program, port = haproxy(), free_port()
    text = deployed(port, replica=replica, maxconn=maxconn)
    for name, value in timeouts.items():
        text = re.sub(rf"({name}) +\S+", rf"\1 {value}", text)
    shutil.copytree(PROXY / "errors", folder / "errors")
    (folder / "haproxy.cfg").write_text(text)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-db", "-f", str(folder / "haproxy.cfg")], stdout=log, stderr=log)
    try:
        _await(lambda: _listens(port), process)
        yield Proxy(port, folder / "log")
    finally:
        process.kill()
        process.wait()


def deployed(port: int, *, replica: int, maxconn: int) -> str:
    """The deployed file for one machine: no Docker's names to resolve, one replica, no place for metrics."""
    text = (PROXY / "haproxy.cfg").read_text()
    text = re.sub(r"^resolvers docker\n(?:    .*\n)+", "", text, flags=re.MULTILINE)
    text = text[: text.index("frontend metrics")].replace("bind :8080", f"bind 127.0.0.1:{port}")
    text = re.sub(r"^    (option httpchk|http-check) .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^    default-server .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"server-template .*", f"server one 127.0.0.1:{replica} maxconn {maxconn}", text)
    assert text.count("server one") == 1
    return text


@contextmanager
def answering(reply: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a replica that does this with each connection, once it has said something."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        threading.Thread(target=_serve, args=(listening, reply), daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, reply: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            wire, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(wire, reply), daemon=True).start()


def _answer(wire: socket.socket, reply: Callable[[socket.socket], None]) -> None:
    with wire:
        if wire.recv(1 << 16):
            reply(wire)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _await(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while not condition():
        assert process.poll() is None, "the proxy has ended"
        assert time.monotonic() < until, "the proxy does not listen"
        time.sleep(0.02)
