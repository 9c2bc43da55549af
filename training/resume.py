"""Going on with a run: only the same run can be gone on with, and a finished one is left as it is."""

from __future__ import annotations

from training.errors import ConfigError
from training.guided.settings import NONE, GuideConfig
from training.run_info import RunInfo, Settings


def check_resumable(before: RunInfo, now: RunInfo) -> None:
    """ConfigError naming the first thing that differs. Another device or name is no difference, nor are more epochs,
    unless the learning rate was to be 0 after those there were."""
    pairs: list[tuple[str, object, object]] = [
        ("model", before.kind, now.kind),
        ("data fingerprint", before.data.fingerprint, now.data.fingerprint),
        ("condition values", before.conditions, now.conditions),
    ]
    for what, old, new in (
        ("model", before.config, now.config),
        ("training", before.fit, now.fit),
        ("seed", before.seeds, now.seeds),
        ("guide", _guide(before), _guide(now)),
    ):
        open_ended = old.get("schedule", "constant") == "constant"
        keys = sorted((old.keys() | new.keys()) - ({"epochs"} if open_ended else set()))
        pairs += [(f"{what} {key}", old.get(key), new.get(key)) for key in keys]
    for what, was, asked in pairs:
        if was != asked:
            raise ConfigError(
                f"the run was started with {what} {was!r}, and is asked to go on with {asked!r}",
                hint="resume with the same data and settings, or start another run in a new folder",
            )


def _guide(info: RunInfo) -> Settings:
    """What guided the run; how firmly is said only where something did."""
    found = GuideConfig.recorded(info.guide)
    return {"attributes": NONE} if found.attributes == NONE else found.model_dump()


def finished(before: RunInfo, *, epochs: int) -> bool:
    """Whether there is nothing left to do: it stopped by itself, or has all the epochs asked for."""
    if before.summary is None or not before.complete:
        return False
    return before.summary.stopped == "patience" or before.summary.epochs >= epochs
