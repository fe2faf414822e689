"""The one before_request of the program: request id, Host, then the tier of the matched route."""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import Request, Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from omniroute.accounts.operations import Accounts
from omniroute.backup.operations import LARGEST
from omniroute.clock import Clock
from omniroute.edge import cookies
from omniroute.edge.callers import Callers
from omniroute.edge.forgery import SAFE, Forgery
from omniroute.edge.hosts import Hosts
from omniroute.edge.tiers import Tier, tier_of
from omniroute.errors import Forbidden, Unauthorized
from omniroute.logs import begin_request
from omniroute.security.audit import Actor

SMALL_BODY = 2 * 1024 * 1024  # bytes of a form or a management request; the client endpoints have MAX_BODY_MB
# What may be larger, in bytes: the Playground's forms bring images, also as texts of the form; a backup holds every key.
LARGE_BODY = {
    **dict.fromkeys(("/dashboard/playground", "/dashboard/playground/ask"), 24 * 1024 * 1024),
    **dict.fromkeys(
        ("/api/settings/import", "/dashboard/settings/backup/preview", "/dashboard/settings/backup/restore"),
        LARGEST + 1024 * 1024,
    ),
}
LOGIN_PAGE = "/login"


class Gate:
    """Lets a request in or raises RequestError; what it learned is in `omniroute.edge.current`."""

    def __init__(self, hosts: Hosts, callers: Callers, accounts: Accounts, forgery: Forgery, clock: Clock) -> None:
        self._hosts, self._callers, self._accounts, self._forgery, self._clock = hosts, callers, accounts, forgery, clock
        self._checks = {
            Tier.PUBLIC: self._public,
            Tier.MANAGE: self._manage,
            Tier.PAGE: self._page,
            Tier.SETUP: self._setup,
            Tier.LOOPBACK: self._local,
        }

    def admit(self) -> AnyResponse | None:
        """For `app.before_request`. A path without a route goes on to Flask's own 404 or 405."""
        here: Request = request._get_current_object()  # type: ignore[attr-defined]  # once: the proxy costs microseconds
        g.request_id = self._clock.new_id()
        begin_request(g.request_id)
        matched = here.url_rule
        self._hosts.check(here.environ.get("HTTP_HOST", ""), None if matched is None else matched.rule)
        if matched is None:
            if not here.path.startswith(("/v1", "/api/")):
                self._signed_in()  # the page that says so then keeps its navigation
            return None
        rule = matched.rule
        tier = tier_of(rule, matched.methods)
        if tier is None:
            raise Forbidden("This route is in no tier, so nobody may use it.", remedy="Add the route to omniroute/edge/tiers.py.")
        g.tier = tier
        if tier is Tier.CLIENT:
            g.caller = self._callers.client(here.environ, rule)
            return None
        return self._checks[tier](rule)

    def _local(self, rule: str) -> None:
        g.caller = self._callers.local(request.environ, rule)

    def _public(self, rule: str) -> None:
        request.max_content_length = SMALL_BODY
        if rule.startswith("/api/"):
            self._forgery.check_json(by_cookie=False)
        else:
            self._forgery.check_form()

    def _manage(self, rule: str) -> None:
        request.max_content_length = LARGE_BODY.get(rule, SMALL_BODY)
        caller = self._callers.manager(request.environ, rule)
        if caller is not None and caller.key is not None:
            key = caller.key
            g.actor = Actor(
                "key",
                key.name,
                caller.address,
                key.scopes,
                endpoints=tuple(key.allowed_endpoints),
                models=tuple(key.allowed_models),
                until=key.expires_at,
            )
            return
        if not self._signed_in():
            raise Unauthorized("This needs a dashboard session or a key with the scope 'manage'.", remedy=MANAGE_REMEDY)
        self._forgery.check_json(by_cookie=True)

    def _page(self, rule: str) -> AnyResponse | None:
        request.max_content_length = SMALL_BODY
        if not self._signed_in():
            return self._to_login()
        if rule in LARGE_BODY:
            request.max_content_length = request.max_form_memory_size = LARGE_BODY[rule]
        self._forgery.check_form()
        return None

    def _setup(self, rule: str) -> AnyResponse | None:
        request.max_content_length = SMALL_BODY
        if self._accounts.has_admin():
            return redirect(f"{LOGIN_PAGE}?setup=done", 303)
        self._forgery.check_form()
        return None

    def _signed_in(self) -> bool:
        token = cookies.session_token()
        view = self._accounts.session(token) if token else None
        if view is None:
            return False
        g.session_view = view
        g.actor = Actor("admin", "admin", request.remote_addr)
        return True

    def _to_login(self) -> AnyResponse:
        """Back to where the browser wanted to go afterwards, if that was only looking."""
        wanted = request.full_path.rstrip("?") if request.method in SAFE else "/"
        target = LOGIN_PAGE if wanted == "/" else f"{LOGIN_PAGE}?next={quote(wanted, safe='/')}"
        if "HX-Request" in request.headers:  # htmx would follow a redirect by itself and put the login form into the page
            return Response("", 401, {"HX-Redirect": LOGIN_PAGE})
        return redirect(target, 303)


MANAGE_REMEDY = (
    "Sign in, or make a key with the scope 'manage' on the dashboard's Keys page and send it as 'Authorization: Bearer <key>'."
)


def local_path(text: str | None) -> str:
    """`text` if it is a path on this server, else "/": for the `next` of the login page, so it can't lead elsewhere."""
    if text and re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", text):
        return text
    return "/"
