"""The processes that train one model together: how many there are, and which of them this one is."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

from training.errors import ConfigError
from training.options import RunOptions

PORT = 29500
"""Where the first process of several machines listens unless MASTER_PORT says otherwise."""
_BY_TORCHRUN = "TORCHELASTIC_RUN_ID"


@dataclass(frozen=True, slots=True)
class World:
    """One process of devices * nodes; by default it is alone.

    devices   processes on each machine, one for each GPU or several on the CPU; local: its place among them, from 0
    nodes     machines; node: which of them this is, from 0
    address   of the first process, which listens on `port`
    launched  somebody else started all the processes (torchrun)
    """

    devices: int = 1
    nodes: int = 1
    local: int = 0
    node: int = 0
    address: str = "127.0.0.1"
    port: int = 0
    launched: bool = False

    @property
    def size(self) -> int:
        return self.devices * self.nodes

    @property
    def rank(self) -> int:
        return self.node * self.devices + self.local

    @property
    def is_first(self) -> bool:
        """The process that writes the run folder and speaks to the user."""
        return self.rank == 0

    @property
    def starts_others(self) -> bool:
        """Whether the other processes of this machine are this one's to start."""
        return self.devices > 1 and self.local == 0 and not self.launched


ALONE = World()


class Processes(ClusterEnvironment):
    """A World as Lightning asks for it; by then every process is there."""

    def __init__(self, world: World) -> None:
        self.world = world

    creates_processes_externally = True

    @property
    def main_address(self) -> str:
        return self.world.address

    @property
    def main_port(self) -> int:
        return self.world.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self.world.size

    def global_rank(self) -> int:
        return self.world.rank

    def local_rank(self) -> int:
        return self.world.local

    def node_rank(self) -> int:
        return self.world.node

    def set_world_size(self, size: int) -> None:
        """It is known already."""

    def set_global_rank(self, rank: int) -> None:
        """It is known already."""


def world_of(run: RunOptions, *, device: str, environment: Mapping[str, str] = os.environ) -> World:
    """This process' place, from torchrun's variables or the options. device: cpu or cuda.

    On several machines without torchrun the command runs on each of them, with MASTER_ADDR, NODE_RANK and perhaps
    MASTER_PORT set. ConfigError for numbers that this machine does not have or that contradict each other.
    """
    if (run.devices is not None and run.devices < 1) or run.nodes < 1:
        raise ConfigError(
            f"--devices {run.devices}, --nodes {run.nodes}: both must be at least 1", hint="leave them out for one"
        )
    if _BY_TORCHRUN in environment:
        world = _torchruns(run, environment)
    elif run.nodes > 1:
        world = _one_of_several_machines(run, environment)
    else:
        world = World(devices=run.devices or 1)
    _check_devices(world, device)
    return replace(world, port=_free_port()) if world.starts_others and world.nodes == 1 else world


def check_work(world: World, *, batch_size: int, n_validation: int) -> None:
    """ConfigError unless there is something to do for every process in a step and in the validation."""
    if world.size > min(batch_size, n_validation):
        raise ConfigError(
            f"{world.size} processes share a batch of {batch_size} rows and {n_validation} validation users: "
            "some would have nothing to do",
            hint=f"use fewer (--devices, --nodes), or set batch_size to {world.size} or more",
        )


def _torchruns(run: RunOptions, environment: Mapping[str, str]) -> World:
    devices = int(environment["LOCAL_WORLD_SIZE"])
    nodes = int(environment["WORLD_SIZE"]) // devices
    asked = (run.devices or devices, run.nodes if run.nodes > 1 else nodes)
    if asked != (devices, nodes):
        raise ConfigError(
            f"torchrun started {devices} processes on each of {nodes} machines, "
            f"but --devices and --nodes say {asked[0]} and {asked[1]}",
            hint="under torchrun leave --devices and --nodes out",
        )
    return World(
        devices=devices,
        nodes=nodes,
        local=int(environment["LOCAL_RANK"]),
        node=int(environment["RANK"]) // devices,
        address=environment["MASTER_ADDR"],
        port=int(environment["MASTER_PORT"]),
        launched=True,
    )


def _one_of_several_machines(run: RunOptions, environment: Mapping[str, str]) -> World:
    address, node = environment.get("MASTER_ADDR"), environment.get("NODE_RANK", "")
    if not address or not node.isdecimal() or int(node) >= run.nodes:
        raise ConfigError(
            f"--nodes {run.nodes}: this machine must know the first one's address and its own number",
            hint=f"on each machine set MASTER_ADDR and NODE_RANK (0 to {run.nodes - 1}), or start it with torchrun",
        )
    port = environment.get("MASTER_PORT", str(PORT))
    if not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ConfigError(f"MASTER_PORT is {port!r}; expected a port's number", hint=f"leave it out for {PORT}")
    return World(devices=run.devices or 1, nodes=run.nodes, node=int(node), address=address, port=int(port))


def _check_devices(world: World, device: str) -> None:
    """One process for each GPU at most; on the CPU no more than can run at a time (two always can)."""
    if device == "cuda":
        there = torch.cuda.device_count()
        found = f"torch sees {there} GPU{'' if there == 1 else 's'} here"
    else:
        there = max(2, os.cpu_count() or 1)
        found = f"torch uses no GPU here, and the CPU runs {there} processes at a time"
    if world.devices > there:
        raise ConfigError(f"--devices {world.devices}: {found}", hint=f"use --devices {there} or fewer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
