"""The report of a run made by hand: self-contained, honest, with every picture."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape

import msgspec
import pytest
from markupsafe import escape

from bundle.catalogue import Catalogue
from bundle.factors import Guide
from bundle.manifest import Conditions, Data
from tests.training.decode.planted import QUICK, planted_world, with_attributes
from training.data.split import Protocol
from training.decode.attribute_table import attribute_table
from training.decode.map import Decoded, decode
from training.decode.report import render
from training.decode.selection import reads_as_guided, select
from training.decode.strips import strip_of
from training.epochs import EpochFigures, append_epoch
from training.run_folder import LoadedRun, RunFolder
from training.run_info import RunInfo


def _info(values: tuple[str, ...]) -> RunInfo:
    return RunInfo(
        name="hand-made <model>",
        kind="linear",
        config={"latent": 5},
        fit={},
        seeds={"train": 0, "split": 1},
        device="cpu",
        data=Data(
            name="planted", fingerprint="f", n_users=250, n_items=240, n_interactions=5000, threshold=None, min_items=5
        ),
        source="x",
        protocol=Protocol(),
        conditions=Conditions(attribute="genre" if values else None, values=values),
        libraries={},
        git=None,
        complete=True,
    )


def _metrics(run: RunFolder) -> None:
    for epoch in range(3):
        append_epoch(
            run.metrics,
            EpochFigures(
                epoch=epoch, step=epoch, loss=9.0 - epoch, reconstruction=8.0 - epoch, kl=1.0, beta=0.1 * epoch,
                ndcg=0.3 + 0.01 * epoch, best=True, active_units=4, seconds=1.0, kl_per_latent=(0.2,) * 5,
            ),
        )  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> tuple[LoadedRun, Decoded, RunFolder]:
    world, values = planted_world(shift=3.0), ("Comedy", "Horror")
    decoded = decode(world.model, world.split, world.catalogue, QUICK, conditions=values)
    run = RunFolder(tmp_path_factory.mktemp("run"))
    _metrics(run)
    return LoadedRun(_info(values), world.split, world.catalogue, world.model), decoded, run


@pytest.fixture(scope="module")
def page(parts) -> str:
    loaded, decoded, run = parts
    return render(loaded, decoded.factors, run)


def test_report_has_every_picture_and_reading(parts, page):
    html, decoded = page, parts[1]
    assert html.count("<svg") == 4 + 4  # change, users, KL, curves; the halves of four factors
    sections = "says limits table heat strips halves users distances change carriers space stability kl curves"
    assert all(html.count(f'id="{section}"') == 1 for section in sections.split())
    linked = re.findall(r'<a href="#([\w-]+)">', html)
    assert {"table", "distances", "curves"} < set(linked)
    assert all(f'id="{target}"' in html for target in linked)
    for factor in decoded.factors.factors[:3]:
        assert factor.positive.value in html
    assert all(str(escape(note)) in html for note in decoded.factors.notes)


def test_report_refers_to_nothing_outside_and_its_policy_names_its_only_script(page):
    outside = re.compile(r"https?:|//www|@import|url\((?!#)|<link|<img|<iframe|src=")
    assert not outside.search(page)
    assert "<metadata" not in page
    assert outside.search('<use href="http://example.org">')  # the pattern can match
    (script,) = re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_report_table_has_both_halves_of_every_active_factor(parts, page):
    body = page.split('id="map-table"')[1].split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r'<th scope="row" class="n">(\d+)</th>', body)
    active = [f.factor for f in parts[1].factors.factors if f.active]
    assert sorted(map(int, rows)) == sorted([*active, *active])
    assert body.count('<td class="low">negative</td>') == body.count('<td class="high">positive</td>') == len(active)


def test_report_ids_inside_pictures_that_are_referred_to_are_unique(page):
    referred = set(re.findall(r'(?:href="|url\()#([\w-]+)', page))
    defined = re.findall(r'\bid="([\w-]+)"', page)
    clashes = {i for i in referred if defined.count(i) != 1 and not i.startswith("DejaVuSans")}
    assert referred
    assert not clashes


def test_report_is_the_same_again(parts, page):
    loaded, decoded, run = parts
    assert render(loaded, decoded.factors, run) == page


def test_report_titles_and_names_are_escaped(parts):
    loaded, decoded, run = parts
    c = loaded.catalogue
    nasty = Catalogue(
        ids=c.ids, titles=("<script>alert(1)</script>",) * len(c), popularity=c.popularity, attributes=c.attributes
    )
    html = render(LoadedRun(loaded.info, loaded.split, nasty, loaded.model), decoded.factors, run)
    assert html.count("<script>") == 1  # ours
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert "hand-made &lt;model&gt;" in html


def test_report_hostile_attribute_names_and_values_do_no_harm(tmp_path):
    world = planted_world()
    genre = next(a for a in world.catalogue.attributes if a.name == "genre")
    nasty = ("$\\bad{$ \"'><b>", "</script><script>alert(1)</script>", "$x$")
    world = with_attributes(world, msgspec.structs.replace(genre, name="$\\frac{\"'<i>", values=nasty))
    found = decode(world.model, world.split, world.catalogue, QUICK).factors
    assert found.factors[0].status == "decoded"
    html = render(LoadedRun(_info(()), world.split, world.catalogue, world.model), found, RunFolder(tmp_path))
    assert html.count("<script>") == html.count("</script>") == 1
    assert "'><b>" not in html
    assert "'<i>" not in html
    lists = [json.loads(unescape(raw)) for raw in re.findall(r'data-attributes="([^"]*)"', html)]
    assert [genre.name for genre in world.catalogue.attributes] in lists


def test_report_says_what_was_measured_and_what_was_not(parts, page):
    loaded, decoded, run = parts
    first, *others = decoded.factors.factors
    firm = msgspec.structs.replace(first.reading(first.half), stability=0.75)
    measured = msgspec.structs.replace(first, match=0.875, stability=0.75, **{first.half: firm})
    found = msgspec.structs.replace(decoded.factors, factors=(measured, *others))
    html = render(loaded, found, run)
    assert "Not measured" not in html
    assert 'data-v="0.75"' in html
    assert 'data-v="0.875"' in html
    assert html.count("<svg") == 9
    assert "Not measured" in page
    assert 'title="not measured">—' in page


def test_report_without_attributes_or_metrics_says_so(tmp_path):
    world = with_attributes(planted_world())
    found = decode(world.model, world.split, world.catalogue, QUICK).factors
    html = render(LoadedRun(_info(()), world.split, world.catalogue, world.model), found, RunFolder(tmp_path))
    assert "no attribute that can be decoded" in html
    assert "has no metrics.jsonl" in html
    assert "This map is empty" in html
    assert 'id="heat"' not in html
    assert 'id="distances"' not in html
    assert html.count("<svg") == 2 + 4  # users and KL; the halves of four factors
    assert html.count('data-status="undecoded"') == 8


def test_report_all_dimensions_dead_still_renders(tmp_path):
    world = planted_world()
    world.model.alive[:] = 0.0
    found = decode(world.model, world.split, world.catalogue, QUICK).factors
    html = render(LoadedRun(_info(()), world.split, world.catalogue, world.model), found, RunFolder(tmp_path))
    assert "No dimension is active" in html
    assert "0 of 5" in html
    assert "Nothing can be read" in html
    assert 'id="table"' not in html


def test_select_many_factors_keeps_the_decoded_and_counts_the_rest(parts):
    factors = parts[1].factors.factors
    many = tuple(msgspec.structs.replace(factors[i % 4], factor=i) for i in range(40))
    shown = select(many, at_most=12)
    assert (len(shown.factors), shown.n_active, shown.left_out) == (12, 40, 28)
    assert {f.status for f in shown.factors} == {"decoded"}
    effects = [f.reading(f.half).effect for f in shown.factors]
    assert effects == sorted(effects, reverse=True)


def test_select_guided_factors_come_first_whatever_they_read_as(parts):
    factors = parts[1].factors.factors
    tied = msgspec.structs.replace(factors[3], guide=Guide(attribute="genre", value="Drama"))
    shown = select((*factors[:3], tied, factors[4]), at_most=2)
    assert factors[3].status == "undecoded"
    assert shown.factors[0].factor == 3
    assert reads_as_guided(tied) is False
    good = factors[0].positive
    assert reads_as_guided(msgspec.structs.replace(factors[0], guide=Guide(attribute="genre", value=good.value)))


def test_report_cap_is_stated_on_the_page(parts, monkeypatch):
    monkeypatch.setattr("training.decode.report.MOST_FACTORS", 2)
    loaded, decoded, run = parts
    assert "2 of 4 active factors" in render(loaded, decoded.factors, run)


def test_strip_shares_run_from_one_planted_pole_to_the_other(parts):
    loaded, decoded, _ = parts
    table = attribute_table(loaded.catalogue, max_values=10)
    strip = strip_of(loaded.model, decoded.factors.factors[0], loaded.catalogue, table, k=20, n=3)
    comedy, horror = strip.shares
    assert (comedy.value, horror.value) == ("Comedy", "Horror")
    assert comedy.shares[0] > 0.9 > 0.1 > comedy.shares[-1]
    assert horror.shares[-1] > 0.9 > 0.1 > horror.shares[0]
    assert list(strip.positions) == sorted(strip.positions)
    assert all(len(titles) == 3 for titles in strip.titles)


def test_report_of_a_model_without_posterior_shows_no_kl(tmp_path):
    world = planted_world(posterior=False)
    found = decode(world.model, world.split, world.catalogue, QUICK).factors
    html = render(LoadedRun(_info(()), world.split, world.catalogue, world.model), found, RunFolder(tmp_path))
    assert "This model has no posterior" in html
    assert "KL divergence of each latent dimension" not in html
    assert html.count('title="this model has no posterior"') == html.count('<td class="low">negative</td>') * 2 > 0
