"""Keys that lie in files (secrets of Docker, Kubernetes or systemd): a changed file is taken up while serving."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread

from structlog.typing import FilteringBoundLogger

from service.http.auth import Keyring
from service.settings import Settings, SettingsError


class KeyFiles:
    """Looks at the files of PRISMREC_*_KEYS_FILE every `poll_seconds` and gives the keyring what they hold.

    Contents are compared, not times: a secret is replaced by moving a link, and costs nothing to read. What two looks
    in a row find is taken up: a file that is being written may hold half a key, which looks like one. Files that
    cannot be used, or a moment between two of them in which one key has two scopes, leave all keys as they were; that
    is said once per cause. So nobody is locked out by a half-written file, and a key is revoked only by a good one.
    """

    def __init__(self, settings: Settings, keyring: Keyring, log: FilteringBoundLogger) -> None:
        self._settings, self._keyring, self._log = settings, keyring, log
        self._seen = settings
        self._said = ""
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Look every `poll_seconds`, in a daemon thread; nothing where no keys lie in files, or nothing is polled."""
        if self._settings.key_files and self._settings.poll_seconds > 0:
            self._thread = Thread(target=self._run, name="key-files", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and wait for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def check(self) -> bool:
        """Look once; whether other keys hold now."""
        try:
            found = self._settings.reread()
        except SettingsError as error:
            self._fail(error.detail)
            return False
        self._said = ""
        before, self._seen = self._seen, found
        if found == self._settings or found != before:
            return False
        self._keyring.take(found)
        self._settings = found
        self._log.info("keys", outcome="ok")
        return True

    def _run(self) -> None:
        while not self._stopping.wait(self._settings.poll_seconds):
            try:
                self.check()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next look must come
                with suppress(Exception):  # it may have been the log
                    self._fail(f"an error that was not foreseen ({type(error).__name__})")

    def _fail(self, detail: str) -> None:
        before, self._said = self._said, detail
        if before != detail:
            self._log.error("keys", outcome="failed", detail=detail)
