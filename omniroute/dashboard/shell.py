"""What every page shares: the navigation, the banners on top, the way to render, the words for values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from omniroute import __version__
from omniroute.dashboard import assets, unseen
from omniroute.edge.callers import always_chosen
from omniroute.edge.hosts import local_name
from omniroute.errors import DatabaseAway, OperationError
from omniroute.preferences.operations import chosen
from omniroute.services import Services


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the navigation. `id` is what a page passes as `here`; `key` is the letter that goes there after G."""

    id: str
    label: str
    icon: str
    endpoint: str
    key: str = ""


NAVIGATION: tuple[tuple[str, tuple[Item, ...]], ...] = (
    ("", (Item("home", "Home", "home", "dashboard.home", "h"),)),
    (
        "Gateway",
        (
            Item("providers", "Providers", "server-2", "dashboard.providers", "p"),
            Item("combos", "Combos", "route", "dashboard.combos", "c"),
            Item("keys", "Keys", "key", "dashboard.keys", "k"),
            Item("limits", "Limits", "gauge", "dashboard.limits", "m"),
            Item("aliases", "Aliases", "arrows-exchange", "dashboard.aliases", "n"),
            Item("pricing", "Prices", "coin", "dashboard.pricing", "i"),
        ),
    ),
    (
        "Try",
        (
            # What tries models for real goes above what only tells where a request would go.
            Item("playground", "Playground", "message-2", "dashboard.playground", "t"),
            Item("resolve", "Dry run", "player-play", "dashboard.resolve", "d"),
        ),
    ),
    (
        "Watch",
        (
            Item("usage", "Usage", "chart-bar", "dashboard.usage", "u"),
            Item("logs", "Logs", "list-details", "dashboard.logs", "l"),
            Item("health", "Health", "activity", "dashboard.health", "e"),
        ),
    ),
    (
        "System",
        (
            Item("settings", "Settings", "settings", "dashboard.settings", "s"),
            # What is only read goes below what is set.
            Item("audit", "Audit", "history", "dashboard.audit", "a"),
        ),
    ),
)

Trail = Sequence[tuple[str, str]]  # (label, address) of the pages above this one


def page(
    template: str, *, here: str, title: str, trail: Trail | None = None, status: int = 200, **values: Any
) -> ResponseReturnValue:
    """A whole page inside the shell. Never kept by a cache: it may show what only this session may see.

    `trail` is given by a page that stands more than one level below the navigation: see `above`.
    """
    shown = above(here, title) if trail is None else trail
    return _fresh(render_template(template, here=here, title=title, trail=shown, **values), status)


def above(here: str, title: str = "") -> Trail:
    """The page of the navigation that a page below `here` stands under; nothing above that page itself."""
    found = (item for _, items in NAVIGATION for item in items if item.id == here and item.label != title)
    return tuple((item.label, url_for(item.endpoint)) for item in found)


def part(template: str, status: int = 200, **values: Any) -> ResponseReturnValue:
    """A piece of a page, for htmx to put in its place."""
    return _fresh(render_template(template, **values), status)


def wants_part() -> bool:
    """htmx asked, so only the piece is wanted. Without scripts the same address answers with the whole page."""
    return request.headers.get("HX-Request") == "true"


def go(endpoint: str, **values: Any) -> Response:
    """To another page after a change (303, so that reloading it repeats nothing)."""
    address = url_for(f"dashboard.{endpoint}", **values)
    if not wants_part():
        return redirect(address, 303)
    response = make_response("", 204)
    response.headers["HX-Redirect"] = address
    return response


def refused(error: OperationError) -> None:
    """Say on the next page what an operation refused: one toast for its message and its fields' messages."""
    told = [error.message, *(text for text in error.fields.values() if text not in error.message)]
    flash(" ".join(told), "bad")


def dress(bp: Blueprint, services: Services) -> None:
    """Give all templates of the application the shell's values and words."""

    @bp.app_context_processor
    def shell_values() -> dict[str, Any]:
        return {
            "navigation": NAVIGATION,
            "banners": banners(services),
            "current_alerts": services.alerts.current,
            "theme": theme(services),
            "version": __version__,
        }

    bp.record_once(lambda state: setattr(state.app.jinja_env, "finalize", unseen.shown))
    bp.add_app_template_global(assets.address, "asset")
    for name, word in WORDS.items():
        bp.add_app_template_filter(word, name)


def theme(services: Services) -> str:
    """The colours where a browser has chosen none: "light", "dark" or "auto"."""
    try:
        return str(chosen(services.configuration.current().settings, "theme"))
    except DatabaseAway:  # a page that says so has to come out all the same
        return "auto"


def keys_for_all(services: Services) -> bool:
    """Whether the operator asks everybody for a key, whatever the server was started with."""
    try:
        return always_chosen(services.configuration.current().settings)
    except DatabaseAway:
        return False


def banners(services: Services) -> list[tuple[str, str, str]]:
    """(tone, title, what to do) for each thing that the operator should know on every page."""
    settings, told = services.settings, []
    if settings.require_api_key == "false" and not settings.loopback and not keys_for_all(services):
        told.append(
            (
                "bad",
                "Anyone who reaches this server can spend your credit.",
                f"It listens on {settings.host} and REQUIRE_API_KEY is false. Ask everybody for a key under Settings, "
                "Security, or set REQUIRE_API_KEY=true and start again.",
            )
        )
    if not request.is_secure and not local_name(request.host):
        told.append(
            (
                "warn",
                "This page came over plain http.",
                "Passwords and keys can be read on the way. Put the gateway behind https and set PUBLIC_URL.",
            )
        )
    if services.configuration.stale_since is not None:
        told.append(
            (
                "bad",
                "The database can't be reached.",
                "Requests are still served with the last known configuration; changes can't be saved until it is back.",
            )
        )
    elif services.configuration.not_written:
        told.append(
            (
                "bad",
                "The database takes no writes.",
                "Look whether its disk is full. Requests of keys without limits are served, and their log rows wait; keys with "
                "limits are refused, and changes can't be saved.",
            )
        )
    elif services.board.away_since is not None:
        told.append(
            (
                "warn",
                "Workers can't tell each other how upstreams are doing.",
                "Redis can't be reached. Until it is back each worker goes by what it knows; look at REDIS_URL and the log.",
            )
        )
    return told


def confirmation(
    values: dict[str, Any],
    *,
    title: str,
    back: tuple[str, dict[str, str]],
    here: str = "providers",
    trail: Trail | None = None,
) -> ResponseReturnValue:
    """Ask before something is lost: inside the page's dialog, or as a page of its own without scripts."""
    if wants_part():
        return part("parts/confirm.html", **values)
    return page("confirm.html", here=here, title=title, trail=trail, back=back, **values)


def _fresh(html: str, status: int) -> ResponseReturnValue:
    response = make_response(html, status)
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("HX-Request")
    return response


# Words for values ---------------------------------------------------------------------------


def iso(seconds: float) -> str:
    """Epoch seconds as ISO 8601 in UTC, for <time datetime>."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def utc(seconds: float) -> str:
    """What a reader without scripts sees; scripts turn it into local time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def tokens(count: int | None) -> str:
    """A count of tokens: exact below ten thousand, then in k and M. "–" when it was not told."""
    if count is None:
        return "–"
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size * (1 if size > 1000 else 10):
            return f"{count / size:.1f}".removesuffix(".0") + unit
    return f"{count:,}"


def window(count: int | None) -> str:
    """A context window as its makers write it: 200k, 1M."""
    if count is None:
        return "–"
    if count >= 1_000_000:
        return f"{count / 1_000_000:.2g}M"
    return f"{round(count / 1000)}k" if count >= 1000 else str(count)


def took(milliseconds: float | None) -> str:
    """A duration: 0.8 ms, 430 ms, 2.4 s, 3 min 5 s. "–" when it is not known."""
    if milliseconds is None:
        return "–"
    if milliseconds < 0.05:
        return "0 ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
    if milliseconds < 100_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def price(usd: Decimal | None) -> str:
    """USD per million tokens. "–" when it is not known: unknown is not free."""
    if usd is None:
        return "–"
    return f"${usd:.6f}".rstrip("0").rstrip(".") if usd else "free"


def usd(amount: float | None) -> str:
    """What one request costs: small sums keep two figures that mean something. "–" when it is not known."""
    if amount is None:
        return "–"
    if amount == 0:
        return "free"
    if amount < 0.000_001:
        return "< $0.000001"
    places = 2 if amount >= 0.1 else 1 - math.floor(math.log10(amount))
    return f"${amount:.{places}f}"


def money(micro_dollars: int | None) -> str:
    """Micro-dollars as dollars: cents, and below ten of them two figures that mean something. What is not known is never $0."""
    if not micro_dollars:
        return "unknown" if micro_dollars is None else "$0"
    unit = 10_000 if micro_dollars >= 100_000 else 10 ** max(0, len(str(micro_dollars)) - 2)
    rounded = (micro_dollars + unit // 2) // unit * unit
    if rounded >= 100_000:
        return f"${rounded // 1_000_000:,}.{rounded % 1_000_000 // 10_000:02}"
    return f"$0.{rounded:06}".rstrip("0")


def percent(share: float | None) -> str:
    """0.0213 as 2.1 %; more than nothing is never 0. "–" where there is nothing to share."""
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def asking(address: str, query: Mapping[str, Any], **more: Any) -> str:
    """The address with this query. `url_for` can't be given it: it has an argument `endpoint` of its own."""
    given = {name: value for name, value in {**query, **more}.items() if value}
    return f"{address}?{urlencode(given)}" if given else address


def initials(name: str) -> str:
    """Two letters for the mark beside a provider's name."""
    words = [word for word in name.replace("-", " ").split() if word[:1].isalnum()]
    return ("".join(word[0] for word in words[:2]) if len(words) > 1 else name.strip()[:2]) or "?"


WORDS: dict[str, Callable[..., str]] = {
    "iso": iso,
    "utc": utc,
    "tokens": tokens,
    "window": window,
    "took": took,
    "price": price,
    "usd": usd,
    "money": money,
    "percent": percent,
    "asking": asking,
    "initials": initials,
}
