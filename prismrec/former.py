"""A former run as a configuration: `-c runs/x/run.json` trains again what was trained there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prismrec.failures import CommandError

if TYPE_CHECKING:
    from training.data.split import Split
    from training.run_info import RunInfo


@dataclass(frozen=True, slots=True)
class FormerRun:
    """run.json and what it says."""

    path: Path
    info: RunInfo

    @property
    def data(self) -> Path:
        """Where its data was read from, as it was given then."""
        return Path(self.info.source)

    @property
    def split(self) -> Path | None:
        """The split file that lies beside it, if it still does."""
        beside = self.path.with_name("split.npz")
        return beside if beside.is_file() else None

    def sections(self) -> dict[str, dict[str, Any]]:
        """What a TOML file would say to train it."""
        model = {"kind": self.info.kind, **self.info.config}
        if self.info.conditions.attribute is not None:
            model["condition"] = self.info.conditions.attribute
        return {"model": model, "fit": dict(self.info.fit), "protocol": asdict(self.info.protocol)}

    def check(self, split: Split) -> None:
        """CommandError unless this is the split that the run was trained on."""
        if split.fingerprint != self.info.data.fingerprint:
            raise CommandError(
                f"{self.path} was trained on other data: its split has the fingerprint "
                f"{self.info.data.fingerprint[:12]}, the data now gives {split.fingerprint[:12]}",
                hint="bring that data back, or name DATA to train on this one with the same settings",
            )


def read_former(path: Path) -> FormerRun:
    """A run.json. FitError when it is not readable as one."""
    from training.run_folder import RunFolder

    run = RunFolder(path.absolute().parent)
    if path.name != run.info.name:
        raise CommandError(
            f"{path} is neither TOML nor a run's {run.info.name}", hint=f"give a .toml file, or a run's {run.info.name}"
        )
    return FormerRun(path, run.load_info())
