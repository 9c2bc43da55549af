"""The types of settings: how each is written in a PRISMREC_* variable, and what it must be.

Each is a pydantic annotation; what does not fit raises ValueError, whose message never repeats the value.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bundle import files
from service.bundles.split import Shares, parse_split
from service.hosts import check_hosts
from service.store_url import check_store_url

MAX_KEYS = 2
MIN_KEY_BYTES = 16
SAMPLE_KEYS = frozenset({"change-me-please", "change-me-change-me", "your-secret-key-here"})
MAX_SERVED = 16
"""Models side by side; each is a bundle in memory and a label of the metrics."""
MAX_MEMORY = 1 << 30
"""MiB, a number past every machine's: what is larger was meant in other units."""
MAX_ORIGINS = 32
_ORIGIN = re.compile(r"https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")


def _listed(value: Any) -> Any:
    """A comma-separated list, as it stands in an environment variable."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _named(value: Any) -> Any:
    """As _listed, but an empty name between two commas stays, and is refused."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(files.valid_name, names)):
        raise ValueError("expected names of models, separated by commas")
    if len(set(names)) != len(names) or len(names) > MAX_SERVED:
        raise ValueError(f"expected at most {MAX_SERVED} models, each once")
    return names


def _check_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if len(keys) > MAX_KEYS:
        raise ValueError(f"at most {MAX_KEYS} keys a scope, {len(keys)} are set")
    for key in keys:
        plain = key.get_secret_value()
        if plain in SAMPLE_KEYS:
            raise ValueError("this is the sample key; make one with `openssl rand -hex 24`")
        if len(plain.encode()) < MIN_KEY_BYTES or not plain.isascii() or not plain.isprintable() or " " in plain:
            raise ValueError(f"a key needs at least {MIN_KEY_BYTES} visible ASCII characters")
    return keys


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(_ORIGIN.fullmatch, origins)) or len(origins) > MAX_ORIGINS:
        raise ValueError(
            f"expected at most {MAX_ORIGINS} origins as browsers send them, separated by commas:"
            " https://shop.example or http://localhost:3000, in small letters, without a path"
        )
    return origins


def _check_collector(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ValueError("expected the address of an OTLP/HTTP collector, such as http://collector:4318")
    return url


def _check_engine(url: str) -> str:
    check_store_url(url)
    return url


def _read_memory(value: Any) -> Any:
    if value in {"auto", "off"}:
        return value
    try:
        mebibytes = int(value)
    except (TypeError, ValueError):
        mebibytes = 0
    if not 0 < mebibytes <= MAX_MEMORY:
        raise ValueError(f"expected auto, off, or from 1 to {MAX_MEMORY} MiB")
    return mebibytes


def _read_split(value: Any) -> Any:
    return parse_split(value) if isinstance(value, str) else value


Port = Annotated[int, Field(ge=0, le=65535)]
Keys = Annotated[tuple[SecretStr, ...], BeforeValidator(_listed), AfterValidator(_check_keys)]
Names = Annotated[tuple[str, ...], BeforeValidator(_named), AfterValidator(_check_names)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(check_hosts)]
Origins = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_check_origins)]
Collector = Annotated[str, AfterValidator(_check_collector)]
StoreUrl = Annotated[str, AfterValidator(_check_engine)]
Memory = Annotated[Literal["auto", "off"] | int, BeforeValidator(_read_memory)]
Dealt = Annotated[Shares, BeforeValidator(_read_split)]
Salt = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")]
