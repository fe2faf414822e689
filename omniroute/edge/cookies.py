"""The two cookies of the dashboard: the login session, and the form cookie that Flask keeps (CSRF token, flashes).

On https both are `__Host-` and Secure, so no sister domain can set them; over plain http they can't be, and carry
another name. `/v1` reads neither, and `/api` never reads the form cookie.
"""

from __future__ import annotations

from hashlib import sha256

from flask import Flask, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.wrappers import Request
from itsdangerous import URLSafeTimedSerializer
from werkzeug.wrappers import Response

from omniroute.security.sessions import LONGEST

LOGIN = "omniroute_session"
FORM = "omniroute_form"
SECURE_NAMES = {LOGIN: "__Host-omniroute", FORM: "__Host-omniroute-form"}

# No view behind these paths ever asks for the form cookie; this spares them the parsing. Rights never hang on it.
WITHOUT_FORMS = ("/v1/", "/v1beta/", "/api/")


def session_token() -> str | None:
    """The login session's token as the browser sent it, not yet looked at."""
    return request.cookies.get(_name(LOGIN)) or None


def put_session(response: Response, token: str) -> None:
    """Sign the browser in, for as long as a session can last; the server may end it before."""
    g.session_token = token
    if "csrf_token" in session:
        session.clear()  # what was agreed with whoever sat here before the login ends with it
    response.set_cookie(
        _name(LOGIN), token, max_age=int(LONGEST), path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )


def drop_session(response: Response) -> None:
    """Sign the browser out."""
    g.session_token = ""
    response.delete_cookie(_name(LOGIN), path="/", secure=request.is_secure, httponly=True, samesite="Lax")


class FormCookie(SecureCookieSessionInterface):
    """Flask's session in a signed cookie that only opens under the login session it was written in.

    So a CSRF token can't be carried from one login to the next, nor planted by somebody who signed in himself.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(WITHOUT_FORMS):
            return None
        return super().open_session(app, request)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        token = g.get("session_token")
        if token is None:
            token = session_token() or ""
        return URLSafeTimedSerializer(
            app.secret_key or b"",
            salt=f"omniroute form cookie {sha256(token.encode('utf-8', 'replace')).hexdigest()}",
            serializer=self.serializer,
            signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
        )

    def get_cookie_name(self, app: Flask) -> str:
        return _name(FORM)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_samesite(self, app: Flask) -> str:
        return "Lax"

    def get_cookie_path(self, app: Flask) -> str:
        return "/"

    def get_cookie_domain(self, app: Flask) -> None:
        return None


def _name(plain: str) -> str:
    return SECURE_NAMES[plain] if request.is_secure else plain
