"""Response headers: strict for whatever a browser shows, few for what a program reads."""

from __future__ import annotations

from flask import g, request
from flask.wrappers import Response

from omniroute.edge.tiers import Tier

# Nothing inline, nothing from elsewhere. `data:` images: the admin kit's style sheet draws arrows and ticks with them.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

PAGE: dict[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # Not no-referrer: with that, browsers send `Origin: null` with our own forms (rails/rails#28299, seen 2026-11-22).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "X-Frame-Options": "DENY",
}
STRICT_TRANSPORT = "max-age=31536000"
PROGRAMS = frozenset({Tier.CLIENT, Tier.MANAGE, Tier.LOOPBACK})


def apply(response: Response) -> Response:
    """Put on what is missing. A page's own value stays; nobody else writes the first three."""
    seen, headers = g._get_current_object(), response.headers  # once: each look through the proxy costs microseconds
    headers.add("X-Content-Type-Options", "nosniff")
    request_id = seen.get("request_id", "")
    headers.add("X-Request-Id", request_id)
    headers.add("request-id", request_id)  # the name that Anthropic's SDKs read
    if seen.get("tier") not in PROGRAMS:
        for name, value in PAGE.items():
            headers.setdefault(name, value)
        if request.is_secure:
            headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
    if "Cache-Control" not in headers and not _static(response):
        headers.add("Cache-Control", "no-store")
    if response.status_code == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return response


def _static(response: Response) -> bool:
    return request.url_rule is not None and request.url_rule.rule.startswith("/static/") and response.status_code < 400
