"""`prismrec fetch`: from a folder, memory, an HTTP server of the test's own; damage and kills leave nothing."""

from __future__ import annotations

import errno
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import pytest

from bundle.errors import BundleError
from bundle.reader import read_bundle, resolve
from prismrec.__main__ import main
from prismrec.failures import CommandError
from prismrec.fetch_errors import quiet_libraries, reached
from prismrec.fetching import find_source, shown_url, take
from tests.builders import DAMAGES, damage, make_bundle

OF_THE_READER = sorted(kind for kind, reason in DAMAGES.items() if reason in {"files", "hash", "manifest", "content"})
SLOW_SECONDS = 0.05


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "elsewhere", version="7")


class _Files(SimpleHTTPRequestHandler):
    """A folder over HTTP; with `slow`, a file trickles."""

    slow = False
    piece = 200

    def copyfile(self, source, outputfile) -> None:
        while piece := source.read(self.piece if self.slow else 1 << 16):
            outputfile.write(piece)
            outputfile.flush()
            if self.slow:
                time.sleep(SLOW_SECONDS)

    def log_message(self, *_: object) -> None: ...


class _SlowFiles(_Files):
    slow = True

    def copyfile(self, source, outputfile) -> None:
        with suppress(OSError):  # the fetching process was killed: that is the test
            super().copyfile(source, outputfile)


class _LessSlowFiles(_SlowFiles):
    piece = 2000


@pytest.fixture
def serve() -> Iterator[object]:
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(folder: Path, handler: type[_Files] = _Files) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prismrec", "fetch", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_folder_is_fetched_verified_and_current(tmp_path, source, capsys):
    assert main(["fetch", f"file://{source}", "--models", str(tmp_path / "models"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    there = tmp_path / "models" / "demo" / "7"
    assert document["bundle"] == str(there)
    assert document["bundle_id"] == read_bundle(source).bundle_id == read_bundle(there).bundle_id
    assert resolve(tmp_path / "models" / "demo") == there.resolve()
    assert main(["fetch", f"file://{source}", "--models", str(tmp_path / "models"), "--json"]) == 0  # again: as it is
    assert json.loads(capsys.readouterr().out) == document


def test_folder_is_fetched_beside_what_is_served(tmp_path, source, capsys):
    models = tmp_path / "models"
    make_bundle(models, version="1")
    assert main(["fetch", f"file://{source}", "--models", str(models), "--no-current", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["current"] == "1"
    assert resolve(models / "demo").name == "1"
    assert main(["fetch", f"file://{source}", "--models", str(models), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["current"] == "7" == resolve(models / "demo").name


def test_model_folder_means_its_current_version(tmp_path, source):
    make_bundle(tmp_path / "elsewhere", version="8")
    (source.parent / "current").write_text("7\n")
    assert find_source(f"file://{source.parent}").manifest.version == "7"


def test_memory_is_a_file_system_like_others(tmp_path, source):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in source.iterdir():
        memory.pipe_file(f"/bundles/demo/7/{path.name}", path.read_bytes())
    told: list[int] = []
    there = take(find_source("memory://bundles/demo/7"), tmp_path / "models", tell=told.append)
    assert read_bundle(there).bundle_id == read_bundle(source).bundle_id
    assert told == sorted(told)
    assert told[-1] == sum(entry.size for entry in read_bundle(source).manifest.files.values())
    memory.rm("/bundles", recursive=True)


@pytest.mark.e2e
def test_http_server_is_fetched_from_in_a_process_of_its_own(tmp_path, source, serve):
    url = serve(source.parent)
    done = run(f"{url}/7", "--models", "models", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert read_bundle(tmp_path / "models" / "demo" / "7").bundle_id == read_bundle(source).bundle_id
    (source.parent / "current").write_text("7\n")
    assert run(url, "--models", "others", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("kind", OF_THE_READER)
def test_damaged_bundle_is_refused_and_leaves_nothing(tmp_path, source, kind):
    damage(source, kind)
    refusing = DAMAGES[kind]
    try:
        take(find_source(f"file://{source}"), tmp_path / "models")
    except (BundleError, CommandError) as error:
        assert getattr(error, "reason", refusing) in {refusing, "files", "hash", "manifest"}
        assert list((tmp_path / "models").glob("*/[!.]*")) == []
    else:  # what is not in the manifest is not fetched, and of a link what it leads to: what came is whole
        assert kind in {"extra-file", "symlink"}
        read_bundle(tmp_path / "models" / "demo" / "7")


def test_damaged_bundle_over_what_is_served_changes_nothing(tmp_path, source):
    make_bundle(tmp_path / "models", version="1")
    damage(source, "flipped-bit")
    with pytest.raises((BundleError, CommandError)):
        take(find_source(f"file://{source}"), tmp_path / "models")
    assert resolve(tmp_path / "models" / "demo").name == "1"
    assert {p.name for p in (tmp_path / "models" / "demo").iterdir()} <= {"1", "current", ".lock"}


@pytest.mark.e2e
def test_kill_in_the_middle_leaves_nothing_half_and_the_next_fetch_goes_through(tmp_path, source, serve):
    slow, quick = serve(source.parent, _SlowFiles), serve(source.parent)
    make_bundle(tmp_path / "models", version="1")
    process = subprocess.Popen(
        [sys.executable, "-m", "prismrec", "fetch", f"{slow}/7", "--models", "models"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    model = tmp_path / "models" / "demo"
    try:
        until = time.monotonic() + 30
        while not any(path.stat().st_size for path in model.glob(".staging-*/*")) and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = list(model.glob(".staging-*"))
    assert len(left) == 1, "the kill came too late or too early"
    assert not (left[0] / "manifest.json").exists()
    assert resolve(model).name == "1"
    assert not (model / "7").exists()
    done = run(f"{quick}/7", "--models", "models", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert resolve(model).name == "7"
    assert list(model.glob(".staging-*")) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///nowhere/at/all", "no manifest.json"),
        ("zip://demo/1::file:///tmp/x.zip", "chained"),
        ("nosuch://bucket/demo/1", "cannot be read"),
        ("s3://bucket/demo/1", "s3fs"),
        ("http://127.0.0.1:9/demo/1", "cannot be read"),
    ],
)
def test_url_that_leads_nowhere_is_two_lines(tmp_path, url, said):
    if said == "s3fs" and find_spec("s3fs") is not None:
        pytest.skip("NOT TESTED: s3:// without its package, which is installed here")
    done = run(url, "--models", "models", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert [line.split(":")[0] for line in done.stderr.strip().splitlines()] == ["error", "hint"]
    assert not (tmp_path / "models").exists()


def test_secrets_of_a_url_are_not_repeated(tmp_path):
    assert shown_url("https://me:word@host/a/b?sig=xyz#f") == "https://host/a/b"
    done = run("http://me:word@127.0.0.1:9/demo/1?sig=xyz", "--models", "models", cwd=tmp_path)
    assert done.returncode == 2
    assert "word" not in done.stderr
    assert "xyz" not in done.stderr


class _Stalled(_Files):
    """Half a file, then silence."""

    def copyfile(self, source, outputfile) -> None:
        content = source.read()
        if self.path.endswith("manifest.json"):
            outputfile.write(content)
        else:
            with suppress(OSError):
                outputfile.write(content[: len(content) // 2])
                outputfile.flush()
                self.rfile.read(1)  # until the other side gives up


def test_server_that_falls_silent_is_given_up(tmp_path, source, serve, monkeypatch):
    monkeypatch.setattr("prismrec.fetching.STALL_SECONDS", 0.3)
    with pytest.raises(CommandError, match="Timeout"):
        take(find_source(f"{serve(source.parent, _Stalled)}/7"), tmp_path / "models")
    assert list((tmp_path / "models" / "demo").glob("[!.]*")) == []


class _Refusing(_Files):
    def send_head(self):
        self.send_error(401 if "nobody" in self.path else 403, "the key is hunter2")


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("somebody", 403)])
def test_server_that_does_not_let_us_in_is_said_with_its_status_alone(tmp_path, serve, who, status):
    with pytest.raises(CommandError, match=f"may not be read .HTTP {status}.") as caught:
        find_source(f"{serve(tmp_path, _Refusing)}/{who}/demo/1")
    assert "hunter2" not in caught.value.message + caught.value.hint


class NoCredentialsError(Exception):
    """As botocore's."""


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (NoCredentialsError("key=hunter2"), "may not be read (NoCredentialsError)", "AWS_SHARED_CREDENTIALS_FILE"),
        (PermissionError("hunter2"), "may not be read (PermissionError)", "AWS_SHARED_CREDENTIALS_FILE"),
        (OSError("Forbidden: bucket/hunter2"), "may not be read (HTTP 403)", "AWS_SHARED_CREDENTIALS_FILE"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "cannot be read (No route to host)", "the network"),
        (ValueError("hunter2"), "cannot be read (ValueError)", "the network"),
    ],
)
def test_error_of_a_file_system_is_told_by_its_kind_and_with_what_to_do(error, said, hint):
    with pytest.raises(CommandError) as caught, reached("s3://bucket/demo/1"):
        raise error
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_log_lines_of_libraries_are_kept_back_while_fetching(capsys):
    log = logging.getLogger("gcsfs")
    with patch.object(logging.getLogger(), "handlers", []):
        with quiet_libraries():
            log.warning("the key is hunter2")
        assert "hunter2" not in capsys.readouterr().err
        log.warning("the key is hunter2")  # control: logging's last resort
        assert "hunter2" in capsys.readouterr().err


@pytest.mark.e2e
def test_two_fetches_at_once_are_one_whole_bundle_and_one_clear_word(tmp_path, source, serve):
    slow = serve(source.parent, _LessSlowFiles)
    command = [sys.executable, "-m", "prismrec", "fetch", f"{slow}/7", "--models", "models"]
    pair = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in pair]
    codes = sorted(process.returncode for process in pair)
    assert codes == [0, 0] or (codes == [0, 2] and any("is writing to" in text for text in told)), told
    assert read_bundle(resolve(tmp_path / "models" / "demo")).bundle_id == read_bundle(source).bundle_id


def test_file_longer_than_stated_is_cut_off_and_refused(tmp_path, source):
    with (source / "decoder.onnx").open("ab") as handle:
        handle.write(b"\0" * (5 << 20))
    told: list[int] = []
    with pytest.raises(BundleError):
        take(find_source(f"file://{source}"), tmp_path / "models", tell=told.append)
    assert told[-1] < 1 << 20, "more than the stated size was read"
