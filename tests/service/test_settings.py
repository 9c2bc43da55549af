from __future__ import annotations

from pathlib import Path

import pytest

from service.hosts import is_loopback
from service.setting_types import MIN_KEY_BYTES
from service.settings import Settings, SettingsError, load_settings

KEY = "k" * MIN_KEY_BYTES


def test_settings_without_variables_are_the_defaults() -> None:
    assert load_settings({"PATH": "/bin", "PRISMREC_TEST_DATA": "x"}) == Settings()
    assert Settings().host == "127.0.0.1"


def test_settings_from_variables_are_overridden_by_flags_that_are_given() -> None:
    found = load_settings(
        {"PRISMREC_PORT": "9000", "PRISMREC_MODELS": "m", "PRISMREC_OPEN": "true"}, port=9001, model=None
    )
    assert (found.port, found.models, found.open, found.model) == (9001, Path("m"), True, None)


def test_unknown_variable_is_named_and_refused() -> None:
    with pytest.raises(SettingsError, match="PRISMREC_PROT is not a setting") as caught:
        load_settings({"PRISMREC_PROT": "9000"})
    assert "PRISMREC_PORT" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "x"),
        ("STORE_URL", "foo"),
        ("STORE_URL", "sqlite:///"),
        ("STORE_URL", "mysql://u@h/db"),
        ("PORT", "65536"),
        ("POLL_SECONDS", "nan"),
        ("LOG_LEVEL", "loud"),
        ("OPEN", "maybe"),
        ("FALLBACK", "oldest"),
        ("MEMORY", "lots"),
        ("MEMORY", "0"),
        ("MEMORY", "-1"),
        ("MEMORY", "1.5"),
        ("MEMORY", "2147483648"),
    ],
)
def test_value_that_does_not_fit_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"PRISMREC_{name}"):
        load_settings({f"PRISMREC_{name}": value})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"METRICS_HOST": "127.0.0.1"}, "needs PRISMREC_METRICS_PORT"),
        ({"METRICS_PORT": "9100", "METRICS": "false"}, "PRISMREC_METRICS is false"),
        ({"METRICS_PORT": "9100", "PORT": "9100"}, "another port than PRISMREC_PORT"),
        ({"METRICS_PORT": "0"}, "PRISMREC_METRICS_PORT"),
    ],
)
def test_port_of_the_metrics_that_contradicts_another_setting_is_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings({f"PRISMREC_{name}": value for name, value in settings.items()})


@pytest.mark.parametrize("keys", ["short", "change-me-please", f"{KEY}1,{KEY}2,{KEY}3", f"{KEY}é", f"{KEY} x"])
def test_unusable_keys_are_refused_without_being_repeated(keys: str) -> None:
    with pytest.raises(SettingsError, match="PRISMREC_READ_KEYS") as caught:
        load_settings({"PRISMREC_READ_KEYS": keys})
    assert KEY not in caught.value.message
    assert "short" not in caught.value.message


def test_same_key_in_two_scopes_is_refused() -> None:
    with pytest.raises(SettingsError, match="set twice"):
        load_settings({"PRISMREC_READ_KEYS": KEY, "PRISMREC_ADMIN_KEYS": KEY})


def test_settings_shown_hide_the_keys() -> None:
    assert KEY not in repr(load_settings({"PRISMREC_READ_KEYS": KEY}))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_loopback_is_told_from_other_hosts(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_exposure_without_keys_is_allowed_on_loopback_only() -> None:
    Settings().check_exposure()
    Settings(host="0.0.0.0", open=True).check_exposure()
    load_settings({"PRISMREC_HOST": "0.0.0.0", "PRISMREC_READ_KEYS": KEY}).check_exposure()
    with pytest.raises(SettingsError, match=r"0\.0\.0\.0") as caught:
        Settings(host="0.0.0.0").check_exposure()
    assert "PRISMREC_OPEN=true" in caught.value.hint
