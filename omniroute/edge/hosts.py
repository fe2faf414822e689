"""Which names this server answers to: a Host that isn't ours is refused before anything else is looked at.

A page of a stranger can point its own name at 127.0.0.1 (DNS rebinding) and then read what "its" server answers.
It can't change the Host header, so the list below ends that.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from omniroute.errors import BadRequest, Invalid
from omniroute.preferences.operations import chosen
from omniroute.settings import Settings

Preferences = Callable[[], Mapping[str, Any]]  # those in force, as they stand in `Configuration.settings`

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::([0-9]{1,5}))?")

# Probes of load balancers and orchestrators come by address, and these two tell nothing.
ANY_HOST = frozenset({"/healthz", "/readyz"})


class Hosts:
    """The names of `TRUSTED_HOSTS`; without the setting, those of a loopback bind or of `PUBLIC_URL`. Beside them those of
    the preference `allowed_hosts`, which is looked at only for a name that is none of these.
    """

    def __init__(self, settings: Settings, preferences: Preferences = dict) -> None:
        self._settings, self._preferences = settings, preferences
        self._trusted = lru_cache(maxsize=512)(self._is_trusted)
        self.named = named_hosts(settings)

    def check(self, host: str, rule: str | None) -> None:
        """Raises BadRequest when `host` (the header's text) isn't a name of this server.

        `rule` is the matched rule, None if none matched. Bound to the world with neither setting, every well-formed
        name is answered: a fresh deployment doesn't know its own name yet, and no right hangs on the Host there.
        """
        if self._trusted(host) or rule in ANY_HOST or is_named(host, chosen(self._preferences(), "allowed_hosts")):
            return
        raise BadRequest(
            f"This server doesn't answer to the host name {host[:80]!r}.",
            remedy="Use the address that the server printed at its start, or add the name on the dashboard "
            "(Settings, Security) or to TRUSTED_HOSTS.",
        )

    def need_way(self, host: str, given: Mapping[str, Any]) -> None:
        """Before preferences are changed to `given`, by a request that came by `host`: raises Invalid when that name would not
        be answered any more. Who comes by another name may take it out.
        """
        entries = given.get("allowed_hosts")
        if not isinstance(entries, list | tuple) or self._trusted(host):
            return
        if not is_named(host, [entry.strip().lower() for entry in entries if isinstance(entry, str)]):
            told = (
                f"You came here by {host[:80]}, and nothing else in the list covers that name: without it you would be locked "
                "out. Come by another name to take it out."
            )
            raise Invalid(told, {"allowed_hosts": told})

    def way_kept(self, host: str) -> Callable[[Mapping[str, Any]], None]:
        """The same for all settings as a restore would leave them: to be asked before it is done."""
        return lambda settings: self.need_way(host, {"allowed_hosts": chosen(settings, "allowed_hosts")})

    def _is_trusted(self, host: str) -> bool:
        matched = HOST.fullmatch(host.lower())
        if matched is None:
            return False
        if self._settings.loopback and matched[1] in LOCAL_NAMES:
            return True
        if self.named:
            return is_named(host, self.named)
        return not self._settings.loopback


def named_hosts(settings: Settings) -> tuple[str, ...]:
    """The names that the environment gives: those of TRUSTED_HOSTS, else the one in PUBLIC_URL, else none."""
    if settings.trusted_hosts or not settings.public_url:
        return settings.trusted_hosts
    name = urlsplit(settings.public_url).hostname or ""
    return (f"[{name}]" if ":" in name else name,)  # of an IPv6 address it drops the brackets, which a Host has


def local_name(host: str) -> bool:
    """`host` is localhost, 127.0.0.1 or [::1], with any port."""
    matched = HOST.fullmatch(host.lower())
    return matched is not None and matched[1] in LOCAL_NAMES


def is_address(host: str) -> bool:
    """`host` is an address and no name, with any port: nobody can point one elsewhere."""
    matched = HOST.fullmatch(host.lower())
    if matched is None:
        return False
    try:
        ipaddress.ip_address(matched[1].strip("[]"))
    except ValueError:
        return False
    return True


def behind_proxies(app: Flask, hops: int, public_url: str | None = None) -> None:
    """Believe exactly `hops` proxies about the caller's address and scheme; with 0 believe nobody.

    `X-Forwarded-Host` is never believed: routers such as Heroku's set -For, -Proto and -Port, so a -Host would be the
    client's own words. A proxy in front keeps `Host` as it came.
    """
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0, x_prefix=0)  # type: ignore[method-assign]
    if public_url is not None and public_url.startswith("https:"):
        app.wsgi_app = Published(app.wsgi_app, urlsplit(public_url).netloc)  # type: ignore[method-assign]


class Published:
    """WSGI: what is asked for by the name of an https PUBLIC_URL came over https, whoever ended it on the way.

    Cookies are then Secure also behind a tunnel that PROXY_HOPS doesn't count. Who only claims the name gains nothing.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], host: str) -> None:
        self._app, self._host = app, host.lower()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", "").lower() == self._host:
            environ["wsgi.url_scheme"] = "https"
        return self._app(environ, start_response)


def is_named(host: str, entries: Iterable[str]) -> bool:
    """Whether the header's text is one of these names."""
    matched = HOST.fullmatch(host.lower())
    return matched is not None and any(_covers(entry, host.lower(), matched[1]) for entry in entries)


def _covers(entry: str, host: str, name: str) -> bool:
    """`.example.com` covers the name and all below it; an entry with a port wants that port."""
    if entry.startswith("."):
        return name == entry[1:] or name.endswith(entry)
    return entry in (name, host)
