"""B1 to B6 and S8 on one real process: a bundle spoilt in any way is refused, and the one before serves on."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders import DAMAGES, damage, edit_manifest, make_bundle
from tests.faults.serving import POLL, REFUSALS, SWAPS, Service, serving, two_versions, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

FLIPS = int(os.environ.get("FLIPS", "2"))
"""Bits flipped in each file of the bundle."""

Spoil = Callable[[Path], object]
GONE = frozenset({"missing-manifest", "manifest-fifo"})
"""Without a manifest that is a file a folder is no version (yet), so the pointer names none: reason no_bundle."""

WHOLE_SECONDS = 1.0
LOAD_SECONDS = 3.0
LEFT = "prismrec_bundle_loads_left"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    two_versions(folder)
    return folder


@pytest.fixture(scope="module")
def service(place: Path) -> Iterator[Service]:
    with serving(place) as service:
        yield service


@pytest.fixture
def whole(place: Path) -> Path:
    return place / "whole" / "demo" / "2"


def refused(service: Service, whole: Path, spoil: Spoil, reason: str | None) -> str:
    """The spoilt version is refused once, by the poll, and the old one serves on. Returns what the log says of it."""
    labels = {} if reason is None else {"reason": reason}
    old, told = service.serving()["bundle_id"], len(service.log("bundle"))
    swaps, before = service.counted(SWAPS), service.counted(REFUSALS)
    with service.holds(REFUSALS, by=1, **labels):
        service.put(whole, spoil)
        wait_until(lambda: service.counted(REFUSALS) > before, "refused")
        time.sleep(3 * POLL)
        ready = service.http.get("/health/ready")
        assert (ready.status_code, ready.json()["last_reload"]) == (200, "failed")
    assert service.ask()["bundle_id"] == service.serving()["bundle_id"] == old
    assert service.counted(SWAPS) == swaps
    (line,) = service.log("bundle")[told:]  # one line, and it is not tried again
    assert line["outcome"] == "failed"
    service.withdraw(whole.name)
    return str(line["detail"])


def flip(name: str, bit: int) -> Spoil:
    def spoil(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[bit // 8] ^= 1 << bit % 8
        (folder / name).write_bytes(bytes(content))

    return spoil


def test_b1_flipped_bit_is_refused_and_the_old_model_serves(service: Service, whole: Path) -> None:
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    for path in sorted(whole.iterdir()):
        for _ in range(FLIPS):
            spoil = flip(path.name, rng.randrange(8 * path.stat().st_size))
            if path.name == "manifest.json":  # some flips break the JSON before anybody looks at its digest
                refused(service, whole, spoil, None)
            else:
                assert path.name in refused(service, whole, spoil, "hash")


def test_b1_control_the_same_version_without_a_flip_is_taken(service: Service, whole: Path) -> None:
    old = service.serving()["bundle_id"]
    with service.holds(SWAPS, by=1):
        service.put(whole)
        wait_until(lambda: service.serving()["version"] == "2", "the whole bundle is taken")
        assert service.ask()["bundle_id"] != old
    service.withdraw("2")


def in_place_of(name: str, make: Callable[[Path], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


ODD: dict[str, Spoil] = {
    "socket": in_place_of("decoder.onnx", make_socket),
    "items-fifo": in_place_of("items.json", os.mkfifo),
    "link-to-a-device": in_place_of("items.json", lambda path: path.symlink_to("/dev/zero")),
    "grown": lambda folder: (folder / "items.json").write_bytes((folder / "items.json").read_bytes() + b" "),
}
FILES = sorted(kind for kind, reason in DAMAGES.items() if reason == "files" and "pickle" not in kind)


@pytest.mark.parametrize("kind", [*FILES, *ODD])
def test_b2_anything_but_the_whole_file_is_refused_and_blocks_nothing(service: Service, whole: Path, kind: str) -> None:
    spoil = ODD.get(kind, lambda folder: damage(folder, kind))
    refused(service, whole, spoil, "no_bundle" if kind in GONE else "files")


@pytest.mark.parametrize("kind", sorted(kind for kind, reason in DAMAGES.items() if reason == "manifest"))
def test_b3_bad_manifest_is_refused(service: Service, whole: Path, kind: str) -> None:
    refused(service, whole, lambda folder: damage(folder, kind), "no_bundle" if kind in GONE else "manifest")


@pytest.mark.parametrize("kind", ["huge-manifest", "manifest-deep", "duplicate-keys"])
def test_b3_bad_manifest_is_refused_within_a_second(service: Service, whole: Path, kind: str) -> None:
    """Asked for by name, so that the reply says how long it took; the quickest of three, as machines are busy."""
    target = service.put(whole, lambda folder: damage(folder, kind))
    with service.holds(REFUSALS):
        took = []
        for _ in range(3):
            reply = service.post("/bundles/reload", {"version": target.name})
            assert (reply.status_code, reply.json()["code"]) == (422, "bundle-refused")
            took.append(reply.elapsed.total_seconds())
        assert min(took) < WHOLE_SECONDS
    service.withdraw("2")


@pytest.mark.parametrize("kind", sorted(kind for kind, reason in DAMAGES.items() if reason == "content"))
def test_b4_parts_that_disagree_are_refused(service: Service, whole: Path, kind: str) -> None:
    detail = refused(service, whole, lambda folder: damage(folder, kind), "content")
    if kind == "fewer-items":
        assert {"49", "50"} <= set(detail.replace(",", " ").replace(".", " ").split())


@pytest.mark.parametrize("kind", sorted(kind for kind, reason in DAMAGES.items() if reason == "golden"))
def test_b5_model_that_is_not_the_one_that_was_tried_is_refused(service: Service, whole: Path, kind: str) -> None:
    refused(service, whole, lambda folder: damage(folder, kind), "golden")


@pytest.mark.parametrize("kind", sorted(kind for kind, reason in DAMAGES.items() if reason == "graph"))
def test_b6_graph_that_may_do_anything_else_is_refused(service: Service, whole: Path, kind: str) -> None:
    refused(service, whole, lambda folder: damage(folder, kind), "graph")


def test_b6_load_that_does_not_end_is_given_up_on_and_others_take_its_place(tmp_path: Path) -> None:
    _, stuck = two_versions(tmp_path)
    good = make_bundle(tmp_path / "whole", version="3", seed=3)
    let_go = tmp_path / "let go"
    with serving(tmp_path, command=("tests.faults.stuck_loading", "2", str(let_go), str(LOAD_SECONDS))) as service:
        before = service.counted(REFUSALS, reason="late")
        with service.holds(REFUSALS, reason="late"):
            service.put(stuck)
            wait_until(lambda: service.counted(REFUSALS, reason="late") > before + 2, "given up on, and tried again")
            ready = service.http.get("/health/ready")
            assert (ready.status_code, ready.json()["last_reload"]) == (200, "failed")
        begun = [line["version"] for line in service.log("load begins")]
        assert (begun.count("2"), service.counted(LEFT)) == (1, 1), "one load, however often it was tried"
        with service.holds(SWAPS, by=1):
            service.put(good)
            wait_until(lambda: service.serving()["version"] == "3", "another is taken up beside it")
        let_go.touch()
        wait_until(lambda: service.counted(LEFT) == 0, "it ends")
        assert service.serving()["version"] == "3", "and nothing comes of it"


FORBIDDEN = {
    "weights.pkl": b"\x80\x04.",
    "weights.joblib": b"\x80\x04\x95",
    "arrays.npz": b"PK\x03\x04",
    "more.zip": b"PK\x05\x06" + bytes(18),
    "more.tar": bytes(1024),
}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("name", FORBIDDEN)
def test_s8_file_of_code_or_an_archive_is_refused(service: Service, whole: Path, name: str, listed: bool) -> None:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(FORBIDDEN[name])
        if listed:
            edit_manifest(folder, lambda manifest: manifest["files"].update({name: {"size": 0, "sha256": "0" * 64}}))

    refused(service, whole, spoil, "files")
