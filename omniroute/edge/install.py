"""Put the edge around an application: what all three blueprints share, in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from werkzeug.wrappers import Response

from omniroute.edge import headers, problems
from omniroute.edge.callers import Callers
from omniroute.edge.cookies import FormCookie
from omniroute.edge.forgery import Forgery
from omniroute.edge.gate import Gate
from omniroute.edge.hosts import Hosts, behind_proxies
from omniroute.errors import Problem
from omniroute.services import Services


class Program(Flask):
    """Flask, but for what it does for views that are coroutines: it looks into a function's code anew each time, several times a
    request, and there is none here.
    """

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def _plain_client(problem: Problem, request: Request) -> Response:
    return problems.json_problem(problem)


def install(
    app: Flask,
    services: Services,
    *,
    client_problem: problems.ClientProblem = _plain_client,
    page_problem: problems.PageProblem = problems.bare_page,
) -> None:
    """Call it once, before any blueprint is registered: the gate has to be the first to see a request.

    `client_problem` writes errors on `/v1` in the caller's format, `page_problem` those on pages.
    """
    settings, clock = services.settings, services.clock
    app.secret_key = settings.secret_key
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.session_interface = FormCookie()
    behind_proxies(app, settings.proxy_hops, settings.public_url)
    callers = Callers(settings, services.configuration, clock)
    hosts = Hosts(settings, lambda: services.configuration.current().settings)
    gate = Gate(hosts, callers, services.accounts, Forgery(app, settings.public_url), clock)
    app.before_request(gate.admit)
    app.after_request(headers.apply)
    problems.install(app, clock, client_problem, page_problem)
