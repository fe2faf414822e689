"""Who is calling: the credentials of a request, checked, become a `Caller`.

    Authorization: Bearer K | x-api-key: K | x-goog-api-key: K | ?key=K        on every route, one good one is enough

A credential that is present is always checked, also where none is needed. The way of a good key is short (one
SHA-256, one look into memory): it is on the path of every relayed request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import parse_qs

from omniroute.clock import Clock
from omniroute.edge.hosts import is_address, is_named, local_name, named_hosts
from omniroute.edge.origins import from_own_page
from omniroute.errors import Forbidden, RequestError, Unauthorized
from omniroute.preferences.operations import chosen
from omniroute.routing.configuration import ClientKey, Configuration
from omniroute.settings import Settings, is_loopback
from omniroute.state.configuration import ConfigurationStore

# An unknown key makes this worker look again, a flood of them does not: at most every so many seconds, and resting so
# many times as long as the reading took (with 10,000 keys it takes a while).
RE_READ_EVERY = 0.2
RE_READ_REST = 20

# Any of these says that somebody stands between the caller and us, so the peer's address proves nothing.
FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_ENVOY_",
    "HTTP_X_ORIGINAL_",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_VIA",
    "HTTP_CDN_LOOP",
    "HTTP_CF_",
    "HTTP_FLY_",
    "HTTP_TAILSCALE_",
)

# GET /api/resolve has a parameter of its own by this name: the client key to ask for.
KEY_IS_NO_CREDENTIAL = frozenset({"/api/resolve"})

NEED_KEY = Unauthorized.remedy
NEED_KEY_HERE = (
    f"{NEED_KEY} Where only this machine can reach the port, REQUIRE_API_KEY=false serves without keys; "
    "for a container: '-e REQUIRE_API_KEY=false' with '-p 127.0.0.1:20128:20128'."
)
CHOSEN = "the operator chose so on the dashboard (Settings, Security)"
FOREIGN_PAGE = "the request comes from a page of another site"
UNKNOWN_NAME = "it asks by a name that is not in TRUSTED_HOSTS, which a page of anybody may have pointed here"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request to the client endpoints. `name` is the key's, "keyless" without one; `address` the peer's."""

    kind: Literal["keyless", "key"]
    key: ClientKey | None
    name: str
    address: str


class Callers:
    """Reads callers off a WSGI environ. Every method takes the environ and the matched rule, never the path."""

    def __init__(self, settings: Settings, configuration: ConfigurationStore, clock: Clock) -> None:
        self._settings, self._configuration, self._clock = settings, configuration, clock
        self._look_again_at = float("-inf")

    def client(self, environ: Mapping[str, Any], rule: str) -> Caller:
        """The caller of a client endpoint. Raises Unauthorized, or Forbidden for a key that isn't meant for this."""
        given = credentials(environ)
        if given:
            return self._by_key(given, environ, rule, "relay")
        why = self._needs_key(environ)
        if why is None:
            return Caller("keyless", None, "keyless", environ.get("REMOTE_ADDR", ""))
        here = why != CHOSEN and not self._settings.keyless_possible
        raise Unauthorized(f"An API key is needed: {why}.", remedy=NEED_KEY_HERE if here else NEED_KEY)

    def manager(self, environ: Mapping[str, Any], rule: str) -> Caller | None:
        """The holder of a `manage` key; None when no credential came along. Raises like `client`."""
        given = credentials(environ, query=rule not in KEY_IS_NO_CREDENTIAL)
        return self._by_key(given, environ, rule, "manage") if given else None

    def local(self, environ: Mapping[str, Any], rule: str) -> Caller:
        """A caller on this machine, or one with a `manage` key. Raises like `client`."""
        known = self.manager(environ, rule)
        if known is not None:
            return known
        why = _not_from_here(environ)
        if why is not None:
            raise Unauthorized(f"An API key with scope 'manage' is needed: {why}.")
        return Caller("keyless", None, "keyless", environ.get("REMOTE_ADDR", ""))

    def _by_key(self, given: Iterable[str], environ: Mapping[str, Any], rule: str, scope: str) -> Caller:
        digests = [sha256(text.encode("utf-8", "replace")).hexdigest() for text in given]
        key, refusal = self._first_good(digests, self._configuration.current(), rule, scope)
        if key is None and refusal is None:
            key, refusal = self._first_good(digests, self._look_again(), rule, scope)
        if key is None:
            raise refusal or Unauthorized("The API key is not known here.")
        return Caller("key", key, key.name, environ.get("REMOTE_ADDR", ""))

    def _first_good(
        self, digests: Iterable[str], configuration: Configuration, rule: str, scope: str
    ) -> tuple[ClientKey | None, RequestError | None]:
        """The first key that may do this, else why the last known one may not; (None, None) when none is known."""
        refusal = None
        for digest in digests:
            key = configuration.keys.get(digest)
            if key is not None:
                refusal = refusal_of(key, rule, scope, self._clock.now())
                if refusal is None:
                    return key, None
        return None, refusal

    def _look_again(self) -> Configuration:
        """A key made a moment ago on another machine must work at once: re-read, but seldom, and never for long."""
        began = self._clock.tick()
        if began < self._look_again_at:
            return self._configuration.current()
        self._look_again_at = began + RE_READ_EVERY
        found = self._configuration.refresh()
        ended = self._clock.tick()
        self._look_again_at = ended + max(RE_READ_EVERY, RE_READ_REST * (ended - began))
        return found

    def _needs_key(self, environ: Mapping[str, Any]) -> str | None:
        """Why this request can't come without a key; None if it can (api.md, "Who needs a key")."""
        settings = self._settings
        if not settings.keyless_possible:
            return why_always(settings)
        if always_chosen(self._configuration.current().settings):
            return CHOSEN
        if from_own_page(environ) is False:  # also with REQUIRE_API_KEY=false: a foreign page must not spend the owner's credit
            return FOREIGN_PAGE
        if settings.require_api_key == "false":
            # Bound to the world any name is answered, so a stranger's page may have pointed its own at us. Reading there
            # it sends no Origin, and over plain http no Sec-Fetch-Site (W3C Fetch Metadata): it looks like a program.
            return None if self._known(environ.get("HTTP_HOST", "")) else UNKNOWN_NAME
        why = _not_from_here(environ)
        if why is None and _has_body(environ) and not _is_json(environ.get("CONTENT_TYPE", "")):
            return "without one, a body must come with 'Content-Type: application/json'"
        return why

    def _known(self, host: str) -> bool:
        """Whether no stranger can have given us this name: an address, a local one, or one that the operator listed."""
        if local_name(host) or is_address(host):
            return True
        preferences = self._configuration.current().settings
        return is_named(host, (*named_hosts(self._settings), *chosen(preferences, "allowed_hosts")))


def credentials(environ: Mapping[str, Any], *, query: bool = True) -> list[str]:
    """Every credential that the request carries, in no order of trust. An empty one counts as none."""
    found = []
    authorization = environ.get("HTTP_AUTHORIZATION")
    if authorization:
        scheme, _, rest = authorization.partition(" ")
        # Another scheme, or a bare key, is a credential too: it is checked, and usually refused.
        found.append(rest.strip() if scheme.lower() == "bearer" else authorization.strip())
    if "HTTP_X_API_KEY" in environ:
        found.append(environ["HTTP_X_API_KEY"].strip())
    if "HTTP_X_GOOG_API_KEY" in environ:
        found.append(environ["HTTP_X_GOOG_API_KEY"].strip())
    if query and "key=" in environ.get("QUERY_STRING", ""):
        found.extend(parse_qs(environ["QUERY_STRING"]).get("key", ()))
    return [text for text in found if text]


def refusal_of(key: ClientKey, rule: str, scope: str, now: float) -> RequestError | None:
    """Why this known key may not be used for the endpoint `rule`; None if it may. `now` is in epoch seconds."""
    if not key.is_active:
        return Unauthorized("The API key is switched off.")
    if key.expires_at is not None and key.expires_at <= now:
        return Unauthorized("The API key has expired.")
    if scope not in key.scopes:
        return Forbidden(f"The API key doesn't have the scope {scope!r}.")
    if key.allowed_endpoints and not covers(key.allowed_endpoints, rule):
        return Forbidden("The API key isn't allowed to use this endpoint.")
    return None


def covers(allowed: Iterable[str], rule: str) -> bool:
    """Whether a key's list of endpoints takes in `rule`: the path itself, all below it, or a glob.

    "/v1/messages" takes in "/v1/messages/count_tokens": a client that may do the one needs the other.
    """
    return any(rule == entry or rule.startswith(entry.rstrip("/") + "/") or fnmatchcase(rule, entry) for entry in allowed)


def always_chosen(preferences: Mapping[str, Any]) -> bool:
    """Whether the preference asks everybody for a key, whatever the environment says."""
    return bool(chosen(preferences, "require_api_key") == "always")


def why_always(settings: Settings) -> str:
    """Why a server that was started so asks everybody for a key, where it does (`Settings.keyless_possible` is false)."""
    if settings.require_api_key == "true":
        return "REQUIRE_API_KEY is true"
    if not settings.loopback:
        return f"the server listens on {settings.host}, which other machines may reach"
    return "PUBLIC_URL is set" if settings.public_url else "PROXY_HOPS is set"


def _not_from_here(environ: Mapping[str, Any]) -> str | None:
    """Why the request may not come from this very machine; None when everything says that it does."""
    if not is_loopback(environ.get("REMOTE_ADDR", "").removeprefix("::ffff:")):
        return "the request comes from another machine"
    if not local_name(environ.get("HTTP_HOST", "")):
        return "the Host is not localhost, 127.0.0.1 or [::1]"
    if any(name.startswith(FORWARDING) for name in environ):
        return "the request came through a proxy"
    if from_own_page(environ) is False:
        return FOREIGN_PAGE
    return None


def _has_body(environ: Mapping[str, Any]) -> bool:
    return environ.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ


def _is_json(content_type: str) -> bool:
    return re.fullmatch(r"application/([a-z0-9.+-]+\+)?json", content_type.partition(";")[0].strip().lower()) is not None
