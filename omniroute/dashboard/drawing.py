"""Drawing a page's parts once its request is over: what a stream sends at its end, on a thread of its own where it is much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app, request

from omniroute.dashboard.assets import FOLDER, load

Draw = Callable[..., str]  # of a template's name, and what it is given by name


def drawer() -> Draw:
    """To be made within the request. Templates that it draws import their macros "with context": neither the request nor the
    application is there to ask for addresses.
    """
    environment, links = current_app.jinja_env, current_app.create_url_adapter(request)
    assert links is not None  # it is only without a request

    def url_for(endpoint: str, **values: Any) -> str:
        return links.build(endpoint, values)

    def asset(filename: str) -> str:
        return links.build("dashboard.asset", {"filename": filename, "v": load(FOLDER)[filename].digest})

    def draw(template: str, **values: Any) -> str:
        return environment.get_template(template).render(values, url_for=url_for, asset=asset)

    return draw
