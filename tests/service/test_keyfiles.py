"""Keys in files: read at the start, taken up while serving, never at the price of the keys that hold."""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path

import httpx
import pytest

from service.errors import UnauthorizedError
from service.http.auth import Keyring
from service.http.keyfiles import KeyFiles
from service.setting_files import MAX_BYTES
from service.settings import Settings, SettingsError, load_settings
from service.telemetry.logs import make_log
from tests.builders import make_bundle
from tests.faults.served import served

OLD, NEW, OTHER = "old-key-0123456789", "new-key-0123456789", "other-key-0123456789"


def holds(keyring: Keyring, key: str) -> bool:
    try:
        return keyring.admit([key.encode()], "read") is not None
    except UnauthorizedError:
        return False


class Watched:
    """Settings, keyring and log of a service whose read keys lie in `path`."""

    def __init__(self, path: Path, **more: str) -> None:
        self.path, self.text = path, io.BytesIO()
        self.settings = load_settings({"PRISMREC_READ_KEYS_FILE": str(path), **more})
        self.keyring = Keyring(self.settings)
        log = make_log("info", stream=self.text, clock=lambda: 0.0)
        self.files = KeyFiles(self.settings, self.keyring, log)

    def after(self, content: str) -> tuple[bool, bool]:
        """Which of the old and the new key holds once the file says this."""
        self.path.write_text(content, "ascii")
        self.files.check()
        self.files.check()
        return holds(self.keyring, OLD), holds(self.keyring, NEW)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    (tmp_path / "keys").write_text(OLD, "ascii")
    return Watched(tmp_path / "keys")


def test_file_of_keys_has_one_a_line_or_several_by_commas(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    for content in (f"{OLD}\n{NEW}\n", f"# of May\n\n {OLD} \r\n{NEW}", f"{OLD},{NEW}"):
        path.write_bytes(content.encode())
        found = load_settings({"PRISMREC_WRITE_KEYS_FILE": str(path)})
        assert [key.get_secret_value() for key in found.write_keys] == [OLD, NEW]
        assert found.has_keys and found.key_files == ("write_keys",)


def test_rotation_goes_from_the_old_key_over_both_to_the_new_one(watched: Watched) -> None:
    assert not watched.files.check()
    assert watched.after(f"{OLD}\n{NEW}\n") == (True, True)
    assert watched.after(NEW) == (False, True)
    assert watched.text.getvalue().count(b'"outcome":"ok"') == 2


def test_key_that_is_being_written_is_not_taken_up_before_it_is_whole(watched: Watched) -> None:
    for part in ("", NEW[:-2], f"{NEW}\n{OTHER[:-1]}"):
        watched.path.write_text(part, "ascii")
        assert not watched.files.check()
        assert holds(watched.keyring, OLD) and not holds(watched.keyring, NEW[:-2])
    assert watched.after(f"{NEW}\n{OTHER}") == (False, True)
    assert holds(watched.keyring, OTHER)


def test_key_that_comes_and_goes_between_two_looks_changes_nothing(watched: Watched) -> None:
    watched.path.write_text(NEW, "ascii")
    assert not watched.files.check()
    assert watched.after(OLD) == (True, False)
    assert watched.text.getvalue() == b""


@pytest.mark.parametrize("content", ["", "# none\n", "short", f"{NEW}\n{OTHER}\n{OLD}\n", NEW * MAX_BYTES])
def test_file_that_cannot_be_used_leaves_the_keys_as_they_were_and_says_so_once(watched: Watched, content: str) -> None:
    assert watched.after(content) == (True, False)
    assert watched.after(content) == (True, False)
    text = watched.text.getvalue().decode()
    assert text.count("PRISMREC_READ_KEYS_FILE") == 1 and '"level":"error"' in text
    assert not any(key in text for key in (OLD, NEW, OTHER, "short"))
    assert watched.after(NEW) == (False, True), "a good file is taken up after a bad one"


def test_file_that_goes_away_or_becomes_a_pipe_leaves_the_keys_as_they_were(watched: Watched) -> None:
    watched.path.unlink()
    assert not watched.files.check() and holds(watched.keyring, OLD)
    os.mkfifo(watched.path)
    assert not watched.files.check() and holds(watched.keyring, OLD)


def test_key_of_another_scope_is_not_taken_up_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(OLD, "ascii")
    watched = Watched(tmp_path / "keys", PRISMREC_ADMIN_KEYS=NEW)
    assert watched.after(NEW) == (True, True), "the new one is the admin key, which may read"
    assert b"set twice" in watched.text.getvalue()


def test_key_file_that_cannot_be_used_refuses_to_start_without_repeating_anything(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("short", "ascii")
    bad = {"PRISMREC_READ_KEYS_FILE": str(tmp_path / "keys")}
    for settings in (bad, {"PRISMREC_READ_KEYS_FILE": OLD}, {"PRISMREC_READ_KEYS_FILE": str(tmp_path)}):
        with pytest.raises(SettingsError, match="PRISMREC_READ_KEYS_FILE: ") as caught:
            load_settings(settings)
        assert not {OLD, "short", str(tmp_path)} & set(caught.value.message.split())
    with pytest.raises(SettingsError, match="both set"):
        load_settings(bad | {"PRISMREC_READ_KEYS": OLD})


def test_look_that_ends_in_an_unforeseen_error_is_not_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").write_text(OLD, "ascii")
    watched = Watched(tmp_path / "keys", PRISMREC_POLL_SECONDS="0.01")
    take, taken = watched.keyring.take, threading.Event()

    def fail_twice(found: Settings, left: list[int] = [1, 2]) -> None:  # noqa: B006  # of this test alone
        if left:
            raise RuntimeError(f"try {left.pop()}")
        take(found)
        taken.set()

    monkeypatch.setattr(watched.keyring, "take", fail_twice)
    watched.path.write_text(NEW, "ascii")
    watched.files.start()
    try:
        assert taken.wait(20), "nobody looks any more"
    finally:
        watched.files.stop()
    assert holds(watched.keyring, NEW)
    assert "RuntimeError" in watched.text.getvalue().decode()


@pytest.mark.e2e
def test_running_process_takes_up_changed_files_as_a_secret_is_replaced(tmp_path: Path) -> None:
    """By a link that is moved from one folder to the next, as Kubernetes replaces a mounted secret."""
    make_bundle(tmp_path / "models")
    link = tmp_path / "mounted"

    def replace(number: int, *keys: str) -> None:
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "read").write_text("\n".join(keys), "ascii")
        (tmp_path / "next").symlink_to(tmp_path / str(number))
        (tmp_path / "next").replace(link)

    replace(0, OLD)
    settings = {"read_keys_file": str(link / "read"), "poll_seconds": "0.1"}
    with served(tmp_path, **settings) as running, httpx.Client(base_url=running.base) as client:

        def statuses() -> tuple[int, int, int]:
            old, new, none = ({"X-API-Key": OLD}, {"X-API-Key": NEW}, {})
            return tuple(client.get("/factors", headers=key).status_code for key in (old, new, none))  # type: ignore[return-value]

        def become(expected: tuple[int, int, int]) -> None:
            until = time.monotonic() + 5
            while statuses() != expected:
                assert time.monotonic() < until, (statuses(), expected)
                time.sleep(0.05)

        assert statuses() == (200, 401, 401)
        replace(1, OLD, NEW)
        become((200, 200, 401))
        replace(2, NEW)
        become((401, 200, 401))
        (link / "read").write_text("", "ascii")
        time.sleep(0.5)
        assert statuses() == (401, 200, 401)
