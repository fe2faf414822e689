"""A real Chromium for tests, that fails a test by itself when a page misbehaves.

    from tests.browser.chromium import chromium, page, watch      # in a conftest.py: they are fixtures

    def test_something(page, watch, gateway):
        page.goto(gateway().url)
        watch.allow(404)                                          # an answer that this test means to get

Every script error, error on the console (a broken content policy is one), request that failed or left the machine, and
answer with a status >= 400 that was not allowed is written down, and the test fails at its end if anything was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright

__all__ = ["Watch", "chromium", "page", "watch"]

ARGUMENTS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
HERE = ("localhost", "127.0.0.1", "::1")
ANSWERED = ("Failed to load resource: the server responded", "Response Status Error Code ")
PATIENCE = 15_000  # milliseconds: machines that run tests are often busy


class Watch:
    """What went wrong on the pages of one context."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._allowed: set[int] = set()

    def allow(self, *statuses: int) -> None:
        """These answers are meant."""
        self._allowed.update(statuses)

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.found.append(f"script error: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # An answer >= 400 is an error on the console too, htmx's own word included; _response knows which of them are meant.
        if message.type == "error" and not message.text.startswith(ANSWERED):
            self.found.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in HERE:
            self.found.append(f"left the machine: {request.method} {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # given up by the page itself, as a search does at the next letter
            self.found.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._allowed:
            self.found.append(f"answered {response.status}: {response.request.method} {response.url}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's, once for the whole run. As root it has no sandbox of its own."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "these tests need Chromium: install Debian's package 'chromium'"
    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(chromium: Browser, watch: Watch) -> Iterator[Page]:
    """A page in a context of its own: no cookies, 1440 px wide."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(PATIENCE)
    watch.over(context)
    yield context.new_page()
    context.close()
    assert not watch.found, "\n".join(watch.found)
