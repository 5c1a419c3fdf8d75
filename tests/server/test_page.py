"""The chat page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Literal

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from server.app import SECURITY_HEADERS
from server.testing.chat_user import join, join_all
from server.testing.server_process import ServerProcess
from tests.chromium import CHROMIUM, CHROMIUM_FLAGS, needs_chromium

TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Resolves once the page has been laid out and its observers were told."""
LIMIT_MS = 300_000
"""How long to wait for a state at most, on any machine."""
expect.set_options(timeout=LIMIT_MS)
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
        await expect(self.page.locator("#head-count")).to_have_text(f"{len(names)} here")
        await expect(self.page.locator("#members li")).to_have_text(list(names))


DISCONNECTS = ("--max-bytes-per-second", "200", "--slow-after", "0.1")


async def say_too_much(tab: Tab) -> None:
    """Say so much that the server ends the connection at the next message: that would have to wait for a minute."""
    await expect(tab.page.locator("#head-count")).to_contain_text("here")
    await tab.say("x" * 12_000)
    await expect(tab.page.locator(".message")).to_have_count(1)
    await tab.say("one more")
    await expect(tab.page.locator("#lost")).to_be_visible()


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
        await bob.expect_log("bob joined", re.compile(r"^You, \d\d:\d\d.*hello$"))
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

    @pytest.mark.long
    async def test_lost_connection_and_rejoin(
        self, start_server: Callable[..., ServerProcess], browser: Browser
    ) -> None:
        server = start_server()
        tab = await open_tab(browser)
        await tab.join(server, "alice")
        await tab.expect_log("alice joined")
        await expect(tab.page.locator("#lost")).to_be_hidden()
        for number in range(40):
            await tab.say(f"line {number}")
        last = tab.page.get_by_role("listitem").last
        await expect(last).to_contain_text("line 39")
        assert server.stop() == 0
        await expect(tab.page.get_by_text("The server is restarting.")).to_be_visible()
        await expect(last).to_be_in_viewport(ratio=0.9)
        await expect(tab.page.get_by_label("Message", exact=True)).to_be_enabled()
        await expect(tab.page.locator("#head-count")).to_have_text("offline")
        # A try that fails changes nothing but the reason.
        await tab.page.get_by_role("button", name="Rejoin").click()
        await expect(tab.page.get_by_text("The server cannot be reached.")).to_be_visible()
        start_server("--port", server.url.rsplit(":", 1)[1])
        await expect(tab.page.locator("#lost")).to_be_hidden()
        await tab.say("back again")
        await expect(tab.page.get_by_role("listitem").last).to_contain_text("back again")

    @pytest.mark.long
    async def test_who_types_goes_on_typing_when_the_connection_is_lost(
        self, start_server: Callable[..., ServerProcess], browser: Browser
    ) -> None:
        server = start_server()
        tab = await open_tab(browser)
        await tab.join(server, "alice")
        await tab.expect_log("alice joined")
        status = tab.page.get_by_role("status")
        await expect(status).to_have_count(1)  # a live region has to be there before its text
        text, keyboard = tab.page.get_by_label("Message", exact=True), tab.page.keyboard
        await keyboard.type("before")
        assert server.stop() == 0
        await expect(status).to_contain_text("The server")
        await expect(text).to_be_focused()
        await keyboard.type(" and after")
        await expect(text).to_have_value("before and after")
        await keyboard.press("Enter")
        await expect(tab.page.get_by_role("alert").last).to_have_text("Not sent: you are not connected.")
        await expect(text).to_have_value("before and after")
        start_server("--port", server.url.rsplit(":", 1)[1])
        await expect(tab.page.locator("#lost")).to_be_hidden()
        await expect(tab.page.locator("#not-sent")).to_be_empty()
        await expect(text).to_be_focused()
        await keyboard.press("Enter")
        await expect(tab.page.get_by_role("listitem").last).to_contain_text("before and after")

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
        await expect(alice.page.get_by_role("button", name="1 new message")).to_be_visible()
        await bob.say("another")
        await alice.page.get_by_role("button", name="2 new messages").click()
        await expect(last).to_be_in_viewport()
        await expect(alice.page.locator("#unread")).to_be_hidden()

    @pytest.mark.long
    async def test_it_comes_back_by_itself(self, start_server: Callable[..., ServerProcess], browser: Browser) -> None:
        server = start_server()
        tab = await open_tab(browser)
        await tab.join(server, "alice")
        await tab.expect_log("alice joined")
        assert server.stop() == 0
        await expect(tab.page.locator("#lost")).to_be_visible()
        start_server("--port", server.url.rsplit(":", 1)[1])
        await expect(tab.page.locator("#lost")).to_be_hidden()
        await tab.say("back again")
        await expect(tab.page.get_by_role("listitem").last).to_contain_text("back again")
        await tab.expect_members("alice")

    @pytest.mark.long
    async def test_who_comes_back_sees_what_was_said_meanwhile(
        self, start_server: Callable[..., ServerProcess], browser: Browser
    ) -> None:
        """A member that sends too much is disconnected, and its page comes back by itself."""
        server = start_server(*DISCONNECTS, "--notice-limit", "0")
        tab = await open_tab(browser)
        await tab.join(server, "alice")
        async with join(server.chat_url("bob")) as bob:
            await say_too_much(tab)
            said = [f"meanwhile {number}" for number in range(5)]
            for text in said:
                await bob.say(text)
            await expect(tab.page.locator("#lost")).to_be_hidden()
            texts = tab.page.locator(".message .text")
            await expect(texts.last).to_have_text(said[-1])
        shown = await texts.all_text_contents()
        assert [text for text in shown if text in said] == said
        assert len(set(shown)) == len(shown), "nothing is shown twice"
        assert await tab.page.get_by_text("missing here").count() == 0

    @pytest.mark.long
    async def test_the_page_tells_of_a_gap(self, start_server: Callable[..., ServerProcess], browser: Browser) -> None:
        server = start_server(*DISCONNECTS, "--notice-limit", "0", "--history", "2")
        tab = await open_tab(browser)
        await tab.join(server, "alice")
        async with join_all(server, "lobby", [f"visitor{number}" for number in range(5)]) as visitors:
            await say_too_much(tab)
            for number, visitor in enumerate(visitors):
                await visitor.say(f"meanwhile {number}")
            await visitors[0].hear_said(5)
            await expect(tab.page.locator("#lost")).to_be_hidden()
            await expect(tab.page.get_by_text("messages are missing here")).to_be_visible()

    @pytest.mark.long
    async def test_after_a_restart_messages_may_be_missing(
        self, start_server: Callable[..., ServerProcess], browser: Browser
    ) -> None:
        server = start_server()
        tab = await open_tab(browser)
        await tab.join(server, "alice")
        await tab.expect_log("alice joined")
        assert server.stop() == 0
        await expect(tab.page.locator("#lost")).to_be_visible()
        start_server("--port", server.url.rsplit(":", 1)[1])
        await expect(tab.page.locator("#lost")).to_be_hidden()
        await tab.expect_log("alice joined", "Messages may be missing here", "alice joined")

    async def test_a_message_that_is_too_long_is_kept(
        self, start_server: Callable[..., ServerProcess], browser: Browser
    ) -> None:
        tab = await open_tab(browser)
        await tab.join(start_server("--max-message-bytes", "10"), "alice")
        await tab.expect_log("alice joined")
        for too_long in ("x" * 11, "\u00e4" * 6):
            await tab.say(too_long)
            await expect(tab.page.get_by_role("alert").last).to_contain_text("of 10 bytes")
            await expect(tab.page.get_by_label("Message", exact=True)).to_have_value(too_long)
        await tab.say("x" * 10)
        await expect(tab.page.get_by_role("listitem").last).to_contain_text("x" * 10)
        await expect(tab.page.locator("#not-sent")).to_be_empty()

    async def test_what_shrinks_the_log_leaves_its_end_in_view(self, server: ServerProcess, browser: Browser) -> None:
        tab = await open_tab(browser)
        await tab.page.set_viewport_size({"width": 390, "height": 844})
        await tab.join(server, "alice", "shrinking")
        await tab.expect_log("alice joined")
        for number in range(20):
            await tab.say(f"line {number}")
        last = tab.page.get_by_role("listitem").last
        await expect(last).to_contain_text("line 19")
        await tab.page.get_by_label("Message", exact=True).fill("x" * 70_000)
        await expect(tab.page.get_by_role("alert").last).to_contain_text("Too long to send")
        await expect(last).to_be_in_viewport(ratio=1)
        await tab.page.set_viewport_size({"width": 390, "height": 500})
        await expect(last).to_be_in_viewport(ratio=1)

        log = tab.page.get_by_role("log")
        await log.evaluate("log => log.scrollTo(0, 0)")
        await log.evaluate(TWO_FRAMES)
        await tab.page.set_viewport_size({"width": 390, "height": 400})
        await log.evaluate(TWO_FRAMES)
        assert await log.evaluate("log => log.scrollTop") == 0

    async def test_the_roster_closes_on_escape_and_outside(self, server: ServerProcess, browser: Browser) -> None:
        tab = await open_tab(browser)
        await tab.join(server, "alice", "roster")
        await tab.expect_members("alice")
        names = tab.page.get_by_role("list", name="Members")
        for closes in ("Escape", "a click"):
            await tab.page.locator("#head-count").click()
            await expect(names).to_be_visible()
            if closes == "Escape":
                await tab.page.keyboard.press(closes)
            else:
                await tab.page.locator("#log").click()
            await expect(names).to_be_hidden()

    async def test_a_keyboard_is_enough(self, server: ServerProcess, browser: Browser) -> None:
        tab = await open_tab(browser)
        await tab.page.goto(server.url)
        keyboard = tab.page.keyboard
        await expect(tab.page.locator("[autofocus]")).to_be_focused()
        await keyboard.type("alice")
        await keyboard.press("Tab")
        await keyboard.type("keys")
        await keyboard.press("Enter")
        await tab.expect_log("alice joined")
        await keyboard.type("by hand")
        await keyboard.press("Enter")
        await expect(tab.page.get_by_role("listitem").last).to_contain_text("by hand")
        for _ in range(2):
            await keyboard.press("Shift+Tab")
        await keyboard.press("Enter")
        await expect(tab.page.get_by_role("list", name="Members")).to_be_visible()

    @pytest.mark.long
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    async def test_it_is_accessible(
        self, start_server: Callable[..., ServerProcess], browser: Browser, scheme: Literal["light", "dark"]
    ) -> None:
        """By the rules of axe-core, on the entrance, in the room, with the roster open, and after a loss."""
        server = start_server()
        tab = Tab(await browser.new_page(color_scheme=scheme))
        await tab.page.goto(server.url)
        violations = [await axe_violations(tab.page)]
        await tab.join(server, "alice")
        await tab.say("hello")
        await expect(tab.page.locator(".message")).to_be_visible()
        async with join(server.chat_url("bob")) as bob:
            await bob.say("hello yourself")
            await expect(tab.page.locator(".message")).to_have_count(2)
        violations.append(await axe_violations(tab.page))
        await tab.page.locator("#head-count").click()
        violations.append(await axe_violations(tab.page))
        server.stop()
        await expect(tab.page.locator("#lost")).to_be_visible()
        violations.append(await axe_violations(tab.page))
        assert violations == [[], [], [], []]


async def axe_violations(page: Page) -> list[str]:
    """Return what breaks a rule of axe-core, WCAG 2.2 AA and best practices."""
    found = await Axe().run(page)
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
