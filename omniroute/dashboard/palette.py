"""Everything that can be gone to or done, by name: the list behind Ctrl-K, and the same finds as a page without scripts.

How finds are ranked stands here and, for what is typed into the palette, once more in static/palette.js; a browser test holds
the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from flask import jsonify, request, url_for
from flask.typing import ResponseReturnValue

from omniroute.dashboard.nodes import KINDS
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import SECTIONS
from omniroute.dashboard.shell import NAVIGATION, page
from omniroute.routing.configuration import Configuration
from omniroute.routing.listed import usable_models
from omniroute.services import Services

AT_MOST = 50  # finds that are shown
MODELS = 400  # models that a browser is given at once; the page looks through all of them


@dataclass(frozen=True, slots=True)
class Entry:
    """One find. It leads to `address`, by POST if it changes something at once; or scripts do it, and `script` says what."""

    kind: str
    label: str
    icon: str
    address: str = ""
    hint: str = ""  # shown beside the label
    words: str = ""  # what else it is found by; never shown
    post: bool = False
    script: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do: `endpoint` is below "dashboard.", `part` names the place on its page."""

    label: str
    endpoint: str
    icon: str
    words: str = ""
    part: str | None = None
    post: bool = False

    def entry(self) -> Entry:
        address = url_for(f"dashboard.{self.endpoint}", _anchor=self.part)
        return Entry("Action", self.label, self.icon, address, words=self.words, post=self.post)


ACTIONS = (
    Action("Add Provider", "catalogue", "plus", "connect new upstream"),
    Action("New combo", "combo_add", "plus", "add create fallback"),
    Action("Create key", "key_add", "plus", "add new api token"),
    Action("Add alias", "aliases", "plus", "new name", "put-title"),
    Action("Add budget", "limits", "plus", "new limit quota spend", "budget"),
    Action("Set a price", "pricing", "coin", "cost pricing", "set"),
    Action("Test all connections", "testing", "activity", "check try keys"),
    Action("Reset health", "health_reset_all", "refresh", "cooldown breaker lock forget"),
    Action("Import combos", "combos_import", "download", "upload json"),
    Action("Export combos", "combos_export", "download", "save json"),
    Action("Download backup without keys", "backup_download", "download", "export save configuration", post=True),
    Action("Restore backup", "backup", "refresh", "import upload configuration", "restore-title"),
    Action("Change password", "settings_security", "lock", "security"),
    Action("Sign out", "logout", "logout", "log off leave", post=True),
)
# What scripts do: (label, icon, words, what palette.js calls it).
SCRIPTED = (
    ("Light colours", "sun", "theme bright white day", "theme light"),
    ("Dark colours", "moon", "theme black night", "theme dark"),
    ("Colours as the system", "device-desktop", "theme auto", "theme system"),
    ("Keyboard shortcuts", "terminal-2", "keys help", "shortcuts"),
)
# Pages that stand beside the navigation: (label, endpoint, icon, words).
ASIDE = (
    ("Get started", "start", "player-play", "first steps setup guide"),
    ("Troubleshooting", "troubleshooting", "book-2", "errors causes remedy help"),
)
# What pages of the navigation are found by beside their label.
WORDS = {
    "keys": "api tokens",
    "limits": "budget quota",
    "pricing": "cost pricing",
    "playground": "chat try message",
    "resolve": "route explain",
    "logs": "requests",
    "audit": "changes history",
}


def entries(services: Services) -> Iterator[Entry]:
    """All of them; of equal rank, what stands first here is shown first."""
    configuration = services.configuration.current()
    yield from _pages()
    yield from _actions(services)
    yield from _places(services, configuration)
    for combo in configuration.combos.values():
        address = url_for("dashboard.combo", combo_id=combo.id)
        yield Entry("Combo", combo.name, "route", address, combo.strategy if combo.enabled else "off")
    for key in configuration.keys.values():
        address = url_for("dashboard.key_edit", key_id=key.id)
        yield Entry("Key", key.name, "key", address, "" if key.is_active else "off")
    yield from _connectable(services, configuration)
    for target in usable_models(configuration):
        name = f"{target.provider.prefix or target.provider.id}/{target.model}"
        address = url_for("dashboard.provider", provider_id=target.provider.id, q=target.model, _anchor="models")
        yield Entry("Model", name, "cpu", address)


def _pages() -> Iterator[Entry]:
    for _, items in NAVIGATION:
        for item in items:
            yield Entry("Page", item.label, item.icon, url_for(item.endpoint), words=WORDS.get(item.id, ""))
    yield from (Entry("Page", label, icon, url_for(f"dashboard.{name}"), words=words) for label, name, icon, words in ASIDE)
    for section in SECTIONS[1:]:  # the first is the page of the navigation
        yield Entry("Page", section.label, "settings", url_for(section.endpoint), "Settings")


def _actions(services: Services) -> Iterator[Entry]:
    kinds = [kind for kind in KINDS.values() if not kind.behind_flag or services.settings.enable_cc_compatible_provider]
    nodes = [
        Entry("Action", kind.button, "plus", url_for("dashboard.node_add", slug=kind.slug), words="new provider node relay")
        for kind in kinds
    ]
    first, *others = (action.entry() for action in ACTIONS)
    yield from (first, *nodes, *others)
    yield from (Entry("Action", label, icon, words=words, script=script) for label, icon, words, script in SCRIPTED)


def _places(services: Services, configuration: Configuration) -> Iterator[Entry]:
    """Providers that are set up, nodes that wait for a connection too, and then the connections of all of them."""
    through = []
    for provider in configuration.providers.values():
        rows = configuration.connections.get(provider.id, ())
        if rows or services.catalog.get(provider.id) is None:
            address = url_for("dashboard.provider", provider_id=provider.id)
            yield Entry("Provider", provider.name, "server-2", address, f"{provider.prefix or provider.id}/")
            through += [(provider.name, row) for row in rows]
    for name, row in through:
        yield Entry("Connection", row.name, "plug-connected", url_for("dashboard.connection_edit", connection_id=row.id), name)


def _connectable(services: Services, configuration: Configuration) -> Iterator[Entry]:
    for provider in services.catalog.all():
        if not configuration.connections.get(provider.id):
            address = url_for("dashboard.connect", provider_id=provider.id)
            yield Entry("Action", f"Connect {provider.name}", "plus", address, words="add new provider")


# Ranking ------------------------------------------------------------------------------------


def find(given: Iterable[Entry], wanted: str) -> list[Entry]:
    """Those that `wanted` finds, best first; all of them, as they come, when it is empty."""
    asked = plain(wanted)
    ranked = [(place, entry) for entry in given if (place := rank(entry, asked)) is not None]
    return [entry for _, entry in sorted(ranked, key=lambda each: each[0])]


def rank(entry: Entry, asked: str) -> int | None:
    """0 where the label begins with it, 1 where a word does, 2 where it is inside; 3 where every word is found in all that is
    known of it; 4 where its letters stand in the label in this order, from a word's first one on; None where nothing fits."""
    label = plain(entry.label)
    if label.startswith(asked):
        return 0
    if asked in label:
        return 1 if f" {asked}" in label else 2
    known = plain(f"{entry.kind} {entry.label} {entry.hint} {entry.words}")
    if all(word in known for word in asked.split(" ")):
        return 3
    letters = asked.replace(" ", "")
    in_order = f"(^| ){letters[:1]}" + "".join(f"[^{each}]*{each}" for each in letters[1:])
    return 4 if re.search(in_order, label) else None


def plain(text: str) -> str:
    """Small letters and digits, one space between words."""
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


# Pages --------------------------------------------------------------------------------------


def palette(services: Services) -> ResponseReturnValue:
    """`{"entries": [...], "more": ...}` for the palette, which finds among them by itself; empty members are left out."""
    found = list(entries(services))
    models = (entry for entry in found if entry.kind == "Model")
    given = [*(entry for entry in found if entry.kind != "Model"), *islice(models, MODELS)]
    response = jsonify(entries=[_sent(entry) for entry in given], more=len(found) > len(given))
    response.headers["Cache-Control"] = "no-store"
    return response


def _sent(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value}


def search(services: Services) -> ResponseReturnValue:
    wanted = request.args.get("q", "").strip()[:100]
    found = find(entries(services), wanted)
    return page("search.html", here="search", title="Find", wanted=wanted, found=found[:AT_MOST], total=len(found))


ROUTES = (
    Route("GET", "/dashboard/palette", "palette", palette),
    Route("GET", "/dashboard/search", "search", search),
)
