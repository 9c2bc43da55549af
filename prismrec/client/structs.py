"""What every model of the client is made of."""

from __future__ import annotations

import msgspec


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Part of a request. What is left at its default is not sent: the service's own default holds."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a reply. Members that this version does not know are passed over, so a newer service breaks nothing."""
