"""The dashboard as an app on a desktop or a phone: the manifest, the page for when the gateway is away, the service worker.

The worker keeps that one page with its files and nothing else: no page with data, and nothing of `/v1` or `/api`.
"""

from __future__ import annotations

from hashlib import sha256

from flask import Response, make_response, render_template, url_for
from flask.typing import ResponseReturnValue

from omniroute.dashboard import assets
from omniroute.dashboard.routes import Route
from omniroute.services import Services

# What the page for when the gateway is away is drawn with: all that templates/base.html names.
FILES = (
    "theme.js",
    "app.js",
    "installed.js",
    "app.css",
    "logo.svg",
    "vendor/tabler-1.6.1/tabler.min.css",
    "vendor/htmx-2.0.11/htmx.min.js",
    "vendor/tabler-icons-3.51.0/sprite.svg",
)
FONT = "vendor/inter-5.3.0/inter-latin.woff2"  # named without its hash, in the style sheet and by its preload
COLOUR, GROUND = "#4353d8", "#f7f8fa"  # --brand and --ground of app.css, by day
ICONS = (
    ("icons/icon-192.png", "192x192", "any"),
    ("icons/icon-512.png", "512x512", "any"),
    ("icons/maskable-512.png", "512x512", "maskable"),
)
# Long presses and right clicks on the app's icon: (name, endpoint).
SHORTCUTS = (("Logs", "dashboard.logs"), ("Usage", "dashboard.usage"), ("Providers", "dashboard.providers"))


def manifest(services: Services) -> Response:
    response = make_response(
        {
            "id": "/",
            "name": "OmniRoute",
            "short_name": "OmniRoute",
            "description": "The dashboard of this LLM gateway.",
            "lang": "en",
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "theme_color": COLOUR,
            "background_color": GROUND,
            "icons": [
                {"src": assets.address(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
                for name, sizes, purpose in ICONS
            ],
            "shortcuts": [{"name": name, "url": url_for(endpoint)} for name, endpoint in SHORTCUTS],
        }
    )
    response.content_type = "application/manifest+json"
    response.headers["Cache-Control"] = "no-cache"
    return response


def offline(services: Services) -> ResponseReturnValue:
    """What the service worker shows in place of a page that can't be had. It tells nothing about this gateway."""
    response = make_response(render_template("offline.html", title="The gateway can't be reached"))
    response.headers["Cache-Control"] = "no-cache"
    return response


def service_worker(services: Services) -> ResponseReturnValue:
    """A changed file has another address, so this text changes with it, and browsers then install the new one."""
    kept = [url_for("dashboard.offline"), *map(assets.address, FILES), url_for("dashboard.asset", filename=FONT)]
    version = sha256("\n".join(kept).encode()).hexdigest()[:12]
    response = make_response(render_template("service_worker.js", kept=kept, version=version))
    response.content_type = "text/javascript; charset=utf-8"
    response.headers["Cache-Control"] = "no-cache"
    return response


ROUTES = (
    Route("GET", "/manifest.webmanifest", "manifest", manifest),
    Route("GET", "/offline", "offline", offline),
    Route("GET", "/service-worker.js", "service_worker", service_worker),
)
