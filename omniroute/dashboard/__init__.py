"""The pages. Each file is one page with its forms and its `ROUTES`; it parses, calls one operation and renders."""

from __future__ import annotations

from functools import partial

from flask import Blueprint

from omniroute.dashboard import (
    aliases,
    assets,
    audit,
    backup,
    bulk,
    catalogue,
    combo,
    combos,
    connections,
    health,
    home,
    installed,
    keys,
    limits,
    live,
    log,
    login,
    logs,
    models,
    nodes,
    palette,
    playground,
    pricing,
    provider,
    providers,
    resolve,
    settings,
    settings_about,
    settings_features,
    settings_logs,
    settings_routing,
    settings_security,
    setup,
    start,
    tail,
    testing,
    troubleshooting,
    undo,
    usage,
)
from omniroute.dashboard.first_steps import standing
from omniroute.dashboard.problems import page_problem
from omniroute.dashboard.routes import bind
from omniroute.dashboard.shell import dress
from omniroute.services import Services

__all__ = ["blueprint", "page_problem"]

PAGES = (
    assets,
    installed,
    setup,
    start,
    login,
    home,
    live,
    palette,
    providers,
    catalogue,
    nodes,
    connections,
    provider,
    testing,
    bulk,
    models,
    combos,
    combo,
    aliases,
    playground,
    pricing,
    keys,
    limits,
    usage,
    logs,
    tail,
    log,
    health,
    troubleshooting,
    resolve,
    settings,
    settings_security,
    settings_routing,
    settings_logs,
    settings_features,
    backup,
    settings_about,
    audit,
    undo,
)


def blueprint(services: Services) -> Blueprint:
    """Everything that a browser is shown, below "/" , "/dashboard" and "/static"."""
    bp = Blueprint("dashboard", __name__)
    dress(bp, services)
    bp.add_app_template_global(settings.sections, "settings_sections")
    bp.add_app_template_global(partial(standing, services), "first_steps")
    for page in PAGES:
        bind(bp, page.ROUTES, services)
    return bp
