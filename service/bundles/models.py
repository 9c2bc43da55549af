"""The models that are served side by side, and which of them answers a request.

Each has a slot and a watcher of its own, so one is swapped, refused or rolled back without the others noticing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from service.bundles.slot import Slot, SlotState
from service.bundles.split import Split
from service.bundles.watcher import Watcher
from service.engine import LoadedBundle
from service.errors import UnknownModelError


@dataclass(frozen=True, slots=True)
class Place:
    """Where one model is served from, and what keeps it up to date."""

    slot: Slot
    watcher: Watcher


@dataclass(frozen=True, slots=True)
class Answering:
    """The bundle that answers a request, taken once. arm: whose turn the split says it is; None = nobody asked it.

    `model` is another than `arm` where the arm had no bundle, and the default model stood in for it.
    """

    loaded: LoadedBundle
    arm: str | None = None

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        return self.loaded.manifest.name

    @property
    def stood_in(self) -> bool:
        """Whether the default model answers in place of an arm."""
        return self.arm is not None and self.arm != self.model


@dataclass(frozen=True, slots=True)
class Moment:
    """All models as they were at one moment. default: the first; its name is None until it is known."""

    default: SlotState
    named: Mapping[str, SlotState]
    split: Split | None

    def take(self, model: str | None = None, user_id: str | None = None) -> Answering:
        """The bundle for a request: of the model it names, else of its user's arm, else of the default model.

        An arm without a bundle is stood in for by the default model: an experiment must not cost anybody their list.
        Raises UnknownModelError, and NoBundleError where the model named or the default one has no bundle.
        """
        if model is not None:
            return Answering(self._of(model).require())
        if user_id is None or self.split is None:
            return Answering(self.default.require())
        arm = self.split.arm_of(user_id)
        taken = self.named[arm].current
        return Answering(self.default.require() if taken is None else taken, arm)

    def _of(self, model: str) -> SlotState:
        if not self.named:
            self.default.require()  # there is no bundle, and so no name, yet
        if model not in self.named:
            raise unknown_model(self.named)
        return self.named[model]


class Models:
    """The default model and those beside it.

    name    the default model's; None = that of the only bundle there, so it is known once one is served
    others  by name; split: all of its arms are among these and the default
    """

    def __init__(
        self, default: Place, *, name: str | None = None, others: Mapping[str, Place] | None = None,
        split: Split | None = None,
    ) -> None:  # fmt: skip
        self.default, self._name, self._others, self.split = default, name, dict(others or {}), split

    @property
    def places(self) -> tuple[Place, ...]:
        """All places, the default one first."""
        return (self.default, *self._others.values())

    @property
    def default_name(self) -> str | None:
        """The default model's name; None while there is neither a setting nor a bundle to say it."""
        current = self.default.slot.current
        return self._name if self._name is not None or current is None else current.manifest.name

    def listed(self) -> list[tuple[str | None, Place]]:
        """Names and places, the default one first; its name may not be known yet."""
        return [(self.default_name, self.default), *self._others.items()]

    def by_name(self) -> dict[str, Place]:
        """The places whose names are known, the default one first."""
        return {name: place for name, place in self.listed() if name is not None}

    def place(self, model: str | None) -> Place:
        """The place of a model; of the default one for None. Raises UnknownModelError."""
        if model is None:
            return self.default
        named = self.by_name()
        if model not in named:
            raise unknown_model(named)
        return named[model]

    def now(self) -> Moment:
        """Every slot's reference, taken once; what is made of a moment is made of these bundles."""
        default = self.default.slot.now
        name = self._name if self._name is not None or default.current is None else default.current.manifest.name
        named = {} if name is None else {name: default}
        return Moment(default, named | {other: place.slot.now for other, place in self._others.items()}, self.split)

    def take(self, model: str | None = None, user_id: str | None = None) -> Answering:
        """As Moment.take, now."""
        return self.now().take(model, user_id)

    def stop(self, timeout: float = 5.0) -> None:
        """Ask all watchers to end, then wait for them together; a load under way is left to finish by itself."""
        until = time.monotonic() + timeout
        for place in self.places:
            place.watcher.stop(0)
        for place in self.places:
            place.watcher.stop(max(0.0, until - time.monotonic()))


def unknown_model(served: Mapping[str, object]) -> UnknownModelError:
    """No such model is served; the hint names those that are."""
    return UnknownModelError(
        "no model of this name is served", hint=f"served are {', '.join(served)}" if served else "none is served yet"
    )
