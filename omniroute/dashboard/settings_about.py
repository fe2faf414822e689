"""Settings, About: versions, how the stores and processes are, a text for a bug report, the manual, whose work this stands on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import abort, url_for
from flask.typing import ResponseReturnValue

from omniroute.about import AboutView, Store, about
from omniroute.dashboard.assets import FOLDER
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page, size_of
from omniroute.dashboard.settings_features import Started, started_with
from omniroute.dashboard.settings_manual import Block, blocks
from omniroute.dashboard.shell import page
from omniroute.services import Services
from omniroute.settings import Settings

ROOT = FOLDER.parent
VENDOR = FOLDER / "vendor"
LITTLE = 1_000_000_000  # bytes: below that the disk is nearly full

# What tells where somebody's server stands, or whose it is: a report says only whether these are set.
UNTOLD = frozenset(
    (
        *("HOST", "PORT", "TRUSTED_HOSTS", "PUBLIC_URL", "DATA_DIR", "ALLOW_PRIVATE_UPSTREAMS", "PROVIDER_BASE_URLS"),
        *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME"),
    )
)


@dataclass(frozen=True, slots=True)
class Document:
    """A text that comes with the program. `name` is its last part of the address."""

    name: str
    label: str
    path: Path


MANUAL = (
    Document("readme", "Read me first", ROOT / "README.md"),
    Document("settings", "Every setting", ROOT / "docs" / "settings.md"),
    Document("dashboard", "The dashboard", ROOT / "docs" / "dashboard.md"),
    Document("clients", "Clients", ROOT / "docs" / "clients.md"),
    Document("providers", "Providers", ROOT / "docs" / "providers.md"),
    Document("routing", "Routing", ROOT / "docs" / "routing.md"),
    Document("money", "What is counted, and what it costs", ROOT / "docs" / "money.md"),
    Document("operations", "Running it", ROOT / "docs" / "operations.md"),
    Document("observing", "Watching it", ROOT / "docs" / "observing.md"),
    Document("api", "The HTTP interface", ROOT / "docs" / "api.md"),
    Document("changelog", "What changed", ROOT / "CHANGELOG.md"),
)
LICENCE = Document("licence", "MIT License", ROOT / "LICENSE")


@dataclass(frozen=True, slots=True)
class Vendored:
    """A part of these pages that others made. `licence` is None where its licence does not come with it."""

    name: str
    version: str
    package: str
    licence: Document | None


@cache
def vendored() -> tuple[Vendored, ...]:
    """As static/vendor/vendor.json lists them."""
    found: dict[str, Vendored] = {}
    for file in json.loads((VENDOR / "vendor.json").read_text())["files"]:
        known = found.get(file["name"])
        path = VENDOR / file["file"]
        licence = Document(f"licence-{file['name']}", file["name"], path) if path.stem == "LICENSE" else None
        found[file["name"]] = Vendored(
            file["name"], file["version"], file["package"], licence or (known.licence if known is not None else None)
        )
    return tuple(found.values())


def documents() -> dict[str, Document]:
    """By name."""
    others = [each.licence for each in vendored() if each.licence is not None]
    return {each.name: each for each in (*MANUAL, LICENCE, *others)}


def shown(services: Services) -> ResponseReturnValue:
    view = about(services)
    return section_page(
        "settings_about.html",
        "about",
        about=view,
        uptime=_long(view.uptime_s),
        size=size_of(view.database.size),
        free=size_of(view.disk.free),
        total=size_of(view.disk.total),
        little=view.disk.free is not None and view.disk.free < LITTLE,
        report=report(view, services.settings),
        manual=MANUAL,
        licence=LICENCE,
        vendored=vendored(),
    )


def document(services: Services, name: str) -> ResponseReturnValue:
    """A page of the manual, or a licence as it stands."""
    found = documents().get(name)
    if found is None or not found.path.is_file():
        abort(404)
    text = found.path.read_text()
    trail = (("Settings", url_for("dashboard.settings")), ("About", url_for("dashboard.settings_about")))
    shown = blocks(text, _leads) if found.path.suffix == ".md" else (Block("code", code=text),)
    return page("settings_document.html", here="settings", section="about", title=found.label, trail=trail, blocks=shown)


def _leads(address: str) -> str | None:
    """A page of the manual by its file's name, an address elsewhere as it is, anything else nowhere."""
    if address.startswith(("https://", "http://")):
        return address
    file = address.partition("#")[0].rpartition("/")[2]
    name = next((each.name for each in MANUAL if each.path.name == file), None)
    return None if name is None else url_for("dashboard.settings_document", name=name)


def report(view: AboutView, settings: Settings) -> str:
    """For a bug report: plain text without secrets, and without what tells whose server this is."""
    rows = [row for _, group in started_with(settings) for row in group if not row.usual]
    lines = (
        f"OmniRoute {view.version}, schema {view.schema.database or 'not known'} of {view.schema.program}",
        f"Python {view.python} on {view.platform}",
        f"Database: {_store(view.database)}",
        f"Redis: {'not used' if view.redis is None else _store(view.redis)}",
        f"Workers: {view.workers} of {view.workers_wanted}, up {_long(view.uptime_s)}",
        f"Disk: {size_of(view.disk.free)} free of {size_of(view.disk.total)}",
        "Settings: " + (", ".join(map(_setting, rows)) or "as usual"),
        "Libraries: " + ", ".join(f"{name} {version}" for name, version in view.libraries.items()),
    )
    return "\n".join(lines)


def _setting(row: Started) -> str:
    return f"{row.name} is set" if row.secret or row.name in UNTOLD else f"{row.name}={row.value}"


def _store(store: Store) -> str:
    if not store.reachable:
        return "away"
    return ", ".join(part for part in (store.server or "answers", f"{store.latency_ms} ms") if part)


def _long(seconds: float) -> str:
    """3 days 4 h, 4 h 12 min, 12 min, 40 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} day{'' if days == 1 else 's'} {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"


ROUTES = (
    Route("GET", "/dashboard/settings/about", "settings_about", shown),
    Route("GET", "/dashboard/settings/about/<name>", "settings_document", document),
)
