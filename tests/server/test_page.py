"""The chat page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from server.app import SECURITY_HEADERS
from server.testing.server_process import ServerProcess
from tests.chromium import CHROMIUM, CHROMIUM_FLAGS, needs_chromium

browser_test = [*needs_chromium, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server
        assert server.stderr() == ""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        await browser.close()


class Tab:
    """One user's page, and the browser's complaints about it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def join(self, server: ServerProcess, name: str, room: str = "lobby") -> None:
        await self.page.goto(server.url)
        await self.page.get_by_label("Your name").fill(name)
        await self.page.get_by_label("Room").fill(room)
        await self.page.get_by_role("button", name="Join").click()

    async def say(self, text: str) -> None:
        await self.page.get_by_label("Message", exact=True).fill(text)
        await self.page.get_by_role("button", name="Send").click()

    async def expect_log(self, *items: str | re.Pattern[str]) -> None:
        await expect(self.page.get_by_role("log").get_by_role("listitem")).to_have_text(list(items))

    async def expect_members(self, *names: str) -> None:
        await expect(self.page.locator("#head-count")).to_have_text(str(len(names)))
        await expect(self.page.locator("#members li")).to_have_text(list(names))


async def open_tab(browser: Browser) -> Tab:
    return Tab(await browser.new_page())


def test_every_response_carries_the_security_headers(server: ServerProcess) -> None:
    for path in ("/", "/static/chat.js", "/static/chat.css", "/stats"):
        headers = server.get(path).headers
        assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


class TestInBrowser:
    pytestmark = browser_test

    async def test_two_users_chat(self, server: ServerProcess, browser: Browser) -> None:
        alice, bob = await open_tab(browser), await open_tab(browser)
        await alice.join(server, "alice", "two")
        await alice.expect_log("alice joined")
        await bob.join(server, "bob", "two")
        await alice.expect_members("alice", "bob")
        await bob.expect_members("alice", "bob")

        await bob.say("hello")
        await alice.expect_log("alice joined", "bob joined", re.compile(r"^bob.*\d\d:\d\d.*hello$"))
        await bob.expect_log("bob joined", re.compile(r"^\d\d:\d\d.*hello$"))
        await expect(bob.page.locator(".message")).to_have_class("message own")
        await expect(alice.page.locator(".message")).to_have_class("message")
        own = await bob.page.locator(".message").bounding_box()
        other = await alice.page.locator(".message").bounding_box()
        assert own is not None
        assert other is not None
        assert own["x"] > other["x"] + other["width"]

        await bob.page.close()
        await expect(alice.page.get_by_role("listitem").last).to_have_text("bob left")
        await alice.expect_members("alice")
        assert alice.complaints + bob.complaints == []

    async def test_markup_is_shown_as_text(self, server: ServerProcess, browser: Browser) -> None:
        markup = "<img src=x onerror=\"document.title='broken into'\"><script>alert(1)</script>"
        tab = await open_tab(browser)
        await tab.join(server, "<b>eve</b>", "markup")
        await tab.say(markup)
        await expect(tab.page.locator(".message .text")).to_have_text(markup)
        await expect(tab.page.locator(".notice")).to_have_text("<b>eve</b> joined")
        await tab.expect_members("<b>eve</b>")
        assert await tab.page.locator("main b, #log img, #log script").count() == 0
        assert await tab.page.title() == "markup \u00b7 Chatroom"
        assert tab.complaints == []

    async def test_refusals_say_why(self, server: ServerProcess, browser: Browser) -> None:
        alice, other = await open_tab(browser), await open_tab(browser)
        await alice.join(server, "alice", "refusals")
        await alice.expect_log("alice joined")
        refusal = other.page.get_by_role("alert")
        for name, reason in (("alice", "is taken"), ("@alice", "must not start"), (" ", "not blank")):
            await other.join(server, name, "refusals")
            await expect(refusal).to_contain_text(reason)
        assert other.complaints == []
        # Only the server knows why this one is refused.
        await other.join(server, "alice\u0085", "refusals")
        await expect(refusal).to_contain_text("The server refused to let you in")

    async def test_lost_connection_and_rejoin(
        self, start_server: Callable[..., ServerProcess], browser: Browser
    ) -> None:
        server = start_server()
        tab = await open_tab(browser)
        await tab.join(server, "alice")
        await tab.expect_log("alice joined")
        await expect(tab.page.get_by_text("Connection lost")).to_be_hidden()
        assert server.stop() == 0
        await expect(tab.page.get_by_text("Connection lost")).to_be_visible()
        await expect(tab.page.get_by_label("Message", exact=True)).to_be_disabled()
        start_server("--port", server.url.rsplit(":", 1)[1])
        await tab.page.get_by_role("button", name="Rejoin").click()
        await expect(tab.page.get_by_text("Connection lost")).to_be_hidden()
        await tab.say("back again")
        await expect(tab.page.get_by_role("listitem").last).to_contain_text("back again")

    async def test_log_follows_only_a_reader_at_its_end(self, server: ServerProcess, browser: Browser) -> None:
        alice, bob = await open_tab(browser), await open_tab(browser)
        await alice.join(server, "alice", "scroll")
        await alice.page.set_viewport_size({"width": 390, "height": 400})
        await alice.expect_log("alice joined")
        await bob.join(server, "bob", "scroll")
        await bob.expect_members("alice", "bob")
        for number in range(8):
            await bob.say(f"line {number}")
        last = alice.page.get_by_role("listitem").last
        await expect(last).to_contain_text("line 7")
        await expect(last).to_be_in_viewport()

        await alice.page.get_by_role("log").evaluate("log => log.scrollTo(0, 0)")
        await bob.say("unseen " + "x" * 500)
        await expect(last).to_contain_text("unseen")
        await expect(last).not_to_be_in_viewport()
        width, shown = await last.evaluate("item => [item.scrollWidth, item.parentElement.clientWidth]")
        assert width <= shown
