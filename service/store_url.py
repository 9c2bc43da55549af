"""The URL of a store: which engine it names, whether it is whole, and how it may be shown."""

from __future__ import annotations

import re
from importlib.util import find_spec
from urllib.parse import SplitResult, parse_qsl, urlsplit

SQLITE = "sqlite:///"
"""What the URL of a store in a file begins with."""

POSTGRES = "postgresql://"
POSTGRES_SCHEMES = (POSTGRES, "postgres://")
EXPECTED = "sqlite:///relative/store.sqlite, sqlite:////absolute/store.sqlite or postgresql://user@host:port/database"

PARAMETERS = frozenset(
    {
        "host",
        "port",
        "application_name",
        "channel_binding",
        "gssencmode",
        "passfile",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
    }
)
"""What may follow the `?`, in libpq's words. Timeouts and session options are not among them: they are ours."""

_HOSTS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s\[\]:,@]*)(:\d{1,5})?(,(\[[0-9A-Fa-f:.]+\]|[^\s\[\]:,@]*)(:\d{1,5})?)*")
_SECRET = re.compile(r"^(\w+://[^:/@?]*):.*@")


def is_sqlite(url: str) -> bool:
    """Whether the URL names a file."""
    return url.startswith(SQLITE) and len(url) > len(SQLITE)


def is_postgres(url: str) -> bool:
    """Whether the URL names a PostgreSQL database."""
    return url.startswith(POSTGRES_SCHEMES)


def check_store_url(url: str) -> None:
    """Raise ValueError, in words that repeat nothing of the URL, when no engine here can take it."""
    if is_sqlite(url):
        return
    if not is_postgres(url):
        raise ValueError(f"expected {EXPECTED}")
    _check_postgres(url)
    if find_spec("psycopg") is None or find_spec("psycopg_pool") is None:
        raise ValueError("PostgreSQL needs packages that are not installed: pip install 'prismrec[postgres]'")


def shown(url: str) -> str:
    """The URL as it may be printed: with *** in place of a password."""
    return _SECRET.sub(r"\1:***@", url)


def _check_postgres(url: str) -> None:
    try:
        parts: SplitResult = urlsplit(url)
        given = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))}
    except ValueError:
        raise ValueError("this is no URL: expected postgresql://user@host:port/database") from None
    if not url.isprintable() or " " in url or parts.netloc.count("@") > 1 or "@" in parts.path or parts.fragment:
        raise ValueError("a name or password in the URL has @ / # or the like in it: write them as %40 %2F %23")
    if not _HOSTS.fullmatch(parts.netloc.rpartition("@")[2]):
        raise ValueError("the host or the port in the URL cannot be read: expected host:port")
    if len(parts.path) < 2 or "/" in parts.path[1:]:
        raise ValueError("the URL names no database: expected postgresql://user@host:port/database")
    if given - PARAMETERS:
        known = ", ".join(sorted(PARAMETERS))
        raise ValueError(f"the URL sets something that cannot be set here; after the ? may stand {known}")
