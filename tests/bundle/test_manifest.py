"""Strict: what is written is read back equal, and whatever is not exactly a manifest is refused by a ManifestError."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.errors import ContentError, HashError, ManifestError
from bundle.manifest import MAX_MANIFEST_BYTES, Dims, Manifest, Metric, encode, parse_manifest, seal, seal_bytes
from bundle.reader import read_bundle
from tests.builders import make_bundle


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Manifest:
    return read_bundle(make_bundle(tmp_path_factory.mktemp("models"))).manifest


FINITE = st.floats(allow_nan=False, allow_infinity=False)
SETTING = st.one_of(st.integers(-(2**53), 2**53), FINITE, st.text(max_size=20), st.booleans(), st.none())
METRICS = st.dictionaries(
    st.text(max_size=10),
    st.builds(Metric, mean=FINITE, se=FINITE, low=FINITE, high=FINITE, n=st.integers(0, 10**9)),
    max_size=4,
)


@given(
    config=st.dictionaries(st.text(max_size=10), SETTING, max_size=5),
    metrics=METRICS,
    seeds=st.dictionaries(st.text(max_size=5), st.integers(0, 2**63 - 1), max_size=3),
    forced=st.none() | st.text(max_size=50),
)
def test_manifest_round_trip_keeps_every_value_and_the_bytes(good, config, metrics, seeds, forced):
    manifest = msgspec.structs.replace(good, config=config, metrics=metrics, seeds=seeds, forced=forced)
    raw = seal(manifest)
    parsed = parse_manifest(raw)
    assert msgspec.structs.replace(parsed, digest=manifest.digest) == manifest
    assert seal(parsed) == raw


def test_encode_of_same_value_in_another_order_gives_the_same_bytes(good):
    turned = msgspec.structs.replace(good, config=dict(reversed(good.config.items())))
    assert encode(turned) == encode(good)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_encode_of_number_that_json_lacks_is_refused(good, value):
    with pytest.raises(ContentError, match="NaN or infinite"):
        encode(msgspec.structs.replace(good, config={"deep": value}))


def test_encode_of_large_manifest_that_fits_only_unindented_can_be_read(good):
    case = msgspec.structs.replace(good.golden[0], top_items=tuple(range(50)), scores=(0.5,) * 50)
    manifest = msgspec.structs.replace(good, golden=(case,) * 2000)
    raw = seal(manifest)
    assert 0.5 * MAX_MANIFEST_BYTES < len(raw) <= MAX_MANIFEST_BYTES
    assert len(parse_manifest(raw).golden) == 2000


def paths(value, at=()):
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*at, key))
    elif isinstance(value, list):
        for ix in range(min(len(value), 1)):
            yield from paths(value[ix], (*at, ix))


def put(document, at, value):
    if not at:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[at[0]] = put(document[at[0]], at[1:], value)
    return copy


JUNK = SETTING | st.lists(SETTING, max_size=2) | st.dictionaries(st.text(max_size=3), SETTING, max_size=2)


@settings(max_examples=150)
@given(data=st.data())
def test_parse_manifest_with_any_one_value_replaced_means_what_it_says_or_is_refused(good, data):
    """Sealed again, so that only the format's own rules can refuse it; what they let through is kept as it is."""
    document = json.loads(encode(good))
    at = data.draw(st.sampled_from([path for path in paths(document) if path and path[0] != "digest"]))
    changed = put(document, at, data.draw(JUNK))
    try:
        manifest = parse_manifest(seal_bytes(json.dumps(changed).encode()))
    except ManifestError as error:
        assert error.hint
    else:
        assert json.loads(seal(manifest)) | {"digest": None} == changed | {"digest": None}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_parse_manifest_of_any_bytes_is_a_manifest_error(raw):
    with pytest.raises(ManifestError):
        parse_manifest(raw)


@pytest.mark.parametrize("field", [f.name for f in msgspec.structs.fields(Manifest) if f.required])
def test_parse_manifest_without_any_one_field_is_refused(good, field):
    document = json.loads(encode(good))
    del document[field]
    with pytest.raises(ManifestError):
        parse_manifest(json.dumps(document).encode())


@pytest.mark.parametrize(
    "at", [(), ("dims",), ("graphs",), ("graphs", "encoder"), ("data",), ("golden", 0), ("trainer",)]
)
def test_parse_manifest_with_unknown_field_anywhere_is_refused(good, at):
    document = json.loads(encode(good))
    inner = document
    for step in at:
        inner = inner[step]
    inner["surprise"] = 1
    with pytest.raises(ManifestError, match="surprise"):
        parse_manifest(json.dumps(document).encode())


def test_parse_manifest_with_key_repeated_deep_inside_is_refused(good):
    text = encode(good).decode().replace('"n_items"', '"n_items": 50, "n_items"', 1)
    assert text.count('"n_items": 50, "n_items"') == 1
    with pytest.raises(ManifestError, match="not valid JSON"):
        parse_manifest(text.encode())


@pytest.mark.parametrize("version", [0, 2, "1", 1.5, None, [1]])
def test_parse_manifest_of_another_format_says_to_export_again(good, version):
    document = json.loads(encode(good)) | {"format_version": version}
    with pytest.raises(ManifestError, match="format_version 1") as refused:
        parse_manifest(json.dumps(document).encode())
    assert "export it again" in refused.value.hint


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"\xef\xbb\xbf{}", b"null", b"1", b'"x"', b"[" * 200_000, b'{"a":' * 50_000]
)
def test_parse_manifest_of_odd_text_is_refused(raw):
    with pytest.raises(ManifestError):
        parse_manifest(raw)


def test_parse_manifest_with_number_too_large_for_a_float_is_refused(good):
    text = encode(good).decode().replace('"tolerance": 0.0001', '"tolerance": 1e400', 1)
    assert "1e400" in text
    with pytest.raises(ManifestError):
        parse_manifest(seal_bytes(text.encode()))


def test_parse_manifest_over_the_limit_is_refused_unparsed():
    with pytest.raises(ManifestError, match="at most"):
        parse_manifest(b" " * (MAX_MANIFEST_BYTES + 1))


def change_golden(good, **changes):
    return msgspec.structs.replace(good, golden=(msgspec.structs.replace(good.golden[0], **changes),))


CONTRADICTIONS = {
    "fewer condition values": lambda m: msgspec.structs.replace(
        m, conditions=msgspec.structs.replace(m.conditions, values=("Comedy",))
    ),
    "repeated condition": lambda m: msgspec.structs.replace(
        m, conditions=msgspec.structs.replace(m.conditions, values=("Comedy", "Comedy", "Drama"))
    ),
    "conditions of no attribute": lambda m: msgspec.structs.replace(
        m, conditions=msgspec.structs.replace(m.conditions, attribute=None)
    ),
    "no items": lambda m: msgspec.structs.replace(m, dims=Dims(n_items=0, n_latent=4, n_conditions=3)),
    "no latents": lambda m: msgspec.structs.replace(m, dims=Dims(n_items=50, n_latent=0, n_conditions=3)),
    "negative size": lambda m: msgspec.structs.replace(
        m, files=m.files | {"encoder.onnx": msgspec.structs.replace(m.files["encoder.onnx"], size=-1)}
    ),
    "unlisted graph": lambda m: msgspec.structs.replace(m, files={k: v for k, v in m.files.items() if "enc" not in k}),
    "swapped graphs": lambda m: msgspec.structs.replace(
        m, graphs=msgspec.structs.replace(m.graphs, encoder=m.graphs.decoder)
    ),
    "linear graph that is no file": lambda m: msgspec.structs.replace(
        m,
        graphs=msgspec.structs.replace(m.graphs, linear=msgspec.structs.replace(m.graphs.decoder, file="linear.onnx")),
    ),
    "linear graph of another name": lambda m: msgspec.structs.replace(
        m, graphs=msgspec.structs.replace(m.graphs, linear=m.graphs.decoder)
    ),
    "name that leaves": lambda m: msgspec.structs.replace(m, name="../demo"),
    "version that is the pointer": lambda m: msgspec.structs.replace(m, version="current"),
    "no golden case": lambda m: msgspec.structs.replace(m, golden=()),
    "golden item outside": lambda m: change_golden(m, history=(50,)),
    "golden item negative": lambda m: change_golden(m, history=(-1,)),
    "golden item twice": lambda m: change_golden(m, history=(1, 1)),
    "golden condition outside": lambda m: change_golden(m, condition=(3,)),
    "golden scores missing": lambda m: change_golden(m, scores=(1.0,)),
    "golden of nothing": lambda m: change_golden(m, scores=(), top_items=()),
    "golden tolerance that allows all": lambda m: change_golden(m, tolerance=1e9),
    "golden tolerance that allows none": lambda m: change_golden(m, tolerance=0.0),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_parse_manifest_that_contradicts_itself_is_refused(good, name):
    with pytest.raises(ManifestError):
        parse_manifest(seal(CONTRADICTIONS[name](good)))


def test_parse_manifest_with_any_bit_flipped_is_refused(good):
    """Bits of every byte: the digest covers all of them, white space included."""
    raw = seal(good)
    parse_manifest(raw)
    for place in range(0, 8 * len(raw), 7):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises((ManifestError, HashError)):
            parse_manifest(bytes(flipped))


def test_parse_manifest_unsealed_is_refused(good):
    with pytest.raises(HashError):
        parse_manifest(encode(msgspec.structs.replace(good, digest="0" * 64)))


def test_seal_of_manifest_that_mentions_a_digest_elsewhere_is_read_back(good):
    sneaky = msgspec.structs.replace(good, config={"digest": "f" * 64}, forced='"digest": "' + "e" * 64 + '"')
    assert parse_manifest(seal(sneaky)).config == sneaky.config


def test_seal_bytes_of_text_without_a_digest_is_refused():
    with pytest.raises(ManifestError, match="no digest"):
        seal_bytes(b"{}")
