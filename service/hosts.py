"""Names of hosts: what a Host header says, which are this machine's own, which a setting may name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*")
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::(?P<port>\d{1,5}))?")
MAX_NAMES = 32


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; a name other than localhost counts as reachable."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Whether it is an IP address in numbers: a name may be made to lead elsewhere, an address cannot."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def host_of(authority: str) -> str | None:
    """The host of a Host header or of an origin, in small letters, without port, brackets and the root's dot; None:
    it is no host."""
    found = _HOST.fullmatch(authority)
    if found is None:
        return None
    return (found["address"] or found["name"].removesuffix(".")).lower()


def check_hosts(names: Sequence[str]) -> tuple[str, ...]:
    """Names and addresses that the service answers for, as `host_of` gives them. Raises ValueError in our own words."""
    if len(names) > MAX_NAMES:
        raise ValueError(f"expected at most {MAX_NAMES} names of hosts")
    return tuple(map(_checked, names))


def _checked(name: str) -> str:
    bare = name.lower().removeprefix("[").removesuffix("]")
    if not is_address(bare) and not _NAME.fullmatch(bare):
        raise ValueError("expected names of hosts without scheme and port, such as recommend.example.org")
    return bare
