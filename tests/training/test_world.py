from __future__ import annotations

import os

import pytest

from training import world
from training.errors import ConfigError
from training.options import RunOptions
from training.world import ALONE, World, check_work, world_of

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "x", "RANK": "5", "WORLD_SIZE": "6", "LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "3",
    "GROUP_RANK": "1", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "1234",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _eight_cores_and_two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(world.torch.cuda, "device_count", lambda: 2)


def found(device: str = "cpu", environment: dict[str, str] | None = None, **options: int) -> World:
    return world_of(RunOptions(**options), device=device, environment=environment or {})  # type: ignore[arg-type]


def test_nothing_said_is_one_process_that_starts_no_others() -> None:
    assert found() == ALONE
    assert ALONE.is_first
    assert not ALONE.starts_others


def test_devices_on_one_machine_make_the_first_process_start_the_others() -> None:
    here = found(devices=4)
    assert (here.size, here.rank, here.starts_others) == (4, 0, True)
    assert here.port > 0


def test_torchruns_variables_give_the_place() -> None:
    here = found(environment=TORCHRUN)
    assert (here.size, here.nodes, here.rank, here.local, here.node) == (6, 2, 5, 2, 1)
    assert (here.address, here.port) == ("10.0.0.1", 1234)
    assert not here.is_first
    assert not here.starts_others


def test_machine_of_several_knows_its_place_from_its_number() -> None:
    here = found(environment={"MASTER_ADDR": "first", "NODE_RANK": "2"}, devices=2, nodes=3)
    assert (here.size, here.rank, here.address, here.port) == (6, 4, "first", world.PORT)
    assert here.starts_others


@pytest.mark.parametrize(
    ("options", "device", "environment", "message", "hint"),
    [
        ({"devices": 3}, "cuda", {}, "torch sees 2 GPUs here", "--devices 2 or fewer"),
        ({"devices": 9}, "cpu", {}, "torch uses no GPU here, and the CPU runs 8", "--devices 8 or fewer"),
        ({"devices": 0}, "cpu", {}, "at least 1", "leave them out"),
        ({"nodes": 0}, "cpu", {}, "at least 1", "leave them out"),
        ({"nodes": 2}, "cpu", {}, "--nodes 2: this machine must know", "MASTER_ADDR and NODE_RANK"),
        ({"nodes": 2}, "cpu", {"MASTER_ADDR": "a", "NODE_RANK": "2"}, "its own number", "0 to 1"),
        (
            {"nodes": 2},
            "cpu",
            {"MASTER_ADDR": "a", "NODE_RANK": "1", "MASTER_PORT": "x"},
            "MASTER_PORT is 'x'",
            "29500",
        ),
        ({"devices": 2}, "cpu", TORCHRUN, "torchrun started 3 processes on each of 2 machines", "leave --devices"),
        ({}, "cuda", TORCHRUN, "torch sees 2 GPUs here", "--devices 2"),
    ],
)
def test_impossible_numbers_are_refused(
    options: dict[str, int], device: str, environment: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        found(device, environment, **options)
    assert hint in caught.value.hint


def test_more_processes_than_rows_or_validation_users_are_refused() -> None:
    four = World(devices=2, nodes=2)
    check_work(four, batch_size=4, n_validation=4)
    for batch_size, n_validation in ((3, 9), (9, 3)):
        with pytest.raises(ConfigError, match="4 processes share"):
            check_work(four, batch_size=batch_size, n_validation=n_validation)
