"""Where the lists go: a folder of Parquet files, one for each chunk, or one file made of them at the end.

    scores.json         what is being scored, with what; complete at the end
    part-000000.parquet and so on, each written beside its place and renamed: what is there is whole

For one file FILE.parquet the folder is FILE.parquet.parts, and goes away when the file is there.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import polars as pl

from prismrec.failures import CommandError
from prismrec.scoring.lists import Part

JOB = "scores.json"


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides the lists and how they are cut into parts.

    histories  fingerprint of users and items; batch: users in a part
    """

    format_version: int = 1
    bundle_id: str
    histories: str
    n_users: int
    n: int
    include_seen: bool
    batch: int

    @property
    def n_parts(self) -> int:
        return -(-self.n_users // self.batch)


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    job: Job
    complete: bool = False


@dataclass(frozen=True)
class Parts:
    """The parts of one job on their way to `out`."""

    out: Path
    job: Job

    @property
    def one_file(self) -> bool:
        return self.out.suffix == ".parquet"

    @cached_property
    def folder(self) -> Path:
        return self.out.with_name(f"{self.out.name}.parts") if self.one_file else self.out

    def begin(self) -> list[int]:
        """The numbers of the parts that are missing. CommandError when `out` holds something else."""
        if self.one_file and self.out.exists():
            raise CommandError(f"{self.out} is there already", hint="choose another --out, or remove it")
        if self.folder.exists() and not self.folder.is_dir():
            raise CommandError(f"{self.folder} is a file", hint="choose another --out")
        held = sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []
        if held and JOB not in held:
            raise CommandError(f"{self.folder} holds other things ({held[0]})", hint="choose a new or an empty folder")
        if held:
            self._check_same()
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._save(State(job=self.job))
        return [number for number in range(self.job.n_parts) if not self.path(number).is_file()]

    def path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.parquet"

    def write(self, part: Part) -> None:
        _write(self.path(part.number), part.content)

    def finish(self) -> int:
        """Make one file of the parts if that was asked for, a few rows at a time; returns the number of rows."""
        paths = [self.path(number) for number in range(self.job.n_parts)]
        rows = int(pl.scan_parquet(paths, glob=False).select(pl.len()).collect().item())
        if self.one_file:
            staged = self.folder / "all.staged"
            table = pl.scan_parquet(paths, glob=False)
            table.sink_parquet(staged, row_group_size=self.job.batch * self.job.n)
            os.replace(staged, self.out)  # noqa: PTH105 - atomic, overwrites
            shutil.rmtree(self.folder)
        else:
            self._save(State(job=self.job, complete=True))
        return rows

    def _save(self, state: State) -> None:
        _write(self.folder / JOB, msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")

    def _check_same(self) -> None:
        path = self.folder / JOB
        try:
            there = msgspec.json.decode(path.read_bytes(), type=State).job
        except msgspec.DecodeError as error:
            raise CommandError(f"{path} is not readable: {error}", hint="choose another --out, or remove it") from error
        for name in Job.__struct_fields__:
            was, asked = getattr(there, name), getattr(self.job, name)
            if was != asked:
                raise CommandError(
                    f"{self.folder} holds lists with {name} {was}, asked for is {asked}",
                    hint="choose another --out, or ask for the same again: what is there is then kept",
                )


def _write(path: Path, content: bytes) -> None:
    staged = path.with_name(f".{path.name}.staged")
    with staged.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
