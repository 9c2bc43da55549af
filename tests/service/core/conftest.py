"""One planted bundle, loaded once; it is never changed by a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bundles.loader import load_bundle
from service.engine import LoadedBundle
from tests.builders import BuilderModel, builder_model, make_bundle


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def loaded(folder: Path) -> LoadedBundle:
    return load_bundle(folder)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    """A model without conditions."""
    return load_bundle(make_bundle(tmp_path_factory.mktemp("plain"), n_conditions=0))


@pytest.fixture(scope="session")
def twin() -> BuilderModel:
    """The numpy twin of `loaded`: the true answers."""
    return builder_model()


@pytest.fixture(scope="session")
def direct(tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    """The same model with a linear term beside its decoder."""
    return load_bundle(make_bundle(tmp_path_factory.mktemp("direct"), linear=True))


@pytest.fixture(scope="session")
def direct_twin() -> BuilderModel:
    """The twin of `direct`: its `scores` are the true answers, its `logits` the decoder alone."""
    return builder_model(linear=True)


@pytest.fixture(scope="session")
def steered(tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    """`direct` with a linear term that follows who steers."""
    return load_bundle(make_bundle(tmp_path_factory.mktemp("steered"), steering=True))


@pytest.fixture(scope="session")
def steered_twin() -> BuilderModel:
    """The twin of `steered`."""
    return builder_model(steering=True)
