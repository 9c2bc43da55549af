"""Who may do what: the operation -> scope table, and the keys that carry the scopes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from service.errors import ForbiddenError, UnauthorizedError
from service.settings import Settings

Scope = Literal["read", "write", "admin"]
WEAKEST: Scope = "read"
"""The scope that every key has."""
HEADER = "x-api-key"

ACCESS: Mapping[str, Scope | None] = MappingProxyType(
    {
        "recommend": "read",
        "recommend_batch": "read",
        "recommend_user": "read",
        "explain": "read",
        "explain_user": "read",
        "coldstart": "read",
        "list_factors": "read",
        "get_factor": "read",
        "list_items": "read",
        "get_item": "read",
        "similar_items": "read",
        "list_conditions": "read",
        "latent_map": "read",
        "get_user": "read",
        # Who writes for users answers for their data: export and erasure go together. The keys of writes are in it.
        "export_user": "write",
        "append_interactions": "write",
        "erase_user": "write",
        "get_preferences": "read",
        "put_preferences": "write",
        "erase_preferences": "write",
        "list_users": "admin",
        "list_bundles": "read",
        "reload_bundle": "admin",
        "metrics": "read",
        "health_live": None,
        "health_ready": None,
        "list_problems": None,
        "get_problem": None,
    }
)
"""The scope that each operation (by operationId) needs; None = no key at all. An operation that is missing here
cannot be wired. Pages without data (explorer, docs, openapi.json) need no key."""

_IMPLIED: Mapping[Scope, frozenset[Scope]] = MappingProxyType(
    {
        "read": frozenset({"read"}),
        "write": frozenset({"write", "read"}),
        "admin": frozenset({"admin", "write", "read"}),
    }
)


def access_rule(operation: str) -> Scope | None:
    """The rule of an operation; LookupError for one that nobody decided about."""
    if operation not in ACCESS:
        raise LookupError(f"operation {operation!r} has no access rule in service.http.auth.ACCESS")
    return ACCESS[operation]


@dataclass(frozen=True, slots=True)
class _Key:
    key_id: str
    digest: bytes
    scopes: frozenset[Scope]


class Keyring:
    """The configured keys, held as digests. Without any key every request is let through (see Settings.open)."""

    def __init__(self, settings: Settings) -> None:
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """From now on these keys hold; a request under way keeps the answer it got."""
        configured: tuple[tuple[Scope, Sequence[str]], ...] = (
            ("read", [key.get_secret_value() for key in settings.read_keys]),
            ("write", [key.get_secret_value() for key in settings.write_keys]),
            ("admin", [key.get_secret_value() for key in settings.admin_keys]),
        )
        self._keys = tuple(
            _Key(f"{scope}-{number}", _digest(key.encode()), _IMPLIED[scope])
            for scope, keys in configured
            for number, key in enumerate(keys, start=1)
        )

    def admit(self, presented: Sequence[bytes], needed: Scope) -> str | None:
        """The id of the key that grants `needed` ("read-1", safe to log), or None when no keys are configured.

        presented: the values of every X-API-Key header. Raises UnauthorizedError (no key, several, or a wrong one)
        or ForbiddenError (a key without the scope). All keys are compared, each in constant time.
        """
        keys = self._keys
        if not keys:
            return None
        if len(presented) != 1:
            raise UnauthorizedError("this operation needs exactly one X-API-Key header")
        digest = _digest(presented[0])
        found: _Key | None = None
        for key in keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        if found is None:
            raise UnauthorizedError("the X-API-Key is not one that this service knows")
        if needed not in found.scopes:
            raise ForbiddenError(f"this operation needs a key of scope {needed}")
        return found.key_id


def _digest(key: bytes) -> bytes:
    """Equal lengths for the comparison, and no plain key kept in memory."""
    return hashlib.sha256(key).digest()
