"""How a page says which addresses it answers: a literal tuple of `Route` at the end of its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper

from flask import Blueprint
from flask.typing import ResponseReturnValue

from omniroute.services import Services

View = Callable[..., ResponseReturnValue]


@dataclass(frozen=True, slots=True)
class Route:
    """`view` takes the services first, then what `rule` captures. `name` is the endpoint below "dashboard."."""

    methods: str  # "GET", "POST" or "GET POST"
    rule: str
    name: str
    view: View


def bind(bp: Blueprint, routes: tuple[Route, ...], services: Services) -> None:
    for route in routes:
        view = update_wrapper(partial(route.view, services), route.view)  # Flask-WTF reads a view's name and module
        bp.add_url_rule(route.rule, endpoint=route.name, view_func=view, methods=route.methods.split())
