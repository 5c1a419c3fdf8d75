"""The report in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, sync_playwright

from bench.commands.main import main
from tests.bench.made_up_folder import write_campaign
from tests.chromium import CHROMIUM, CHROMIUM_FLAGS, needs_chromium

pytestmark = needs_chromium
GROUNDS = {"light": "rgb(246, 246, 244)", "dark": "rgb(21, 23, 26)"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = write_campaign(tmp_path_factory.mktemp("report") / "campaign")
    CliRunner().invoke(main, ["report", str(folder)], catch_exceptions=False)
    return Path(folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_asks_for_nothing_complains_of_nothing_and_fits(
    url: str, browser: Browser, scheme: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == GROUNDS[scheme]
    cards = page.locator(".card")
    assert cards.count() == 7
    for card in cards.all():
        assert card.evaluate("card => getComputedStyle(card).backgroundColor") == "rgb(255, 255, 255)"
        assert card.evaluate("card => card.querySelector('img').getBoundingClientRect().width") > 300
    assert page.get_by_role("heading", name="Verdict", exact=True).is_visible()
    assert page.locator(".remarks").get_by_text("1 of 8 cells invalid").is_visible()
    assert requests == [url]
    assert complaints == []
    page.close()


def test_on_a_phone_wide_tables_scroll_inside_their_own_box(url: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(url)
    box = page.get_by_role("region", name="Every strategy at every user count")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    box.evaluate("box => box.scrollTo(1000, 0)")
    assert box.evaluate("box => box.scrollLeft") > 0
    assert page.evaluate("window.scrollX") == 0
    page.close()


def test_points_of_charts_say_their_figures_on_hover_and_with_the_keyboard(url: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url)
    points = page.locator("#latency_by_users .point")
    shown = "point => getComputedStyle(point, '::after').content"
    point = points.last  # nothing lies over it
    said = str(point.get_attribute("aria-label"))
    assert "users in the room" in said
    assert point.evaluate(shown) == "none"
    point.hover()
    assert point.evaluate(shown) == f'"{said}"'
    page.mouse.move(0, 0)
    page.locator("#latency_by_users .card").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("Skip the ")
    for _ in range(points.count()):
        page.keyboard.press("Tab")
    assert point.evaluate("point => point === document.activeElement")
    assert point.evaluate(shown) == f'"{said}"'
    inside = """(figure) => { const box = figure.querySelector('img').getBoundingClientRect();
      return [...figure.querySelectorAll('.point')].every((point) => { const at = point.getBoundingClientRect();
        return box.left <= at.left && at.right <= box.right && box.top <= at.top && at.bottom <= box.bottom; }); }"""
    assert page.locator("#latency_by_users").evaluate(inside)
    page.close()
