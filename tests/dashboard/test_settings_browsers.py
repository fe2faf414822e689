from __future__ import annotations

import pytest

from omniroute.dashboard.settings_browsers import browser

CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {} Safari/537.36"
WINDOWS, ANDROID, LINUX = "Windows NT 10.0; Win64; x64", "Linux; Android 10; K", "X11; Linux x86_64"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) {} Safari/604.1"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "Firefox on Android"),
        (CHROME.format(WINDOWS, "Chrome/142.0.0.0"), "Chrome on Windows"),
        (CHROME.format(WINDOWS, "Chrome/142.0.0.0") + " Edg/142.0.0.0", "Edge on Windows"),
        (CHROME.format(LINUX, "Chrome/142.0.0.0") + " OPR/124.0.0.0", "Opera on Linux"),
        (CHROME.format(ANDROID, "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile"), "Samsung Internet on Android"),
        (CHROME.format(LINUX, "HeadlessChrome/142.0.0.0"), "Chrome without a window on Linux"),
        (CHROME.format("X11; CrOS x86_64 14541.0.0", "Chrome/142.0.0.0"), "Chrome on ChromeOS"),
        (IPHONE.format("CriOS/142.0 Mobile/15E148"), "Chrome on iPhone"),
        (IPHONE.format("FxiOS/145.0 Mobile/15E148"), "Firefox on iPhone"),
        (IPHONE.format("Version/18.6 Mobile/15E148"), "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.6 Safari/605.1.15", "Safari on macOS"),
        ("curl/8.14.1", "curl"),
        ("Python-urllib/3.11", "Python-urllib"),
        ("", "Unknown browser"),
        ("Mozilla/5.0 (compatible)", "Unknown browser"),
        ("x" * 200, "x" * 40),
    ],
)
def test_words(user_agent: str, words: str) -> None:
    assert browser(user_agent) == words
