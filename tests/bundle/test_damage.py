"""Every bad bundle is refused for the reason it was made for, before anything of it is used."""

from __future__ import annotations

import time

import pytest

from bundle.errors import BundleError
from bundle.reader import read_bundle
from tests.builders import (
    DAMAGES,
    LINEAR_DAMAGES,
    STEERING_DAMAGES,
    damage,
    linear_damage,
    make_bundle,
    steering_damage,
)

SEEN_BY_READER = sorted(kind for kind, reason in DAMAGES.items() if reason not in {"graph", "golden"})
SEEN_BY_LOADER = sorted(set(DAMAGES) - set(SEEN_BY_READER))
LINEAR_SEEN_BY_READER = sorted(kind for kind, reason in LINEAR_DAMAGES.items() if reason not in {"graph", "golden"})


@pytest.mark.parametrize("kind", SEEN_BY_READER)
def test_read_bundle_damaged_is_refused_with_its_reason(tmp_path, kind):
    folder = damage(make_bundle(tmp_path), kind)
    started = time.monotonic()
    with pytest.raises(BundleError) as refused:
        read_bundle(folder)
    assert refused.value.reason == DAMAGES[kind]
    assert refused.value.hint
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize("kind", LINEAR_SEEN_BY_READER)
def test_read_bundle_whose_linear_graph_is_not_as_the_manifest_says_is_refused(tmp_path, kind):
    folder = linear_damage(make_bundle(tmp_path, linear=True), kind)
    with pytest.raises(BundleError) as refused:
        read_bundle(folder)
    assert refused.value.reason == LINEAR_DAMAGES[kind]


@pytest.mark.parametrize(
    "kind", sorted(kind for kind, reason in STEERING_DAMAGES.items() if reason not in {"graph", "golden"})
)
def test_read_bundle_whose_steering_graph_is_not_as_the_manifest_says_is_refused(tmp_path, kind):
    folder = steering_damage(make_bundle(tmp_path, steering=True), kind)
    with pytest.raises(BundleError) as refused:
        read_bundle(folder)
    assert refused.value.reason == STEERING_DAMAGES[kind]


@pytest.mark.parametrize("kind", SEEN_BY_LOADER)
def test_read_bundle_with_bad_graph_but_valid_hashes_is_left_to_the_loader(tmp_path, kind):
    """The reader knows no onnx: these kinds prove that the loader's own checks are needed."""
    assert read_bundle(damage(make_bundle(tmp_path), kind)).manifest.name == "demo"
