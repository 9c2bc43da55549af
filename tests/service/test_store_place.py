"""Where histories live when nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings
from service.store_place import default_store, is_provisional, known_models, store_url_of
from tests.builders import make_bundle


def test_store_of_a_named_model_lies_beside_its_folder() -> None:
    assert default_store(Path("models"), "demo") == "sqlite:///models/demo.sqlite"
    assert default_store(Path("/srv/models"), "demo") == "sqlite:////srv/models/demo.sqlite"


def test_store_without_a_name_is_that_of_the_only_model(tmp_path: Path) -> None:
    assert default_store(tmp_path) == f"sqlite:///{tmp_path}/store.sqlite"
    make_bundle(tmp_path, name="one")
    assert default_store(tmp_path) == f"sqlite:///{tmp_path}/one.sqlite"
    make_bundle(tmp_path, name="two")
    assert default_store(tmp_path) == f"sqlite:///{tmp_path}/store.sqlite"


def test_models_of_a_folder_that_cannot_be_listed_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bundle(tmp_path, name="one")
    assert known_models(tmp_path) == ["one"]

    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert known_models(tmp_path) == []
    assert default_store(tmp_path) == f"sqlite:///{tmp_path}/store.sqlite"


def test_store_that_is_set_goes_before_the_default() -> None:
    assert store_url_of(Settings(store_url="sqlite:///mine.sqlite", model="demo")) == "sqlite:///mine.sqlite"
    assert store_url_of(Settings(model="demo")) == "sqlite:///models/demo.sqlite"


def test_store_is_provisional_while_no_model_is_known(tmp_path: Path) -> None:
    assert is_provisional(Settings(models=tmp_path))
    assert not is_provisional(Settings(models=tmp_path, model="demo"))
    assert not is_provisional(Settings(models=tmp_path, store_url="sqlite:///mine.sqlite"))
    make_bundle(tmp_path)
    assert not is_provisional(Settings(models=tmp_path))
