"""Errors as pages: what happened, what to do, the request's id, and a way back."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, make_response, render_template

from omniroute.dashboard.shell import wants_part
from omniroute.edge.current import session_view
from omniroute.errors import Problem

TITLES = {
    400: "That can't be done",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not this way",
    409: "In the way of another",
    429: "Too often",
}


def page_problem(problem: Problem) -> Response:
    """For `edge.install`: the answer of any page that raised."""
    title = TITLES.get(problem.status, "Something went wrong" if problem.status >= 500 else TITLES[400])
    if problem.kind == "not_found":  # its remedy speaks of the API
        problem = replace(problem, remedy="The address is mistyped, or what stood here has been deleted.")
    template = "parts/problem.html" if wants_part() else "problem.html"
    html = render_template(template, here="", title=title, trail=(), problem=problem, signed_in=session_view() is not None)
    response = make_response(html, problem.status)
    response.headers["Cache-Control"] = "no-store"
    return response
