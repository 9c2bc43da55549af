"""PRISMREC_STORE_URL_FILE: the store's URL from a file, as a secret is mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import SettingsError, load_settings

URL = "postgresql://prismrec:hunter2@db:5432/prismrec"


def from_file(path: Path, content: str, **more: str) -> dict[str, str]:
    path.write_text(content)
    return {"PRISMREC_STORE_URL_FILE": str(path), **more}


def test_url_is_taken_from_the_file_and_goes_before_the_variable_that_an_image_sets(tmp_path: Path) -> None:
    given = from_file(tmp_path / "url", f"# the database\n{URL}\n", PRISMREC_STORE_URL="sqlite:////store/store.sqlite")
    found = load_settings(given)
    assert found.store_url == URL
    assert "hunter2" not in repr(found)
    assert found.reread() == found


def test_flag_goes_before_the_file(tmp_path: Path) -> None:
    given = {"PRISMREC_STORE_URL_FILE": str(tmp_path / "not-there")}
    assert load_settings(given, store_url="sqlite:///x.sqlite").store_url == "sqlite:///x.sqlite"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file holds no URL"),
        ("# only this\n", "the file holds no URL"),
        (f"{URL}\n{URL}\n", "the file holds more than one URL"),
        ("mysql://u:hunter2@h/d\n", "expected sqlite"),
        ("hunter2" * 1000, "the file has more than"),
    ],
)
def test_file_that_holds_no_url_is_refused_without_repeating_it(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(from_file(tmp_path / "url", content))
    assert "PRISMREC_STORE_URL_FILE: " in caught.value.detail
    assert said in caught.value.detail
    assert "hunter2" not in caught.value.detail


def test_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(SettingsError, match="PRISMREC_STORE_URL_FILE: the file cannot be read"):
            load_settings({"PRISMREC_STORE_URL_FILE": str(path)})
