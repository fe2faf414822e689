"""Add Provider: the native ones with a search, and the ways to add a node of one's own."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.dashboard.nodes import KINDS
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page, part, wants_part
from omniroute.providers.values import Provider
from omniroute.services import Services


def catalogue(services: Services) -> ResponseReturnValue:
    wanted = request.args.get("q", "").strip()
    found = [provider for provider in services.catalog.all() if matches(provider, wanted)]
    having = {row.provider_id for row in services.connections.list()}
    if wants_part():
        return part("parts/catalogue.html", found=found, wanted=wanted, having=having)
    shown = [kind for kind in KINDS.values() if not kind.behind_flag or services.settings.enable_cc_compatible_provider]
    return page("catalogue.html", here="providers", title="Add Provider", kinds=shown, found=found, wanted=wanted, having=having)


def matches(provider: Provider, wanted: str) -> bool:
    """Each word stands somewhere in its names, its notes or one of its models."""
    models = " ".join(f"{model.id} {model.name}" for model in provider.models)
    text = f"{provider.id} {provider.name} {provider.prefix} {' '.join(provider.aliases)} {provider.notes} {models}".lower()
    return all(word in text for word in wanted.lower().split())


ROUTES = (Route("GET", "/dashboard/providers/add", "catalogue", catalogue),)
