"""Cross-site request forgery: a browser must not be made to act with the user's cookie by somebody else's page."""

from __future__ import annotations

from flask import Flask, request
from flask_wtf.csrf import CSRFProtect  # type: ignore[import-untyped]

from omniroute.edge.origins import from_own_page
from omniroute.errors import Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
REMEDY = "Send it from the dashboard itself; a script uses a key with scope 'manage' instead of the cookie."


class Forgery:
    """The two checks, one for forms and one for JSON. The gate calls them by tier; no view can forget one."""

    def __init__(self, app: Flask, public_url: str | None) -> None:
        self._public_url = public_url
        # The gate decides what is checked. Tokens live as long as the form cookie, which is bound to the login: a form
        # that was left open overnight still saves. The Origin check below stands in for Flask-WTF's check of the Referer.
        app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)
        self._tokens = CSRFProtect(app)

    def check_form(self) -> None:
        """A page's form. Raises Forbidden for a foreign page, flask_wtf's CSRFError (400) without its token."""
        if request.method not in SAFE:
            if from_own_page(request.environ, self._public_url) is False:
                raise Forbidden("The form was sent from a page of another site.", remedy=REMEDY)
            self._tokens.protect()

    def check_json(self, *, by_cookie: bool) -> None:
        """A JSON request. With a cookie the browser must say that it comes from our page; without, it may not say
        the contrary. Raises Forbidden."""
        if request.method in SAFE:
            return
        ours = from_own_page(request.environ, self._public_url)
        if ours is False or (by_cookie and ours is None):
            raise Forbidden("A change with the session cookie must carry this server's own Origin.", remedy=REMEDY)
        if by_cookie and not request.is_json and (request.content_length or request.content_type):
            raise Forbidden("A change with the session cookie must have 'Content-Type: application/json'.", remedy=REMEDY)
