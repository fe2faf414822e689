"""What the gate found out about this request, for views. Only valid inside a request."""

from __future__ import annotations

from typing import cast

from flask import g, request

from omniroute.edge.callers import Caller
from omniroute.edge.tiers import Tier
from omniroute.security.audit import Actor
from omniroute.security.sessions import SessionView


def request_id() -> str:
    """Ours, never one that the caller sent."""
    return cast(str, g.request_id)


def tier() -> Tier | None:
    """The tier of the matched route; None when no route matched or the gate has not come to it."""
    return cast("Tier | None", g.get("tier"))


def caller() -> Caller:
    """Who sent this client request (`/v1`)."""
    return cast(Caller, g.caller)


def actor() -> Actor:
    """Who does this on `/api` or on a page, for the audit and for what he may hand on."""
    return cast(Actor, g.actor)


def session_view() -> SessionView | None:
    """The dashboard's session; None on `/api` with a key, on public pages and on `/v1`."""
    return cast("SessionView | None", g.get("session_view"))


def address() -> str:
    """The caller's address, read through PROXY_HOPS proxies."""
    return request.remote_addr or ""


def host() -> str:
    """The name by which the caller came, as the header says it."""
    return str(request.environ.get("HTTP_HOST", ""))
