"""Which tastes are tied to latents, and what is said when that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy import sparse

from bundle.catalogue import Attribute, Catalogue
from tests.training.boards import blocks, catalogue_of, options
from training.encoding import encode
from training.errors import ConfigError
from training.fit import fit
from training.guided.guidance import Guidance, guidance_of
from training.guided.settings import GuideConfig
from training.models.registry import config_for
from training.run_folder import RunFolder
from training.start import explicit
from training.tastes import taste_table

BOARD = blocks(80, keep=0.7)
GENRES = catalogue_of(BOARD)
N = len(GENRES)


def guided(attributes: str, catalogue: Catalogue = GENRES, *, latent: int = 16) -> Guidance | None:
    model = config_for("mult-vae", {"hidden": 8, "latent": latent})
    return guidance_of(GuideConfig(attributes=attributes), model, BOARD.train, catalogue)


def with_attribute(attribute: Attribute) -> Catalogue:
    return msgspec.structs.replace(GENRES, attributes=(*GENRES.attributes, attribute))


def year() -> Attribute:
    numbers = tuple(None if j == 3 else 1980.0 + j for j in range(N))
    rows = tuple(() if n is None else (int(n >= 1990),) for n in numbers)
    return Attribute(name="year", field="year", kind="numeric", values=("1980s", "1990s"), rows=rows, numbers=numbers)


def categorical(values: tuple[str, ...], rows: list[tuple[int, ...]]) -> Attribute:
    return Attribute(name="kind", field="kind", kind="categorical", values=values, rows=tuple(rows))


def test_values_and_numbers_have_a_latent_each() -> None:
    found = guided("auto", with_attribute(year()))
    assert found is not None
    named = [(g.attribute, g.value) for g in found.guides]
    assert named == [*(("genre", f"block{b}") for b in range(4)), ("year", None)]
    tastes = found.standardised(BOARD.train)
    np.testing.assert_allclose(tastes.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(tastes.std(axis=0), 1.0, atol=1e-9)


def test_tastes_are_shares_of_the_history_and_the_mean_of_a_number() -> None:
    table = taste_table(with_attribute(year()))
    history = sparse.csr_matrix((np.ones(3), ([0, 0, 0], [0, 1, 4])), shape=(1, N))
    numbers = np.array([1980.0 + j for j in range(N) if j != 3])
    expected = (np.mean([1980, 1981, 1984]) - numbers.mean()) / numbers.std()
    np.testing.assert_allclose(table.of(history), [[2 / 3, 1 / 3, 0, 0, expected]], atol=1e-6)


def test_two_values_are_one_taste_since_one_says_the_other() -> None:
    table = taste_table(with_attribute(categorical(("a", "b"), [(j % 2,) for j in range(N)])), ["kind"])
    assert [str(taste) for taste in table.tastes] == ["kind:b"]


@pytest.mark.parametrize(
    "attribute",
    [
        categorical(("a",), [(0,)] * N),
        categorical(("a", "b"), [()] * N),
        categorical(tuple(f"v{k}" for k in range(10_000)), [(j,) for j in range(N)]),
    ],
    ids=["one value", "all missing", "ten thousand values"],
)
def test_attribute_that_says_nothing_is_left_out_by_auto_and_refused_by_name(attribute: Attribute) -> None:
    found = guided("auto", with_attribute(attribute))
    assert found is not None
    assert {g.attribute for g in found.guides} == {"genre"}
    with pytest.raises(ConfigError, match="'kind' cannot guide") as error:
        guided("genre, kind", with_attribute(attribute))
    assert "leave it out" in error.value.hint


def test_unknown_attribute_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no attribute 'colour'") as error:
        guided("colour")
    assert "genre" in error.value.hint


def test_list_of_no_names_is_refused_and_does_not_mean_none() -> None:
    with pytest.raises(ConfigError, match="names no attribute"):
        guided(" , ")


def test_items_without_attributes_are_not_guided() -> None:
    assert guided("auto", msgspec.structs.replace(GENRES, attributes=())) is None
    assert guided("none") is None


def test_more_values_than_half_of_the_latents_are_cut_by_auto_and_refused_by_name() -> None:
    found = guided("auto", with_attribute(year()), latent=4)
    assert found is not None
    assert len(found.guides) == 2
    assert ("year", None) in [(g.attribute, g.value) for g in found.guides]  # a number says much with one latent
    with pytest.raises(ConfigError, match="cannot be tied to 2 latents") as error:
        guided("genre", latent=4)
    assert "latent to 8" in error.value.hint


def test_flagship_is_guided_unless_told_otherwise_and_others_only_when_told() -> None:
    assert explicit(options("additive-vae")).guide.attributes == "auto"
    assert explicit(options("mult-vae")).guide.attributes == "none"


@pytest.mark.parametrize(
    "kind",
    ["mult-vae", "c-vae", "additive-vae", "rec-vae", "macrid-vae", "autoencoder", "mult-dae", "contrastive"],
)
def test_guided_training_makes_each_taste_an_axis(kind: str, tmp_path: Path) -> None:
    """Of every model; the control: without guidance no axis of the same model reads the tastes as well."""
    extra = {"latent": 12, "hidden": 16} | ({"concepts": 2} if kind == "macrid-vae" else {})
    asked = options(kind, model=extra, epochs=6)
    best = {}
    for name in ("genre", "none"):
        run = RunFolder(tmp_path / name)
        fit(run, BOARD, GENRES, replace(asked, guide=GuideConfig(attributes=name, weight=3.0)))
        loaded = run.load()
        assert len(loaded.info.guides) == (4 if name == "genre" else 0)
        mu = encode(loaded.model, BOARD.train).mu.astype(np.float64)
        tastes = taste_table(GENRES).of(BOARD.train)
        r2 = np.corrcoef(np.hstack([mu, tastes]).T)[12:, :12] ** 2
        best[name] = np.diag(r2[:, :4]).mean() if name == "genre" else np.nan_to_num(r2).max(axis=1).mean()
    assert best["genre"] > 0.6
    assert best["genre"] > best["none"] + 0.05


def test_guided_run_resumed_ends_in_the_same_weights(tmp_path: Path) -> None:
    """Its axes are turned at the end of each session, from the trained ones anew."""
    asked = replace(
        options("mult-vae", epochs=4),
        guide=GuideConfig(attributes="genre"),
        model=config_for("mult-vae", {"hidden": 16, "latent": 8}),
    )
    fit(RunFolder(tmp_path / "once"), BOARD, GENRES, asked)
    twice = RunFolder(tmp_path / "twice")
    fit(twice, BOARD, GENRES, replace(asked, fit=asked.fit.model_copy(update={"epochs": 2})))
    fit(twice, BOARD, GENRES, replace(asked, run=replace(asked.run, resume=True)))
    assert twice.best.read_bytes() == RunFolder(tmp_path / "once").best.read_bytes()
