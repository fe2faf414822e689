"""The first page: what to do next while something is missing, what is going on, the lines to paste and the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.connections.operations import ConnectionView
from omniroute.dashboard.live import scene_of, shown
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import keys_for_all, page
from omniroute.dashboard.snippets import KEY_PLACE, Place, known_model, snippets
from omniroute.edge.hosts import local_name
from omniroute.formats import FORMATS
from omniroute.routing.configuration import Configuration
from omniroute.services import Services
from omniroute.settings import Settings

OFFERED = 60  # models of one provider in the choice: a list of thousands helps nobody


@dataclass(frozen=True, slots=True)
class Connected:
    """One provider or node with its connections, as Home and the provider list show it."""

    provider_id: str
    name: str
    prefix: str
    connections: tuple[ConnectionView, ...]

    @property
    def status(self) -> str:
        """The best of its connections: one that works is enough to be answered."""
        states = [row.test_status for row in self.connections if row.is_active]
        if not states:
            return "off" if self.connections else "empty"
        return next(state for state in ("active", "untested", "error", "banned") if state in states)

    @property
    def reason(self) -> str | None:
        """Why the best is not better."""
        return next((row.status_reason for row in self.connections if row.is_active and row.test_status == self.status), None)


def home(services: Services) -> ResponseReturnValue:
    configuration = services.configuration.current()
    connected = by_provider(services.connections.list())
    models = offered(configuration)
    chosen = request.args.get("model", "")
    model = chosen if chosen in models else (models[0] if models else "")
    keys = services.keys.list()
    key = None if keyless_here(services.settings) and not keys_for_all(services) else KEY_PLACE
    place = Place(root_url(services.settings), model, key, known_model(configuration, model))
    answered = bool(connected and services.logs.page(limit=1).rows)
    return page(
        "home.html",
        here="home",
        title="Home",
        root=place.root,
        connected=connected,
        models=models,
        model=model,
        snippets=snippets(place, speaks(configuration, model)),
        keyless=place.key is None,
        keys=keys,
        answered=answered,
        **shown(scene_of(services, services.pulse.current())),
    )


def by_provider(rows: Sequence[ConnectionView]) -> tuple[Connected, ...]:
    """Connections under their provider, in the order in which the providers first appear."""
    found: dict[str, list[ConnectionView]] = {}
    for row in rows:
        found.setdefault(row.provider_id, []).append(row)
    return tuple(Connected(id, mine[0].provider_name, mine[0].prefix, tuple(mine)) for id, mine in found.items())


def offered(configuration: Configuration) -> tuple[str, ...]:
    """The names that a client can really send now: `prefix/model` of every provider with a connection in use.

    Providers that are known to work come first.
    """
    names: list[str] = []
    used = {id: [row for row in rows if row.is_active] for id, rows in configuration.connections.items()}
    for provider_id, rows in sorted(used.items(), key=lambda entry: all(row.test_status != "active" for row in entry[1])):
        provider = configuration.providers.get(provider_id)
        if provider is None or not rows:
            continue
        listed = configuration.models.get(provider_id, ())
        hidden = {row.id for row in listed if row.hidden}
        ids = [model.id for model in provider.models] + [row.id for row in listed]
        shown = [id for id in dict.fromkeys(ids) if id not in hidden]
        names += [f"{provider.prefix or provider.id}/{id}" for id in shown[:OFFERED]]
    return tuple(names)


def speaks(configuration: Configuration, model: str) -> frozenset[str]:
    """The formats in which `model` can be asked: every one that this gateway serves, if it can reach that upstream."""
    provider = configuration.providers.get(configuration.prefixes.get(model.partition("/")[0].lower(), ""))
    return frozenset(FORMATS) if provider is not None and provider.format in FORMATS else frozenset()


def root_url(settings: Settings) -> str:
    """The gateway's address as this browser reached it, or as the operator named it; no trailing slash."""
    return settings.public_url or request.host_url.rstrip("/")


def keyless_here(settings: Settings) -> bool:
    """Whether a program on the reader's own machine may send the lines without a key."""
    return settings.keyless_possible and (settings.require_api_key == "false" or local_name(request.host))


ROUTES = (Route("GET", "/", "home", home),)
