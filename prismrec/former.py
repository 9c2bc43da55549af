"""A former run as a configuration: `-c runs/x/run.json` trains again what was trained there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prismrec.failures import CommandError

if TYPE_CHECKING:
    from prismrec.inputs import Prepared
    from training.run_info import RunInfo


@dataclass(frozen=True, slots=True)
class FormerRun:
    """run.json and what it says."""

    path: Path
    info: RunInfo

    @property
    def data(self) -> Path:
        """Where its data was read from; as it was given then, if that leads somewhere from here."""
        return self._there(self.info.source)

    @property
    def items(self) -> Path | None:
        """The file of items that was named beside the data."""
        named = self.info.reading.items
        return None if named is None else self._there(named)

    @property
    def split(self) -> Path | None:
        """The split it was told to read: its own copy, else the file named then; None = it made one by its protocol.

        CommandError when neither is there.
        """
        named = self.info.reading.split
        if named is None:
            return None
        places = (self.path.with_name("split.npz"), self._there(named))
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise CommandError(
                f"{self.path} was trained with the split of {named}, and neither that file nor {places[0]} is there",
                hint="bring one of them back, or name one with --split",
            )
        return found

    @property
    def protocol(self) -> dict[str, Any]:
        return asdict(self.info.protocol)

    def sections(self) -> dict[str, dict[str, Any]]:
        """What a TOML file would say to train it."""
        from training.guided.settings import GuideConfig

        model = {"kind": self.info.kind, **self.info.config}
        if self.info.conditions.attribute is not None:
            model["condition"] = self.info.conditions.attribute
        guide = GuideConfig.recorded(self.info.guide).model_dump()
        return {"model": model, "fit": dict(self.info.fit), "guide": guide, "protocol": self.protocol}

    def check(self, prepared: Prepared) -> None:
        """CommandError unless these are the data that the run was trained on, item values of its condition included."""
        then, now = self.info.data.fingerprint, prepared.split.fingerprint
        if then != now:
            raise CommandError(
                f"{self.path} was trained on other data: its split has the fingerprint {then[:12]}, {prepared.path} "
                f"now gives {now[:12]}",
                hint=f"bring that data back; or name DATA to train on this one with the same settings; or say --split "
                f"{self.path.with_name('split.npz')} if the data only grew",
            )
        attribute = prepared.catalogue.attribute(self.info.conditions.attribute or "")
        before = self._attribute()
        if (
            before is not None
            and attribute is not None
            and (before.values, before.rows)
            != (
                attribute.values,
                attribute.rows,
            )
        ):
            raise CommandError(
                f"{self.path} was trained on items with other values of {before.name}, which is its condition",
                hint="bring that item file back, or name DATA to train on this one with the same settings",
            )

    def _attribute(self) -> Any:
        """The attribute that the run took as condition, from the catalogue beside it; None when there is none."""
        from training.run_folder import RunFolder

        run = RunFolder(self.path.absolute().parent)
        if self.info.conditions.attribute is None or not run.items.is_file():
            return None
        return run.load_catalogue().attribute(self.info.conditions.attribute)

    def _there(self, named: str) -> Path:
        path, folder = Path(named), self.info.reading.folder
        return path if folder is None or path.exists() else Path(folder) / path


def read_former(path: Path) -> FormerRun:
    """A run.json. FitError when it is not readable as one."""
    from training.run_folder import RunFolder

    run = RunFolder(path.absolute().parent)
    if path.name != run.info.name:
        raise CommandError(
            f"{path} is neither TOML nor a run's {run.info.name}", hint=f"give a .toml file, or a run's {run.info.name}"
        )
    return FormerRun(path, run.load_info())
