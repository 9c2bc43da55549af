"""What a start refuses as surely a typo, what it waits for, and that neither leaves files behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, load_settings
from service.starting import check_models, check_start, listen_all, missing_models
from tests.builders import make_bundle


@pytest.fixture
def models(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "models", name="ml-1m")
    return tmp_path / "models"


def refused(settings: Settings) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        check_start(settings)
    return caught.value


@pytest.mark.parametrize("below", ["ml-1m", "ml-1m/1"])
def test_folder_of_a_model_or_of_a_version_is_refused_with_what_was_meant(models: Path, below: str) -> None:
    error = refused(Settings(models=models / below))
    assert str(models / below) in error.message
    assert f"did you mean --models {models} --model ml-1m" in error.hint
    assert sorted(path.name for path in models.iterdir()) == ["ml-1m"]


def test_folder_of_models_that_has_a_loose_bundle_in_it_is_taken(models: Path) -> None:
    make_bundle(models.parent, name="models", version="7")
    check_start(Settings(models=models))


def test_folder_that_is_empty_or_not_there_may_get_its_model_later(tmp_path: Path) -> None:
    for settings in (Settings(models=tmp_path), Settings(models=tmp_path / "later", model="any")):
        check_start(settings)
        assert missing_models(settings) == []


@pytest.mark.parametrize("name", ["ml", "ml-1", "ML-1M", "ml-1n"])
def test_model_that_is_not_there_while_others_are_is_waited_for_and_named(models: Path, name: str) -> None:
    make_bundle(models, name="demo")
    settings = Settings(models=models, model=name)
    check_start(settings)
    (missing,) = missing_models(settings)
    if name != "ML-1M":  # nothing of it is alike but by its letters' case
        assert "did you mean ml-1m?" in missing.error.hint
    assert "there are: demo, ml-1m" in missing.error.message


def test_model_of_several_that_is_not_there_is_missing_and_one_whose_folder_is_there_is_not(models: Path) -> None:
    (models / "coming").mkdir()
    settings = Settings(models=models, serve="ml-1m,coming,nope")  # type: ignore[arg-type]  # as a variable has it
    assert [one.name for one in missing_models(settings)] == ["nope"]


def test_name_that_is_a_path_is_refused(models: Path) -> None:
    error = refused(Settings(models=models, model="models/ml-1m"))
    assert "did you mean ml-1m?" in error.hint
    with pytest.raises(SettingsError):
        check_models(Settings(models=models, model="../elsewhere"))


def test_store_in_a_folder_that_does_not_exist_is_refused_and_nothing_is_made(models: Path, tmp_path: Path) -> None:
    error = refused(Settings(models=models, store_url=f"sqlite:///{tmp_path}/nodir/x.sqlite"))
    assert f"mkdir -p {tmp_path}/nodir" in error.hint
    assert not (tmp_path / "nodir").exists()
    check_start(Settings(models=models, store_url=f"sqlite:///{tmp_path}/x.sqlite"))


def test_taken_port_of_the_metrics_is_named_by_its_own_settings(models: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(models=models, port=0, metrics_port=taken.getsockname()[1])
        opened = listen_all(settings)
        next(opened).close()
        with pytest.raises(SettingsError) as caught:
            next(opened)
    assert "PRISMREC_METRICS_PORT" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "meant"), [("PROT", "PRISMREC_PORT?"), ("GRACE", "PRISMREC_GRACE_SECONDS?"), ("XYZ", "README")]
)
def test_unknown_variable_gets_the_one_that_was_meant_and_no_list_of_all(given: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({f"PRISMREC_{given}": "1"})
    assert meant in caught.value.hint
    assert len(caught.value.hint) < 100
