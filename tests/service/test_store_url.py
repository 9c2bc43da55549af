"""The URL of a store: which are taken, and that a password in one is shown nowhere."""

from __future__ import annotations

import pytest

from service.settings import Settings, SettingsError, load_settings
from service.store_url import PARAMETERS, check_store_url, is_postgres, is_sqlite, shown

SECRET = "pa55-w0rd"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///store.sqlite",
        "sqlite:////srv/store.sqlite",
        "postgresql://user@host:5432/database",
        "postgres://user:password@host/database",
        "postgresql:///database?host=/run/postgresql",
        "postgresql://user@[::1]:5432/database?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql://user@one:5432,two:5433/database?target_session_attrs=read-write",
        "postgresql://user:p%40ss%2Fword@host/database?passfile=/run/secrets/pgpass",
    ],
)
def test_url_of_an_engine_is_taken(url: str) -> None:
    check_store_url(url)
    assert is_postgres(url) is not is_sqlite(url)
    assert Settings(store_url=url).store_url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "expected sqlite"),
        ("sqlite:///", "expected sqlite"),
        (f"mysql://user:{SECRET}@host/database", "expected sqlite"),
        (f"postgresql://user:{SECRET}@host", "names no database"),
        (f"postgresql://user:{SECRET}@host/", "names no database"),
        (f"postgresql://user:{SECRET}@host/a/b", "names no database"),
        (f"postgresql://user:{SECRET}@host:port/database", "host or the port"),
        (f"postgresql://user:{SECRET}@x@host/database", "write them as %40"),
        (f"postgresql://user:{SECRET}/x@host/database", "write them as %40"),
        (f"postgresql://user:{SECRET}#x@host/database", "%23"),
        (f"postgresql://user:{SECRET} x@host/database", "write them as"),
        (f"postgresql://user@host/database?password={SECRET}", "cannot be set here"),
        ("postgresql://user@host/database?options=-cstatement_timeout=0", "cannot be set here"),
        ("postgresql://user@host/database?connect_timeout=0", "cannot be set here"),
        (f"postgresql://user@host/database?{SECRET}", "no URL"),
        (f"postgresql://user:{SECRET}@[::1/database", "no URL"),
    ],
)
def test_url_of_no_engine_is_refused_and_not_repeated(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        check_store_url(url)
    assert SECRET not in str(caught.value)
    if not url:
        return  # an empty variable counts as not set
    with pytest.raises(SettingsError, match="PRISMREC_STORE_URL") as refused:
        load_settings({"PRISMREC_STORE_URL": url})
    assert SECRET not in refused.value.message + refused.value.hint


def test_engine_whose_packages_are_absent_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.store_url.find_spec", lambda _: None)
    check_store_url("sqlite:///store.sqlite")
    with pytest.raises(ValueError, match=r"prismrec\[postgres\]"):
        check_store_url("postgresql://user@host/database")


@pytest.mark.parametrize(
    ("url", "as_shown"),
    [
        (f"postgresql://user:{SECRET}@host:5432/database", "postgresql://user:***@host:5432/database"),
        (f"postgresql://user:{SECRET}@x@host/database", "postgresql://user:***@host/database"),
        (f"postgresql://:{SECRET}@host/database", "postgresql://:***@host/database"),
        (f"postgresql://user:{SECRET}/x@host/database", "postgresql://user:***@host/database"),
        ("postgresql://user@host:5432/database", "postgresql://user@host:5432/database"),
        ("sqlite:////srv/a@b:c.sqlite", "sqlite:////srv/a@b:c.sqlite"),
    ],
)
def test_url_is_shown_without_its_password(url: str, as_shown: str) -> None:
    assert shown(url) == as_shown


def test_settings_shown_hide_the_store_with_its_password() -> None:
    settings = Settings(store_url=f"postgresql://user:{SECRET}@host/database")
    assert SECRET not in f"{settings!r} {settings}"


def test_what_the_service_bounds_itself_cannot_be_set_by_the_url() -> None:
    assert PARAMETERS.isdisjoint({"options", "connect_timeout", "tcp_user_timeout", "keepalives", "password", "dbname"})
