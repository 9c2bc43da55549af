"""S3 and Google's storage for tests: servers that stand in for them, and a wire between that slows down or breaks.

They need packages that nothing else does, in an environment of their own: `make clouds` makes it and sets CLOUDS to its
Python. Objects are put there over plain HTTP.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
BUCKET = "bundles"
START_SECONDS = 60


def python() -> str:
    """The Python that has s3fs, gcsfs and the servers; skips, loudly, where there is none."""
    found = os.environ.get("CLOUDS")
    if found is None:
        pytest.skip(
            "NOT TESTED: prismrec fetch from s3:// and gs://, which `make clouds` does with packages of its own"
        )
    return str(Path(found).absolute())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Place:
    """An object store: how it is called in URLs, where it listens, and what a client must be told."""

    scheme: str
    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, base: str | None = None) -> dict[str, str]:
        """A client's variables; base: another address than the server's own."""
        if self.scheme == "s3":
            return {"AWS_ENDPOINT_URL": base or self.base, "AWS_DEFAULT_REGION": "us-east-1", **KEYS}
        return {"STORAGE_EMULATOR_HOST": base or self.base, "GCE_METADATA_HOST": "127.0.0.1:9"}

    def make_bucket(self) -> None:
        if self.scheme == "s3":
            httpx.put(f"{self.base}/{BUCKET}").raise_for_status()
        else:
            httpx.post(f"{self.base}/storage/v1/b?project=x", json={"name": BUCKET}).raise_for_status()

    def put(self, name: str, content: bytes) -> None:
        if self.scheme == "s3":
            httpx.put(f"{self.base}/{BUCKET}/{name}", content=content).raise_for_status()
        else:
            url = f"{self.base}/upload/storage/v1/b/{BUCKET}/o"
            what = {"uploadType": "media", "name": name}
            headers = {"Content-Type": "application/octet-stream"}
            httpx.post(url, params=what, content=content, headers=headers).raise_for_status()

    def put_folder(self, folder: Path, prefix: str, *, but: str = "") -> str:
        """Every file of a folder, but one, as an object; the folder's URL."""
        for path in (path for path in folder.iterdir() if path.name != but):
            self.put(f"{prefix}/{path.name}", path.read_bytes())
        return f"{self.scheme}://{BUCKET}/{prefix}"


KEYS = {"AWS_ACCESS_KEY_ID": "of-the-test", "AWS_SECRET_ACCESS_KEY": "also-of-the-test"}


@contextmanager
def started(scheme: str, folder: Path, **more: str) -> Iterator[Place]:
    """The server, empty and ready; more: variables for it. Its log stays in `folder`."""
    place = Place(scheme, free_port())
    words = {
        "s3": ["-m", "moto.server", "-H", "127.0.0.1", "-p", str(place.port)],
        "gs": ["-m", "gcp_storage_emulator", "start", "--host", "127.0.0.1", "--port", str(place.port), "--in-memory"],
    }[scheme]
    with (folder / f"{scheme}.log").open("wb") as log:
        process = subprocess.Popen([python(), *words], stdout=log, stderr=log, cwd=folder, env={**os.environ, **more})
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", place.port), timeout=1):
                break
            assert process.poll() is None and time.monotonic() < until, (folder / f"{scheme}.log").read_text()
            time.sleep(0.05)
        yield place
    finally:
        process.terminate()
        process.wait()


@dataclass
class Between:
    """A wire to a server, at 127.0.0.1:<port>. Of what the server sends on one connection, `cut` bytes pass (None: all)
    before it is broken off; `pause` seconds lie between pieces of `piece` bytes."""

    server: int
    cut: int | None = None
    pause: float = 0.0
    piece: int = 1 << 16
    passed: int = 0
    _listening: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Between:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self.server))
                threading.Thread(target=self._send, args=(near, far), daemon=True).start()
                threading.Thread(target=self._answer, args=(far, near), daemon=True).start()

    @staticmethod
    def _send(near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while piece := near.recv(1 << 16):
                far.sendall(piece)
            far.shutdown(socket.SHUT_WR)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        left = self.cut
        with suppress(OSError), near, far:
            while piece := far.recv(self.piece if left is None else min(self.piece, left)):
                near.sendall(piece)
                self.passed += len(piece)
                left = None if left is None else left - len(piece)
                if left == 0:
                    break
                time.sleep(self.pause)
            with suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)


def fetching(*words: str, cwd: Path, variables: Mapping[str, str]) -> list[object]:
    """Arguments of subprocess for `prismrec fetch`, in the environment that has the packages and nobody's keys."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GOOGLE_", "PYTHON"))}
    home = {"HOME": str(cwd), "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"}
    return [
        [python(), "-m", "prismrec", "fetch", *words, "--models", str(cwd / "models")],
        clean | home | dict(variables),
    ]
