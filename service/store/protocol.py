"""What the service needs of a store of users; every engine passes tests/service/store_contract.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Interaction:
    """One item that a user took. timestamp: seconds since 1970, None = not known (the time of writing is kept)."""

    item_id: str
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One write under an idempotency key. unknown_items is part of the answer and is replayed with it."""

    user_id: str
    interactions: tuple[Interaction, ...]
    key: str
    unknown_items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write did; a repeat of its key gets the same counts, with `replayed` set.

    stored        interactions that are new
    duplicates    interactions whose item the user had already, or that the write names twice
    """

    stored: int
    duplicates: int
    unknown_items: tuple[str, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class KeptWrite:
    """What is kept of a write, so that a repeat of its key can be answered. at: when, seconds since 1970."""

    key: str
    stored: int
    duplicates: int
    unknown_items: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a user wants to be steered. The store keeps the text as it is and never looks into it.

    steer      JSON, as the service wrote it
    bundle_id  the bundle it was written for: numbers of factors mean nothing in another
    updated    when it was last changed, seconds since 1970
    """

    steer: str
    bundle_id: str
    updated: int


@dataclass(frozen=True, slots=True)
class Known:
    """What a list for a user needs: item ids, oldest first (empty when only preferences are stored), preferences."""

    history: tuple[str, ...]
    preferences: Preferences | None = None


@dataclass(frozen=True, slots=True)
class UserCount:
    """n_items: 0 of a user of whom only preferences are stored."""

    user_id: str
    n_items: int


@dataclass(frozen=True, slots=True)
class Source:
    """A data set that was loaded: its name, and a fingerprint of its users and items."""

    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a bulk load did: rows read, rows that were new, rows dropped because a history was full.

    skipped       of the rows read, those at the beginning that a load of the same which broke off had stored already
    erased        of the rows read, those left out because their users were erased; erased_users: how many these are
    """

    read: int
    stored: int
    dropped: int
    skipped: int = 0
    erased: int = 0
    erased_users: int = 0


class Store(Protocol):
    """Users' histories and preferences. All calls are synchronous; when a write returns, its effect is durable.

    A history holds one entry an item and at most `max_history` of them, the latest. Every method raises
    StorageUnavailableError or StorageFullError when the engine cannot do it; `append` also ConflictError.
    `quick` says that reads are so short that they may run on the event loop.
    """

    quick: bool

    @property
    def cause(self) -> ServiceError | None:
        """Why it could not be opened so far, for the log; None when it is open."""

    def history(self, user_id: str) -> tuple[str, ...] | None:
        """The user's item ids, oldest first; None for a user without any."""

    def interactions(self, user_id: str) -> tuple[Interaction, ...] | None:
        """The user's history with its times, oldest first; None for a user without any."""

    def known(self, user_id: str) -> Known | None:
        """History and preferences together, as every list for a user needs both; None for a user without either."""

    def known_many(self, user_ids: Sequence[str]) -> Sequence[Known | None]:
        """`known` of each, in one call. Raises DeadlineError where nobody waits for the rest of it any more."""

    def writes(self, user_id: str) -> tuple[KeptWrite, ...]:
        """What is kept of the user's writes, oldest first; with `interactions` and `known` it is all there is of a
        user. Keys are kept for a day, and until somebody writes after that."""

    def append(self, write: Write) -> Receipt:
        """Add to a history, all or nothing, once per key.

        ConflictError when the key came with another write, or for a user who was erased since: a late retry must not
        bring back what was erased. A new key may, for a user may come back.
        """

    def put_preferences(self, user_id: str, steer: str, bundle_id: str) -> Preferences:
        """Keep preferences in place of those before; the last write wins. The same again changes nothing, not even
        `updated`."""

    def erase_preferences(self, user_id: str) -> bool:
        """Remove the preferences, traces in logs of the engine included; False = there were none."""

    def load_many(
        self,
        rows: Iterable[tuple[str, str, int | None]],
        *,
        source: Source | None = None,
        rows_id: str | None = None,
        restore_erased: bool = False,
        on_batch: Callable[[int], None] | None = None,
    ) -> Loaded:
        """Bulk load of (user_id, item_id, timestamp); what is there already stays. A batch is one transaction.

        Users who were erased are left out, also when they have come back since: the rows may be from before.

        source          the data set of the rows, remembered before the first of them
        rows_id         identifies these very rows in this order: a load of the same that broke off is gone on with
                        where it stopped; one that came to its end is not remembered. None = begin with the first row
        restore_erased  do not leave them out, and forget that these users were erased; begins with the first row always
        on_batch        gets the number of rows done after each batch, and before the first one
        """

    def sources(self) -> Sequence[Source]:
        """The data sets that were loaded, oldest first."""

    def erase(self, user_id: str) -> bool:
        """Remove all that is known of a user: history, preferences, receipts, and traces in logs of the engine.

        What stays is a keyed hash of the id and, for a day, of each idempotency key: that the user was erased, and that
        the keys were used. False = unknown user.
        """

    def users(self, limit: int, after: str = "") -> Sequence[UserCount]:
        """Up to `limit` users whose id sorts after `after`, in the order of their ids.

        All of whom anything is kept, or nobody could find them to erase it: preferences alone count, too.
        """

    def ping(self) -> bool:
        """Whether the store answers and takes writes."""

    def close(self) -> None:
        """Give back what is held; later calls raise StorageError."""
