"""A PostgreSQL cluster of our own for tests: Debian's packages, a temporary folder, a unix socket, nobody's data.

    with running_cluster(folder) as cluster:
        url = cluster.fresh_database()

It syncs to the disk as a cluster in production does. PostgreSQL refuses to run as root: then the user `postgres`,
which the Debian package makes, runs it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

OWNER = "postgres"
INSTALL = "apt-get install -y --no-install-recommends postgresql"
SETTINGS: dict[str, str] = {
    "listen_addresses": "''",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}
START_SECONDS = 120
"""How long a server is waited for: for a machine that is busy."""
LOCKED = "locked"
"""A role of this name needs a password; everybody else comes in without."""


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl, or None when PostgreSQL is not installed."""
    named = shutil.which("initdb")
    found = [Path(named).resolve().parent] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "pg_ctl").exists()), None)


def missing() -> str | None:
    """Why no cluster can be started here; None when one can."""
    if binaries() is None:
        return f"NO POSTGRESQL: nothing is tested with it; as root: {INSTALL}"
    if os.geteuid() == 0 and (shutil.which("runuser") is None or not _has_user(OWNER)):
        return f"NO POSTGRESQL USER: root cannot run the server, and there is no user {OWNER}; {INSTALL}"
    return None


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@dataclass
class Cluster:
    """One server; `folder` holds its data and its socket."""

    folder: Path
    log: Path
    settings: dict[str, str]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str, *, user: str = OWNER) -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def fresh_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def start(self) -> None:
        settings = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        self._control(
            "start", "-w", "-t", str(START_SECONDS), "-l", str(self.log), "-o", f"-k {self.folder} {settings}"
        )

    def stop(self, mode: str = "immediate") -> None:
        """mode immediate: as a crash, nothing is written any more; the next start recovers."""
        if self.runs:
            self._control("stop", "-m", mode, "-w", "-t", str(START_SECONDS))

    @property
    def runs(self) -> bool:
        """Whether the server has not been stopped."""
        return (self.data / "postmaster.pid").exists()

    def create(self) -> None:
        _run("initdb", "-D", str(self.data), "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"local all {LOCKED} scram-sha-256\n{rules.read_text()}")

    def _control(self, *words: str) -> None:
        _run("pg_ctl", "-D", str(self.data), "-s", *words)


def _run(program: str, *words: str) -> None:
    folder = binaries()
    assert folder is not None
    command = [str(folder / program), *words]
    if os.geteuid() == 0:
        command = ["runuser", "-u", OWNER, "--", *command]
    # files, not pipes: the server that pg_ctl leaves behind would keep a pipe open
    done = subprocess.run(
        command, cwd="/", stdout=subprocess.DEVNULL, stderr=None, timeout=2 * START_SECONDS, check=False
    )
    assert done.returncode == 0, f"{program} failed ({done.returncode})"


@contextmanager
def running_cluster(folder: Path, **settings: str) -> Iterator[Cluster]:
    """A running server with its data below `folder` (short: a socket's path has at most 107 bytes)."""
    cluster = Cluster(folder, folder / "log", SETTINGS | settings)
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER)
    cluster.create()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def skip_without_postgres() -> None:
    """Skip the test, loudly, where PostgreSQL is not installed."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
