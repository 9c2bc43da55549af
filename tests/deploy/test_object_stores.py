"""`prismrec fetch` from s3:// and gs://, by the real s3fs and gcsfs; `make clouds` runs it, with what it needs."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bundle.reader import read_bundle, resolve
from tests.builders import make_bundle
from tests.deploy.object_stores import BUCKET, KEYS, Between, Place, fetching, started

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
N_ITEMS = 400


@pytest.fixture(scope="module", params=["s3", "gs"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with started(request.param, tmp_path_factory.mktemp("server")) as found:
        found.make_bucket()
        yield found


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """Another one for each test: an object that is there is not replaced by somebody without a name."""
    return f"models/{tmp_path.name}/demo/7"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "elsewhere", version="7", n_items=N_ITEMS)


def run(url: str, cwd: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    words, environment = fetching(url, cwd=cwd, variables=variables)
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=200, check=False)


def refused(done: subprocess.CompletedProcess[str], models: Path, *, said: str) -> None:
    """Exit 2, an error and a hint, nothing else on stderr, no secret, no version."""
    lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("fetching ")]
    assert [line.split(":")[0] for line in lines] == ["error", "hint"], done.stderr
    assert done.returncode == 2
    assert said in lines[0] + lines[1], done.stderr
    assert not [secret for secret in KEYS.values() if secret in done.stderr]
    assert list(models.glob("*/[!.]*")) == []


def test_bundle_and_its_models_current_one_are_fetched_whole(
    place: Place, source: Path, prefix: str, tmp_path: Path
) -> None:
    url = place.put_folder(source, prefix)
    place.put(f"{prefix.rpartition('/')[0]}/current", b"7\n")
    for asked in (url, url.rpartition("/")[0]):
        cwd = tmp_path / asked[-1]
        cwd.mkdir()
        done = run(asked, cwd, place.environment())
        assert done.returncode == 0, done.stderr
        assert read_bundle(resolve(cwd / "models" / "demo")).bundle_id == read_bundle(source).bundle_id
        assert all(line.startswith("fetching ") for line in done.stderr.splitlines())


def test_nothing_there_is_said(place: Place, tmp_path: Path) -> None:
    refused(
        run(f"{place.scheme}://{BUCKET}/nowhere/1", tmp_path, place.environment()), tmp_path, said="no manifest.json"
    )
    refused(run(f"{place.scheme}://no-bucket/x/1", tmp_path, place.environment()), tmp_path, said="no manifest.json")


@pytest.mark.parametrize("fault", ["missing", "flipped", "short", "long"])
def test_object_that_is_not_what_the_manifest_says_leaves_nothing(
    place: Place, source: Path, prefix: str, tmp_path: Path, fault: str
) -> None:
    url = place.put_folder(source, prefix, but="decoder.onnx")
    name, content = f"{prefix}/decoder.onnx", (source / "decoder.onnx").read_bytes()
    if fault != "missing":
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        place.put(name, {"flipped": flipped, "short": content[:-1], "long": content + b"\0"}[fault])
    refused(run(url, tmp_path, place.environment()), tmp_path / "models", said="decoder.onnx")


def test_wire_that_breaks_off_leaves_nothing_and_the_next_fetch_goes_through(
    place: Place, source: Path, prefix: str, tmp_path: Path
) -> None:
    url = place.put_folder(source, prefix)
    size = (source / "decoder.onnx").stat().st_size
    with Between(place.port, cut=size // 2) as wire:
        refused(run(url, tmp_path, place.environment(wire.base)), tmp_path / "models", said="cannot be read")
        assert wire.passed > size // 2
    assert run(url, tmp_path, place.environment()).returncode == 0
    assert list((tmp_path / "models" / "demo").glob(".staging-*")) == []


def test_slow_wire_is_waited_for_and_a_kill_in_the_middle_leaves_nothing_half(
    place: Place, source: Path, prefix: str, tmp_path: Path
) -> None:
    url, model = place.put_folder(source, prefix), tmp_path / "models" / "demo"
    with Between(place.port, pause=0.02, piece=2000) as wire:
        words, environment = fetching(url, cwd=tmp_path, variables=place.environment(wire.base))
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not list(model.glob(".staging-*/*")):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len(list(model.glob(".staging-*"))) == 1, "the kill came too late"
        assert not (model / "7").exists()
        done = run(url, tmp_path, place.environment(wire.base))  # slow to the end
    assert done.returncode == 0, done.stderr
    assert resolve(model).name == "7"
    assert list(model.glob(".staging-*")) == []


def test_two_at_once_are_one_whole_bundle_and_one_clear_word(
    place: Place, source: Path, prefix: str, tmp_path: Path
) -> None:
    url = place.put_folder(source, prefix)
    with Between(place.port, pause=0.01, piece=2000) as wire:
        words, environment = fetching(url, cwd=tmp_path, variables=place.environment(wire.base))
        pair = [subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        told = [process.communicate(timeout=120)[1] for process in pair]
    codes = sorted(process.returncode for process in pair)
    assert codes in ([0, 2], [0, 0]), told  # 0, 0: one came after the other had ended, and took what was there
    assert codes == [0, 0] or any("is writing to" in text for text in told), told
    assert read_bundle(resolve(tmp_path / "models" / "demo")).bundle_id == read_bundle(source).bundle_id


def test_keys_that_are_missing_or_wrong_are_said_and_how_to_set_them(prefix: str, tmp_path: Path) -> None:
    with started("s3", tmp_path, INITIAL_NO_AUTH_ACTION_COUNT="0") as strict:
        wrong = run(f"s3://{BUCKET}/{prefix}", tmp_path, strict.environment())
        refused(wrong, tmp_path / "models", said="may not be read")
        none = {name: value for name, value in strict.environment().items() if name not in KEYS}
        missing = run(f"s3://{BUCKET}/{prefix}", tmp_path, none)
        refused(missing, tmp_path / "models", said="NoCredentials")
    for done in (wrong, missing):
        assert "AWS_SHARED_CREDENTIALS_FILE" in done.stderr


def test_keys_in_a_file_are_enough(source: Path, prefix: str, tmp_path: Path) -> None:
    """As in Kubernetes: a mounted secret, and no key in the environment."""
    with started("s3", tmp_path) as s3:
        s3.make_bucket()
        url = s3.put_folder(source, prefix)
        keys = "\n".join(f"{name.lower()} = {value}" for name, value in KEYS.items())
        (tmp_path / "credentials").write_text(f"[default]\n{keys}\n")
        variables = {name: value for name, value in s3.environment().items() if name not in KEYS}
        done = run(url, tmp_path, variables | {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")})
    assert done.returncode == 0, done.stderr
