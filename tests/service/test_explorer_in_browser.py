"""The explorer in a real browser, on a real process: by keyboard, at both widths, with nothing from elsewhere."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from bundle.manifest import encode
from bundle.writer import write_bundle
from tests.builders import builder_catalogue, builder_model, make_bundle, make_payload
from tests.service.browser import BROWSER, Page, browsing
from tests.service.test_process import _serving

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(BROWSER is None, reason="NO BROWSER: chromium is not installed, the explorer was not opened"),
]
MARKUP = "<img src=x onerror=\"document.title='ran'\">Film"
VISIT = itertools.count()
HELPERS = """
window.all = (selector) => [...document.querySelectorAll(selector)];
window.said = (selector) => document.querySelector(selector)?.innerText ?? "";
window.listed = () => all("li.item").map((row) => row.dataset.id).join(" ");
window.chip = (text, within = "") => all(`${within} .chip`).find((node) => node.textContent === text);
window.button = (text) => all('.steer button.plain').find((node) => node.textContent === text);
window.slider = (name) => document.querySelector(`.slider input[aria-label^="${name}"]`);
window.choose = (label, value) => {
  const found = document.querySelector(`select[aria-label="${label}"]`);
  found.value = value;
  found.dispatchEvent(new Event("change"));
};
"""


def bundle_with_markup(root: Path) -> None:
    """A bundle that follows who steers; the title of m12 is markup."""
    payload, manifest_of = make_payload(builder_model(steering=True))
    catalogue = builder_catalogue()
    titles = tuple(MARKUP if ix == 12 else title for ix, title in enumerate(catalogue.titles))
    items = encode(msgspec.structs.replace(catalogue, titles=titles))
    write_bundle(root / "demo", "1", {**payload, "items.json": items}, manifest_of)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A process that serves it; user 42 likes comedies, user 43 does not."""
    folder = tmp_path_factory.mktemp("served")
    bundle_with_markup(folder / "models")
    with _serving(folder, LOG_LEVEL="error") as (_, client):  # nobody reads its log
        for user, liked in (("42", ["m0", "m3", "m6", "m9"]), ("43", ["m2", "m5"])):
            body = {"interactions": [{"item_id": item} for item in liked]}
            assert client.post(f"/users/{user}/interactions", json=body, headers={"Idempotency-Key": user}).is_success
        yield client


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(tmp_path_factory.mktemp("browser")) as page:
        yield page


class Visit:
    """The page, just opened at a view."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self._base = page, base

    def open(self, view: str = "recommend", *, width: int = 1280) -> Page:
        self.page.heard.clear()
        self.page.size(width)
        self.page.open(f"{self._base}/?visit={next(VISIT)}#{view}")
        self.page.value(HELPERS)
        self.page.wait(
            "document.querySelector('li.item, table.factors') || said('.change').includes('Nothing is chosen')"
        )
        return self.page


@pytest.fixture
def visit(service: httpx.Client, browser: Page) -> Visit:
    return Visit(browser, str(service.base_url).rstrip("/"))


def listed(service: httpx.Client, **asked: Any) -> dict[str, Any]:
    """What the service answers to the same request, with the ids as the page's `listed` joins them."""
    found = service.post("/recommend", json={"n": 10, **asked}).json()
    return found | {"ids": " ".join(item["item_id"] for item in found["items"])}


def slide(page: Page, name: str, *, to: float) -> None:
    """Moves a slider from the keyboard, from where it stands."""
    page.value(f"slider('{name}').focus()")
    steps = round((to - float(page.value(f"slider('{name}').value"))) * 10)
    page.press("ArrowRight" if steps > 0 else "ArrowLeft", abs(steps))


def errors(page: Page) -> list[str]:
    """What the page, its console and its policy complained of."""
    said = [e["params"]["entry"] for e in page.heard if e.get("method") == "Log.entryAdded"]
    thrown = [str(e["params"]) for e in page.heard if e.get("method") == "Runtime.exceptionThrown"]
    return thrown + [e["text"] for e in said if e["level"] == "error"]


def test_slider_moved_by_keyboard_changes_the_list_and_says_what_it_changed(visit: Visit, service) -> None:
    page = visit.open()
    still = listed(service, user_id="42")
    page.wait(f"listed() === '{still['ids']}'")
    assert page.value("said('.change') + all('.move').length") == "0"  # nothing is steered yet
    slide(page, "factor 0", to=-2)
    moved = listed(service, user_id="42", steer={"factors": {"0": -2.0}})
    page.wait(f"listed() === '{moved['ids']}'")
    told = moved["steering"]
    assert told["items_in"] and moved["ids"] != still["ids"]
    marked = page.value("all('li.item').filter((row) => row.querySelector('.move.in')).map((row) => row.dataset.id)")
    assert marked == told["items_in"]
    assert page.value("all('.change s').length") == len(told["items_out"])
    share = next(share for share in told["shares"] if share["value"] == "Horror")
    beside = page.value("document.activeElement.closest('.slider').querySelector('.effects').innerText")
    assert f"Horror: {100 * share['before']:.0f} % → {100 * share['after']:.0f} % of the list" in beside


def test_sliders_are_kept_for_a_user_until_they_are_forgotten(visit: Visit, service) -> None:
    page = visit.open()
    page.wait("button('Forget').hidden && button('Reset').disabled")  # nothing is kept and nothing is moved
    slide(page, "factor 1", to=1.5)
    page.value("chip('genre', '.steer').click()")
    page.wait("said('.steer').includes('not saved')")
    page.value("button('Save').click()")
    page.wait("said('.steer').includes('saved for user 42') && !said('.steer').includes('not saved')")
    kept = service.get("/users/42/preferences").json()["steer"]
    assert kept == {"factors": {"1": 1.5}, "attributes": {}, "lock": ["genre"]}
    page = visit.open()  # as if on another day
    page.wait("slider('factor 1').value === '1.5' && said('.change').includes('Steered')")
    assert page.value("all('.steer .chip[aria-pressed=true]').map((node) => node.textContent)") == ["genre"]
    assert page.value("listed()") == listed(service, user_id="42")["ids"]  # what the service lists by itself
    slide(page, "factor 1", to=-1)
    page.wait("said('.steer').includes('not saved')")
    page.value("button('Reset').click()")  # back to what is kept, which stays
    page.wait("slider('factor 1').value === '1.5' && !said('.steer').includes('not saved')")
    assert service.get("/users/42").json()["preferences"] is True
    page.value("button('Forget').click()")
    page.wait("said('.change') === '' && slider('factor 1').value === '0'")
    assert "forgotten for user 42" in page.value("said('.steer')")
    assert service.get("/users/42").json()["preferences"] is False
    page.wait("button('Forget').hidden")
    page.value("choose('A stored user', '43')")
    page.wait("said('.who, #view').includes('user 43') && !said('.steer').includes('forgotten')")
    assert errors(page) == []
    page.value("fetch('/users/42/preferences')")  # the control: asked for without need, the console complains
    page.wait("new Promise((done) => setTimeout(() => done(true), 100))")
    assert "404" in str(errors(page))


def test_lock_is_shown_beside_what_would_have_moved_without_it(visit: Visit, service) -> None:
    page = visit.open()
    slide(page, "factor 1", to=2)
    slide(page, "factor 0", to=1)
    page.value("chip('year', '.steer').click()")
    page.wait("said('.steer').includes('without the lock')")
    steer = {"factors": {"1": 2.0, "0": 1.0}, "lock": ["year"]}
    (lock,) = listed(service, user_id="42", steer=steer)["steering"]["locked"]
    assert lock["unlocked"] > lock["drift"]
    assert f"{100 * lock['unlocked']:.0f} % without the lock" in page.value("said('.steer')")
    page.value("chip('year', '.steer').click()")  # the control: no lock, no words of it
    page.wait("!said('.steer').includes('without the lock')")


def test_span_of_numbers_is_shown_with_the_name_of_its_attribute(visit: Visit) -> None:
    page = visit.open()
    page.value("import('/web/parts.js').then((parts) => { window.parts = parts; })")
    page.wait("window.parts")
    named = "parts.valueName({}, {})".format
    assert page.value(named("'rating'", "'4.02 to 5'")) == "rating 4.02 to 5"
    assert page.value(named("'genre'", "'Comedy'")) == "Comedy"
    assert page.value(named("'year'", "'1970s'")) == "1970s"
    factor = "{factor: 3, value: '4.02 to 5', attribute: 'rating', status: 'decoded'}"
    assert page.value(f"parts.shortName({factor})") == "rating 4.02 to 5 · factor 3"


def test_every_slider_is_called_by_what_it_moves(visit: Visit) -> None:
    page = visit.open()
    page.wait("slider('factor 1')")
    assert page.value("slider('factor 0').ariaLabel") == "factor 0: Horror to Comedy, in standard deviations"
    assert (
        page.value("all('input[type=range]').filter((node) => !/[A-Za-z]{4}.* to /.test(node.ariaLabel)).length") == 0
    )


def test_sliders_of_one_user_are_not_those_of_another(visit: Visit, service) -> None:
    assert service.put("/users/43/preferences", json={"steer": {"factors": {"0": 2}}}).is_success
    page = visit.open()
    assert page.value("slider('factor 0').value") == "0"
    page.value("choose('A stored user', '43')")
    page.wait("slider('factor 0').value === '2'")
    page.value("choose('A stored user', '42')")
    page.wait("slider('factor 0').value === '0'")


def test_what_was_kept_for_another_model_is_followed_as_far_as_this_one_knows_it(visit: Visit) -> None:
    page = visit.open()
    kept = {"factors": {"0": 2}, "attributes": {"genre:Horror": 1.5, "genre:Opera": 1}, "lock": ["year", "colour"]}
    reply = {"user_id": "43", "steer": kept, "bundle_id": "another", "updated": 1}
    page.value(
        f"""{{ const ask = window.fetch;
        const kept = {{
          "/users/43": {json.dumps(json.dumps({"preferences": True}))},
          "/users/43/preferences": {json.dumps(json.dumps(reply))},
        }};
        window.fetch = async (path, how) => (kept[path] ? new Response(kept[path]) : ask(path, how)); }}"""
    )
    page.value("choose('A stored user', '43')")
    page.wait("slider('genre Horror')?.value === '1.5'")
    assert page.value("slider('factor 0').value") == "0"
    assert "left out: factor 0, genre:Opera" in page.value("said('.steer')")
    assert page.value("all('.steer .chip[aria-pressed=true]').map((node) => node.textContent)") == ["year"]
    page.wait("said('.change').includes('Steered')")
    assert page.value("document.getElementById('trouble').hidden")


def test_reasons_begin_with_the_sentence_and_the_button_says_what_would_change_them(visit: Visit, service) -> None:
    page = visit.open()
    asked = {"user_id": "42", "item_id": listed(service, user_id="42")["items"][0]["item_id"]}
    told = service.post("/explain", json=asked).json()
    page.wait("said('.why .sentence')")
    assert page.value("said('.why .sentence')") == told["sentence"]
    why = page.value("said('.why')")
    assert why.index(told["sentence"]) < why.index("The score by factors") < why.index("The score by what they liked")
    assert "left unexplained" in why and "at random" in why
    assert page.value("all('.why .bar').length") >= len(told["factors"]) + len(told["history"])
    assert page.value("all('.why .bar.faint').length") > 0  # what is not decoded is greyed
    assert "Without" not in page.value("said('.counterfactual')")
    page.value("document.querySelector('.counterfactual button').click()")
    page.wait("said('.counterfactual').length > 40")
    found = service.post("/explain", json=asked | {"counterfactual": True}).json()["counterfactual"]
    assert ("Without Film" in page.value("said('.counterfactual')")) == found["valid"]


def test_everything_can_be_reached_and_used_from_the_keyboard(visit: Visit) -> None:
    page = visit.open()
    page.wait("said('.counterfactual')")
    page.value("document.activeElement.blur()")
    name = "`${node.tagName} ${node.textContent || node.ariaLabel || node.id}`"
    reached: list[str] = []
    while not any(one.startswith("BUTTON Film") for one in reached):
        page.press("Tab")
        reached.append(page.value(f"((node) => {name})(document.activeElement)"))
        assert len(reached) < 90, reached
    for wanted in (
        "BUTTON Cold start",
        "SELECT",
        "INPUT Search a title",
        "INPUT factor 0",
        "BUTTON year",
        "BUTTON Drama",
    ):
        assert any(one.startswith(wanted) for one in reached), (wanted, reached)
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"  # one sees where one is
    page.press("Tab")
    second = page.value("document.activeElement.textContent")
    page.press("Enter")
    page.wait(f"said('.why .title').startsWith({json.dumps(second)})")


@pytest.mark.parametrize(("match", "mode"), [("any", "soft"), ("all", "strict"), ("any", "both")])
def test_condition_says_how_far_it_is_satisfied_and_why_a_list_is_short(visit: Visit, service, match, mode) -> None:
    page = visit.open()
    page.value("for (const genre of ['Drama', 'Horror']) chip(genre).click()")
    page.value(f"choose('Match', '{match}'); choose('Mode', '{mode}')")
    condition = {"genres": ["Drama", "Horror"], "match": match, "mode": mode}
    found = listed(service, user_id="42", condition=condition)
    page.wait(f"listed() === '{found['ids']}' && said('#list').includes('satisfy the condition')")
    assert (found["short_reason"] is not None) == (mode == "strict")
    assert (found["short_reason"] or "satisfy the condition") in page.value("said('#list')")


def test_list_is_that_of_the_last_click_however_late_an_earlier_answer_comes(visit: Visit, service) -> None:
    page = visit.open()
    page.value(
        """(async () => {
          const [ask, pause] = [window.fetch, (wait) => new Promise((done) => setTimeout(done, wait))];
          window.fetch = async (...asked) => { const reply = await ask(...asked); await pause(200); return reply; };
          chip("Drama").click();
          await pause(230); // the first answer comes just before the second question
          chip("Horror").click();
        })()"""
    )
    found = listed(service, user_id="42", condition={"genres": ["Drama", "Horror"]})
    assert found["ids"] != listed(service, user_id="42", condition={"genres": ["Drama"]})["ids"]
    page.wait(f"listed() === '{found['ids']}'", seconds=5)


def test_cold_start_takes_several_picks_and_says_what_its_list_has_of_each(visit: Visit) -> None:
    page = visit.open("coldstart")
    assert page.value("all('.chip[aria-pressed=true]').length + all('li.item').length") == 0
    assert "Choose what they like" in page.value("said('.change')")
    page.value("chip('Comedy').click()")
    page.wait("all('.change .share').length === 1")
    page.value("chip('1970s').click()")
    page.wait("all('.change .share').length === 3")  # of each, and of both
    shares = page.value("said('.change')")
    assert "Comedy" in shares and "1970s" in shares and "of the catalogue" in shares
    before = page.value("listed()")
    slide(page, "Strength of 1970s", to=0.3)
    page.wait(f"listed() !== '{before}'")
    page.value("document.querySelector('button[aria-label^=\"Take out Comedy\"]').click()")
    page.wait("all('.change .share').length === 1")
    page.value("window.halves = all('.chip').filter((node) => node.textContent.includes('factor 0'))")
    for half in (0, 1):  # both halves of one factor contradict each other: the later one stays
        page.value(f"halves[{half}].click()")
    assert page.value("halves.map((node) => node.getAttribute('aria-pressed'))") == ["false", "true"]
    page.wait("document.getElementById('trouble').hidden")


@pytest.mark.parametrize("view", ["recommend", "coldstart", "factors"])
@pytest.mark.parametrize("width", [420, 1280])
def test_page_fits_its_window_and_asks_nobody_else(visit: Visit, service, view: str, width: int) -> None:
    page = visit.open(view, width=width)
    if view == "coldstart":
        page.value("chip('Comedy').click()")
        page.wait("document.querySelector('li.item')")
    if view == "recommend":
        slide(page, "factor 0", to=1)
        page.value("document.querySelector('li.item button').click()")
        page.wait("said('.why .sentence')")
        assert MARKUP in page.value("document.getElementById('view').textContent")
    urls = {e["params"]["request"]["url"] for e in page.heard if e.get("method") == "Network.requestWillBeSent"}
    assert urls and all(url.startswith(str(service.base_url)) for url in urls)
    assert page.value("document.documentElement.scrollWidth") == width
    assert (errors(page), page.value("document.title")) == ([], "prismrec explorer")
    page.value("document.querySelector('main').prepend(document.createElement('hr'))")  # the controls: both are seen
    page.value("document.querySelector('main > hr').style.width = '2000px'")
    page.value("fetch('https://elsewhere.invalid/').catch(() => 0)")
    assert page.value("document.documentElement.scrollWidth") > width
    assert errors(page) != []


def test_page_of_several_models_asks_the_one_whose_factors_it_shows(tmp_path: Path, browser: Page) -> None:
    bundle_with_markup(tmp_path / "models")
    make_bundle(tmp_path / "models", name="other", seed=5)
    settings = {"SERVE": "demo,other", "SPLIT": "demo:0,other:1", "LOG_LEVEL": "error"}
    with _serving(tmp_path, **settings) as (_, service):
        service.post(
            "/users/42/interactions", json={"interactions": [{"item_id": "m0"}]}, headers={"Idempotency-Key": "one"}
        )
        shown, arm = listed(service, user_id="42", model="demo"), listed(service, user_id="42")
        assert (arm["model"], arm["ids"] != shown["ids"]) == ("other", True)
        page = Visit(browser, str(service.base_url).rstrip("/")).open()
        page.wait(f"listed() === '{shown['ids']}'")
        slide(page, "factor 1", to=1)
        page.wait("all('button').some((node) => node.textContent === 'Save' && !node.disabled)")
        page.value("all('button').find((node) => node.textContent === 'Save').click()")
        page.wait("said('.steer').includes('saved for user 42') && !said('.steer').includes('not saved')")
        assert service.get("/users/42/preferences").json()["bundle_id"] == shown["bundle_id"]
