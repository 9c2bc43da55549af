"""The report in a real browser: its table sorts and filters, by mouse and keyboard alike, and nothing injected runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from tests.training.decode.planted import QUICK, planted_world
from tests.training.decode.test_report import _info
from training.decode.map import decode
from training.decode.report import render
from training.run_folder import LoadedRun, RunFolder

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(BROWSER is None, reason="NO BROWSER: chromium is not installed, the report was not opened"),
]
PROBE = """
const table = document.getElementById("map-table");
const heads = [...table.tHead.rows[0].cells];
const column = (name) => heads.findIndex((h) => h.textContent.trim().startsWith(name));
const rows = () => [...table.tBodies[0].rows];
const cells = (name) => rows().map((r) => r.cells[column(name)]).map((c) => c.dataset.v ?? c.textContent.trim());
const press = (name) => heads[column(name)].querySelector("button").click();
const form = document.getElementById("filters");
const shown = () => rows().filter((r) => !r.hidden).length;
const choose = (field, value) => {
  form.elements[field].value = value;
  form.dispatchEvent(new Event("input"));
  return shown();
};
const seen = { rows: shown(), hidden: form.hidden };
press("effect"); seen.down = cells("effect"); seen.sorted = heads[column("effect")].getAttribute("aria-sort");
press("effect"); seen.up = cells("effect"); seen.again = heads[column("effect")].getAttribute("aria-sort");
press("reads as"); seen.names = cells("reads as");
seen.only = heads.filter((h) => h.hasAttribute("aria-sort")).length;
press("factor"); seen.factors = cells("factor");
seen.decoded = choose("status", "decoded"); seen.year = choose("attribute", "year");
seen.none = choose("words", "no such film"); seen.told = document.getElementById("told").textContent;
seen.focusable = heads.every((h) => h.querySelector("button").tabIndex === 0);
document.body.textContent = JSON.stringify(seen);
"""


def dumped(page: str, folder: Path) -> str:
    """The page's document after its scripts have run."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run([*command, "--dump-dom", path.as_uri()], capture_output=True, timeout=120, check=True)
    return done.stdout.decode()


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    world = planted_world()
    found = decode(world.model, world.split, world.catalogue, QUICK).factors
    run = RunFolder(tmp_path_factory.mktemp("run"))
    return render(LoadedRun(_info(()), world.split, world.catalogue, world.model), found, run)


def test_table_sorts_and_filters(page, tmp_path):
    allowed = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", page)
    document = dumped(allowed.replace("</body>", f"<script>{PROBE}</script></body>"), tmp_path)
    seen = json.loads(unescape(re.search(r"<body>(.*)</body>", document, re.DOTALL).group(1)))
    assert (seen["rows"], seen["hidden"], seen["focusable"]) == (8, False, True)
    effects = [float(e) for e in seen["down"]]
    assert effects == sorted(effects, reverse=True)
    assert len(set(effects)) > 4
    assert [float(e) for e in seen["up"]] == sorted(effects)
    assert (seen["sorted"], seen["again"], seen["only"]) == ("descending", "ascending", 1)
    named = [n for n in seen["names"] if n]
    assert named == sorted(named, key=str.casefold)
    assert seen["names"][len(named) :] == [""] * (8 - len(named))  # what reads as nothing comes last
    assert seen["factors"] == ["0", "0", "1", "1", "2", "2", "3", "3"]
    assert 8 > seen["decoded"] > seen["year"] == 2
    assert seen["none"] == 0
    assert seen["told"] == "0 of 8 lines"


def test_script_that_is_not_the_page_s_own_is_not_run(page, tmp_path):
    injected = page.replace("</body>", "<script>document.title = 'ran'</script></body>")
    assert "<title>ran</title>" not in dumped(injected, tmp_path)
    bare = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", injected)
    assert "<title>ran</title>" in dumped(bare, tmp_path)  # without the policy it would have
    assert 'aria-label="The map' in dumped(page, tmp_path)


def test_page_without_scripts_is_a_whole_static_table(page, tmp_path):
    bare = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    document = dumped(bare, tmp_path)
    assert "<form" in document
    assert re.search(r'<form[^>]*hidden=""', document)
    assert document.count("<tr data-status=") == 8
    assert "<button" not in document
    assert "<button" in dumped(page, tmp_path)
