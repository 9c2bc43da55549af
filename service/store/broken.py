"""What stands in for a store that cannot be opened: the service recommends on, and says so to who needs the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

from service.errors import ServiceError, StorageUnavailableError
from service.store.bulk import RowsOfMany
from service.store.protocol import Interaction, KeptWrite, Known, Loaded, Preferences, Receipt, Source, UserCount, Write


class BrokenStore:
    """Refuses everything with the error that opening the store met. See `service.store.protocol.Store`."""

    quick = True

    def __init__(self, cause: ServiceError) -> None:
        self._cause = cause

    @property
    def cause(self) -> ServiceError:
        return self._cause

    def _refuse(self) -> NoReturn:
        raise StorageUnavailableError(self._cause.detail, hint=self._cause.hint)

    def history(self, user_id: str) -> tuple[str, ...] | None:
        self._refuse()

    def interactions(self, user_id: str) -> tuple[Interaction, ...] | None:
        self._refuse()

    def known(self, user_id: str) -> Known | None:
        self._refuse()

    def known_many(self, user_ids: Sequence[str]) -> Sequence[Known | None]:
        self._refuse()

    def writes(self, user_id: str) -> tuple[KeptWrite, ...]:
        self._refuse()

    def append(self, write: Write) -> Receipt:
        self._refuse()

    def put_preferences(self, user_id: str, steer: str, bundle_id: str) -> Preferences:
        self._refuse()

    def erase_preferences(self, user_id: str) -> bool:
        self._refuse()

    def load_many(
        self,
        rows: RowsOfMany,
        *,
        source: Source | None = None,
        rows_id: str | None = None,
        restore_erased: bool = False,
        on_batch: Callable[[int], None] | None = None,
    ) -> Loaded:
        self._refuse()

    def sources(self) -> Sequence[Source]:
        self._refuse()

    def erase(self, user_id: str) -> bool:
        self._refuse()

    def users(self, limit: int, after: str = "") -> Sequence[UserCount]:
        self._refuse()

    def ping(self) -> bool:
        return False

    def close(self) -> None:
        """There is nothing to give back."""
