"""How soon Home is seen, in a real browser on this machine: with nothing in its cache, and once more with everything."""

from __future__ import annotations

import os
import shutil
import statistics

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from bench import gateway
from bench.figures import Measurement, Round, Shot
from bench.processes import NotStarted

SEEN = """() => new Promise(resolve => new PerformanceObserver((list, watch) => {
    for (const each of list.getEntries()) if (each.name === 'first-contentful-paint') resolve(each.startTime);
}).observe({type: 'paint', buffered: true}))"""
WEIGHT = """() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
    .filter(each => /\\.(js|css)(\\?|$)/.test(each.name)).reduce((sum, each) => sum + each.encodedBodySize, 0)"""


def measure(url: str, what: Measurement, runs: int, short: bool) -> list[Round]:
    """Home of the gateway at `url`, signed in. Raises NotStarted where there is no Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise NotStarted(f"{what.name} needs Chromium: install Debian's package 'chromium', or leave it out with --only")
    management = gateway.Management(url)
    management.log_in()
    name, _, value = (management.cookie or "").partition("=")
    cookie = {"name": name, "value": value, "url": url}
    count = what.short_count if short else what.count
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-gpu", *sandbox])
        rounds: list[Round] = [{"gateway": _shot(browser, cookie, url + what.path, count)} for _ in range(runs)]
        browser.close()
    print(f"{what.name}: {rounds[-1]['gateway']}", flush=True)
    return rounds


def _shot(browser: Browser, cookie: dict[str, str], address: str, count: int) -> Shot:
    """Medians of `count` first visits, and of as many second ones."""
    first, again, weight = [], [], 0
    for _ in range(count):
        context: BrowserContext = browser.new_context(viewport={"width": 1440, "height": 900}, service_workers="block")
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(address, wait_until="load")
        first.append(page.evaluate(SEEN))
        weight = page.evaluate(WEIGHT)
        page.goto(address, wait_until="load")
        again.append(page.evaluate(SEEN))
        context.close()
    return {
        "n": count,
        "lost": 0,
        "first_paint_ms": round(statistics.median(first), 1),
        "next_paint_ms": round(statistics.median(again), 1),
        "script_and_style_kb": round(weight / 1000, 1),
    }
