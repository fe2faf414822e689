"""Signing in and out by JSON, for scripts and other front ends. The dashboard has its own form for the same operations."""

from __future__ import annotations

from typing import Any

from flask import after_this_request, request
from werkzeug.wrappers import Response

from omniroute.edge import current
from omniroute.edge.bodies import LOGIN
from omniroute.edge.cookies import drop_session, put_session, session_token
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services


def login(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    previous = session_token()
    token = services.accounts.login(given["password"], current.address(), request.user_agent.string, previous)

    @after_this_request
    def signed_in(response: Response) -> Response:
        put_session(response, token)
        return response

    return {"success": True}


def logout(services: Services, given: dict[str, Any]) -> None:
    token = session_token()
    if token is not None:
        services.accounts.logout(token, current.address())

    @after_this_request
    def signed_out(response: Response) -> Response:
        drop_session(response)
        return response


def status(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    token = session_token()
    return {
        "authenticated": token is not None and services.accounts.session(token) is not None,
        "setup_required": not services.accounts.has_admin(),
    }


ENDPOINTS = (
    Endpoint("POST", "/api/auth/login", "Sign in; the answer sets the session cookie", login, {"success": bool}, body=LOGIN),
    Endpoint("POST", "/api/auth/logout", "End the session", logout, status=204),
    Endpoint(
        "GET",
        "/api/auth/status",
        "Whether the cookie is of a running session",
        status,
        {"authenticated": bool, "setup_required": bool},
    ),
)
