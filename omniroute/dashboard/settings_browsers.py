"""A browser in plain words, such as "Firefox on Linux", of the header by which it names itself.

Browsers name each other too, so the order matters: Edge and Opera also say Chrome, and nearly all say Safari. The tokens are
those of MDN's page on the User-Agent header and of Microsoft's on Edge's (2026-11). What a browser says of itself is no proof.
"""

from __future__ import annotations

# (token, what it is called); the first that is found counts.
BROWSERS = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome without a window"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
)
LONGEST = 40  # characters of a program that is no browser


def browser(user_agent: str) -> str:
    """ "Firefox on Linux", or the name of a program that is no browser, or "Unknown browser"."""
    name = _first(BROWSERS, user_agent)
    if not name:
        program = user_agent.strip().partition("/")[0].partition(" ")[0][:LONGEST]
        return program if program and program != "Mozilla" else "Unknown browser"
    system = _first(SYSTEMS, user_agent)
    return f"{name} on {system}" if system else name


def _first(tokens: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for token, name in tokens if token in user_agent), "")
