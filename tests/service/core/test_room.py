"""What is left of memory, by made-up trees of control groups, and whether a bundle is let in."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from bundle.errors import MemoryShortError
from bundle.manifest import FileEntry, Manifest
from bundle.reader import read_bundle
from service.app import admission
from service.bundles.cgroups import MIB, Left, memory_left
from service.bundles.loader import load_bundle
from service.bundles.room import check_room, memory_needed
from service.settings import load_settings
from tests.builders import damage, make_bundle

V2 = "cgroup2 cgroup2 rw,nsdelegate"
V1 = "cgroup cgroup rw,memory"


def machine(root: Path, *, available: int | None = 4000, groups: str = "0::/a/b\n", mounts: str = "") -> Path:
    """A /proc with so many MiB available, the process's groups, and mounts of them as `seen where kind`."""
    proc = root / "proc"
    (proc / "self").mkdir(parents=True)
    if available is not None:
        (proc / "meminfo").write_text(f"MemTotal: {8 << 20} kB\nMemAvailable: {available * 1024} kB\n")
    (proc / "self" / "cgroup").write_text(groups)
    lines = []
    for mount in mounts.splitlines():
        seen, where, kind = mount.split(" ", 2)
        lines.append(f"31 23 0:28 {seen} {where} rw,relatime shared:4 - {kind}\n")
    (proc / "self" / "mountinfo").write_text("".join(lines))
    return root


def group(folder: Path, limit: int | None, used: int, *, inactive: int = 0, active: int = 0, mapped: int = 0) -> None:
    """A group of version 2; numbers in MiB."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text("max\n" if limit is None else f"{limit * MIB}\n")
    (folder / "memory.current").write_text(f"{used * MIB}\n")
    stat = {"anon": used, "inactive_file": inactive, "active_file": active, "file_mapped": mapped}
    (folder / "memory.stat").write_text("".join(f"{name} {value * MIB}\n" for name, value in stat.items()))


def old_group(folder: Path, limit: int | None, used: int, *, inactive: int = 0) -> None:
    """The same of version 1."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.limit_in_bytes").write_text(f"{9223372036854771712 if limit is None else limit * MIB}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{used * MIB}\n")
    (folder / "memory.stat").write_text(f"cache 1\ninactive_file 7\ntotal_inactive_file {inactive * MIB}\n")


def left(root: Path) -> tuple[float, str] | None:
    found = memory_left(root)
    return None if found is None else (found.size / MIB, found.bound)


def test_memory_left_of_a_group_counts_what_the_kernel_would_give_up_first(tmp_path: Path) -> None:
    root = machine(tmp_path, mounts=f"/ /sys/fs/cgroup {V2}")
    group(root / "sys/fs/cgroup/a/b", 512, 400, inactive=100, active=60, mapped=40)
    assert left(root) == (512 - 400 + 120, "a memory limit of 512 MiB")


def test_memory_left_of_the_group_that_holds_the_process_counts_where_it_is_tighter(tmp_path: Path) -> None:
    root = machine(tmp_path, mounts=f"/ /sys/fs/cgroup {V2}")
    group(root / "sys/fs/cgroup/a/b", 1024, 100)
    group(root / "sys/fs/cgroup/a", 2048, 2000)  # others in it have taken the most
    assert left(root) == (48, "a memory limit of 2048 MiB")


@pytest.mark.parametrize("limit", [None, 8192])
def test_memory_left_where_no_group_is_tighter_is_the_machines(tmp_path: Path, limit: int | None) -> None:
    root = machine(tmp_path, mounts=f"/ /sys/fs/cgroup {V2}")
    group(root / "sys/fs/cgroup/a/b", limit, 100)
    assert left(root) == (4000, "the machine's memory")


@pytest.mark.parametrize(
    ("groups", "mount"),
    [
        ("0::/\n", "/ /sys/fs/cgroup"),  # a namespace of its own
        ("0::/docker/x\n", "/docker/x /sys/fs/cgroup"),  # none, and only its own group is mounted
        ("0::/../y\n", "/ /sys/fs/cgroup"),  # moved out of the namespace
        ("0::/docker/x\n", "/ /sys/fs/cgroup"),  # the host's path, which is not there
    ],
)
def test_memory_left_in_a_container_is_of_its_own_limit(tmp_path: Path, groups: str, mount: str) -> None:
    root = machine(tmp_path, groups=groups, mounts=f"{mount} {V2}")
    group(root / "sys/fs/cgroup", 256, 200)
    assert left(root) == (56, "a memory limit of 256 MiB")


def test_memory_left_of_version_1_is_read_beside_an_empty_version_2(tmp_path: Path) -> None:
    groups = "4:memory:/a/b\n2:cpu,cpuacct:/a\n0::/a/b\n"
    mounts = f"/ /sys/fs/cgroup/memory {V1}\n/ /sys/fs/cgroup/cpu cgroup cgroup rw,cpu\n/ /sys/fs/cgroup/unified {V2}"
    root = machine(tmp_path, groups=groups, mounts=mounts)
    old_group(root / "sys/fs/cgroup/memory", None, 3000)
    old_group(root / "sys/fs/cgroup/memory/a", 600, 500, inactive=50)
    old_group(root / "sys/fs/cgroup/memory/a/b", None, 100)
    assert left(root) == (150, "a memory limit of 600 MiB")


@pytest.mark.parametrize("mounts", ["", "odd\n", "31 23 0:28 / - \n", f"31 23 0:28 / /nowhere rw - {V2}\n"])
def test_memory_left_where_nothing_can_be_read_is_not_known(tmp_path: Path, mounts: str) -> None:
    root = machine(tmp_path, available=None)
    (root / "proc/self/mountinfo").write_text(mounts)
    assert memory_left(root) is None
    assert memory_left(tmp_path / "no such machine") is None


def test_memory_left_of_this_machine_is_something() -> None:
    found = memory_left()
    assert found is None or (isinstance(found, Left) and found.size > 0 and found.bound)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Of a bundle of which the largest graph has 30 MiB, the two others 10 each, and the JSON files 3 in all."""
    found = read_bundle(make_bundle(tmp_path_factory.mktemp("models"))).manifest
    sizes = dict.fromkeys(found.files, 1) | dict.fromkeys(found.graphs.files, 10) | {"explainer.onnx": 30}
    files = {name: FileEntry(size=size * MIB, sha256="0" * 64) for name, size in sizes.items()}
    return msgspec.structs.replace(found, files=files)


NEEDED = 50 + 3 * 30 + 10 * 3 + 32


def test_memory_needed_is_of_the_sizes_of_the_files(manifest: Manifest) -> None:
    assert memory_needed(manifest) == NEEDED * MIB


@pytest.mark.parametrize("short", [0, 1])
def test_check_room_refuses_one_mib_too_much_and_says_both_numbers(
    tmp_path: Path, manifest: Manifest, short: int
) -> None:
    root = machine(tmp_path, mounts=f"/ /sys/fs/cgroup {V2}")
    group(root / "sys/fs/cgroup/a/b", 300, 300 - NEEDED + short)
    if not short:
        check_room(manifest, root=root)
        return
    with pytest.raises(MemoryShortError) as caught:
        check_room(manifest, root=root)
    assert caught.value.message == (
        f"loading it takes about {NEEDED} MiB of memory, and {NEEDED - 1} MiB are left of a memory limit of 300 MiB"
    )
    assert (caught.value.reason, "PRISMREC_MEMORY=off" in (caught.value.hint or "")) == ("memory", True)


def test_check_room_with_more_taken_than_there_may_be_leaves_nothing(tmp_path: Path, manifest: Manifest) -> None:
    root = machine(tmp_path, mounts=f"/ /sys/fs/cgroup {V2}")
    group(root / "sys/fs/cgroup/a", 300, 310)
    with pytest.raises(MemoryShortError, match="and 0 MiB are left"):
        check_room(manifest, root=root)


@pytest.mark.parametrize(("budget", "fits"), [(NEEDED + 90, True), (NEEDED + 89, False)])
def test_check_room_of_a_budget_is_of_what_the_process_holds(
    tmp_path: Path, manifest: Manifest, budget: int, fits: bool
) -> None:
    root = machine(tmp_path)
    (root / "proc/self/statm").write_text(f"99999 {90 * MIB // os.sysconf('SC_PAGE_SIZE')} 1 1 0 1 0\n")
    if fits:
        check_room(manifest, budget=budget * MIB, root=root)
        return
    with pytest.raises(MemoryShortError, match=f"are left of PRISMREC_MEMORY={budget}"):
        check_room(manifest, budget=budget * MIB, root=root)


def test_check_room_where_nothing_is_known_refuses_nothing(tmp_path: Path, manifest: Manifest) -> None:
    check_room(manifest, root=tmp_path)
    check_room(manifest, budget=1, root=tmp_path)


@pytest.mark.parametrize(("value", "asks"), [("auto", True), ("512", True), ("off", False)])
def test_memory_is_asked_for_unless_that_is_off(value: str, asks: bool) -> None:
    assert (admission(load_settings({"PRISMREC_MEMORY": value})) is not None) == asks


def test_load_bundle_asks_before_it_reads_anything_but_the_manifest(tmp_path: Path) -> None:
    folder = damage(make_bundle(tmp_path), "flipped-bit")

    def refuse(manifest: Manifest) -> None:
        raise MemoryShortError(f"there is no room for {manifest.name}")

    with pytest.raises(MemoryShortError, match="demo"):
        load_bundle(folder, admit=refuse)
