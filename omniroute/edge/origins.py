"""Whether a browser says that the request comes from a page of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def from_own_page(environ: Mapping[str, Any], public_url: str | None = None) -> bool | None:
    """True: from a page of ours or typed by the user. False: from somebody else's page. None: no browser speaks.

    `Sec-Fetch-Site` is set by the browser and can't be set by a page's script; it is believed first, which also
    holds behind a proxy that ends TLS. `Origin` is on every POST, PUT, PATCH and DELETE of a browser.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site in ("same-origin", "none"):
        return True
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        own = f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', '')}"
        return origin.lower() in (own.lower(), (public_url or own).lower())
    return None if site is None else False
