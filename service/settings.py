"""Every setting of the service, read once from PRISMREC_* variables; an unknown variable or a bad value is an error."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.bundles.split import Split
from service.errors import ServiceError
from service.hosts import is_loopback
from service.setting_files import lines_in
from service.setting_types import Collector, Dealt, Hosts, Keys, Memory, Names, Origins, Port, Salt, StoreUrl

PREFIX = "PRISMREC_"
NOT_OURS = frozenset({"PRISMREC_TEST_DATA"})
"""Variables with our prefix that other parts of the project read."""

SCOPES_WITH_KEYS = ("read_keys", "write_keys", "admin_keys")


class SettingsError(ServiceError):
    """A setting that cannot be used: the process does not start. It names the variable and never repeats a key."""

    default_hint = "see the list of settings in the README"


class Settings(BaseModel):
    """What an operator may set; the variable's name is PRISMREC_ and the field's name in capitals.

    models        folder that holds models/<name>/<version>/ bundles
    model         which model of it answers where nobody says; None = the first of `serve`, else the only one there
    serve         comma-separated names of the models served side by side, the default one among them; () = it alone.
                  Never "all that are there": each is a bundle in memory, and a folder that was copied in is no order
    split         name:share,name:share: who answers a request that names a user and no model (service.bundles.split)
    split_salt    part of the split's hash; another one deals all users anew
    store_url     where users' histories live: sqlite:///relative.sqlite, sqlite:////absolute.sqlite or
                  postgresql://user@host:port/database (service.store_url); None = beside the model,
                  sqlite:///<models>/<model>.sqlite (service.store_place). It may hold a password: never shown
    store_url_file  a file that holds it instead, read at the start; goes before the variable, which images set
    host, port    what to listen on; without keys only a loopback host is allowed
    *_keys        comma-separated API keys, at most two a scope (the second one is for rotation); a write key may
                  also read, an admin key may do everything
    *_keys_file   files that hold them instead, one a line (http.keyfiles); a changed one is taken up while serving
    origins       comma-separated origins of pages elsewhere whose scripts may ask, https://shop.example (http.origins);
                  () = none. Never "*": without keys any page that a user opens could then read and erase
    open          true = serve a host that is not loopback without keys; something else must guard the port
    hosts         comma-separated names that a Host header may have, beside loopback's and addresses; () = without keys
                  on loopback only loopback's, else any (service.http.visitors)
    poll_seconds  how often the model folder is looked at for a new version, and the files of keys; 0 = only at start
    fallback      "newest": while nothing is served and what is to be served cannot be (damaged, not there), serve the
                  newest version that can be, and say so; "none" = wait for what is to be served
    memory        "auto" = refuse a bundle that takes more memory to load than the container and the machine have left
                  (service.bundles.room); a number = besides, so many MiB for the whole process; "off" = load and see
    traces        where OpenTelemetry spans go: an OTLP/HTTP collector, http://host:4318; None = nowhere, at no cost
    docs, metrics whether /docs and /openapi.json, and /metrics, are served
    metrics_port  a port for /metrics and nothing else, where no key is asked for: who may reach it, may read them;
                  None = /metrics is served with everything else
    metrics_host  the address of that port; None = `host`
    grace_seconds how long a stopping process waits for the replies under way, 3 to 600 s; longer than any deadline
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    models: Path = Path("models")
    model: str | None = None
    serve: Names = ()
    split: Dealt = ()
    split_salt: Salt = ""
    store_url: Annotated[StoreUrl | None, Field(repr=False)] = None
    store_url_file: Path | None = None
    host: str = "127.0.0.1"
    port: Port = 8000
    read_keys: Keys = ()
    write_keys: Keys = ()
    admin_keys: Keys = ()
    read_keys_file: Path | None = None
    write_keys_file: Path | None = None
    admin_keys_file: Path | None = None
    origins: Origins = ()
    open: bool = False
    hosts: Hosts = ()
    poll_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 2.0
    fallback: Literal["none", "newest"] = "none"
    memory: Memory = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    traces: Collector | None = None
    docs: bool = True
    metrics: bool = True
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    metrics_host: str | None = None
    grace_seconds: Annotated[int, Field(ge=3, le=600)] = 10

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        found = dict(values)
        for field in SCOPES_WITH_KEYS:
            path, variable = found.get(f"{field}_file"), f"{PREFIX}{field.upper()}"
            if path is None:
                continue
            if found.get(field):
                raise ValueError(f"{variable} and {variable}_FILE are both set; one is enough")
            found[field] = ",".join(lines_in(Path(path), f"{variable}_FILE", "key"))
        if found.get("store_url_file") is not None and found.get("store_url") is None:
            variable = f"{PREFIX}STORE_URL_FILE"
            found["store_url"], *more = lines_in(Path(found["store_url_file"]), variable, "URL")
            if more:
                raise ValueError(f"{variable}: the file holds more than one URL")
        return found

    @model_validator(mode="after")
    def _one_scope_a_key(self) -> Settings:
        plain = [key.get_secret_value() for keys in (self.read_keys, self.write_keys, self.admin_keys) for key in keys]
        if len(set(plain)) != len(plain):
            raise ValueError("keys: the same key is set twice; every scope needs keys of its own")
        return self

    @model_validator(mode="after")
    def _metrics_apart(self) -> Settings:
        if self.metrics_port is None:
            if self.metrics_host is not None:
                raise ValueError("PRISMREC_METRICS_HOST needs PRISMREC_METRICS_PORT")
        elif not self.metrics:
            raise ValueError("PRISMREC_METRICS is false, and PRISMREC_METRICS_PORT says where they are")
        elif self.metrics_port == self.port:
            raise ValueError("PRISMREC_METRICS_PORT needs another port than PRISMREC_PORT")
        return self

    @model_validator(mode="after")
    def _served_together(self) -> Settings:
        if self.serve and self.model is not None and self.model not in self.serve:
            raise ValueError("PRISMREC_MODEL is not among the models of PRISMREC_SERVE")
        if not {arm for arm, _ in self.split} <= set(self.serve):
            raise ValueError("PRISMREC_SPLIT names a model that PRISMREC_SERVE does not")
        return self

    @property
    def key_files(self) -> tuple[str, ...]:
        """The fields whose keys come from files."""
        return tuple(field for field in SCOPES_WITH_KEYS if getattr(self, f"{field}_file") is not None)

    def reread(self) -> Settings:
        """The same settings with the keys that the files hold now. Raises SettingsError as at the start."""
        kept = {field: getattr(self, field) for field in type(self).model_fields if field not in self.key_files}
        return _checked(kept)

    @property
    def default_model(self) -> str | None:
        """The model that answers where nobody says; None = the only one there."""
        return self.model if self.model is not None or not self.serve else self.serve[0]

    @property
    def experiment(self) -> Split | None:
        """The split between models; None = there is none."""
        return Split(self.split, self.split_salt) if self.split else None

    @property
    def has_keys(self) -> bool:
        """Whether any API key is configured, that is, whether requests are checked for one."""
        return bool(self.read_keys or self.write_keys or self.admin_keys)

    def check_exposure(self) -> None:
        """Raise SettingsError when the service would answer strangers without a key."""
        if self.has_keys or self.open or is_loopback(self.host):
            return
        raise SettingsError(
            f"without API keys the service listens on loopback only, and PRISMREC_HOST is {self.host}",
            hint="set PRISMREC_READ_KEYS, PRISMREC_WRITE_KEYS and PRISMREC_ADMIN_KEYS, or PRISMREC_HOST=127.0.0.1,"
            " or PRISMREC_OPEN=true when something else guards the port",
        )


def load_settings(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Settings from PRISMREC_* variables, then from `overrides` (flags; None = not given).

    Raises SettingsError in one line for an unknown variable or a value that does not fit.
    """
    given = os.environ if environment is None else environment
    ours = {name: value for name, value in given.items() if name.startswith(PREFIX) and name not in NOT_OURS}
    known = {f"{PREFIX}{field.upper()}": field for field in Settings.model_fields}
    unknown = sorted(set(ours) - set(known))
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} not a setting of the service",
            hint=_meant(unknown, list(known)),
        )
    values: dict[str, object] = {known[name]: value for name, value in ours.items() if value != ""}
    if "store_url_file" in values:
        values.pop("store_url", None)
    flags = {name: value for name, value in overrides.items() if value is not None}
    if "store_url" in flags:
        values.pop("store_url_file", None)
    return _checked(values | flags)


def _meant(unknown: Sequence[str], known: Sequence[str]) -> str:
    """The settings that are spelled like these, and where all of them stand."""
    plain = [name.removeprefix(PREFIX) for name in known]
    near = [f"{PREFIX}{one}" for name in unknown for one in _near(name.removeprefix(PREFIX), plain)]
    return (f"did you mean {', '.join(near)}? " if near else "") + "the README lists all settings"


def _near(name: str, plain: Sequence[str]) -> list[str]:
    begun = [one for one in plain if one.startswith(name)]
    return begun[:1] or get_close_matches(name, plain, n=1)


def _checked(values: Mapping[str, object]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        from_files = {field for field in (*SCOPES_WITH_KEYS, "store_url") if values.get(f"{field}_file") is not None}
        raise SettingsError(_in_one_line(error, from_files)) from None


def _in_one_line(error: ValidationError, from_files: Set[str]) -> str:
    parts = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        name = f"{PREFIX}{field.upper()}{'_FILE' if field in from_files else ''}: " if field else ""
        parts.append(name + problem["msg"].removeprefix("Value error, "))
    return "; ".join(parts)
