"""From the model name in a request to who answers, with the reason. The first rule that matches wins:

`<prefix>/<model>` with a node's prefix or id, then a native provider's id or alias; a bare name by who lists it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from omniroute.errors import BadRequest, FlagOff, Forbidden, ModelNotFound, NoConnection
from omniroute.providers.catalog import Provider
from omniroute.routing.configuration import ClientKey, Configuration, Connection

CC_FLAG = "ENABLE_CC_COMPATIBLE_PROVIDER"
LONG_CONTEXT = "[1m]"
# Where a bare name belongs when nobody has a connection for it: the error then names what to connect.
HOMES: dict[str, str] = {"claude-": "anthropic", "gpt-": "openai", "o1": "openai", "o3": "openai", "gemini-": "gemini"}


@dataclass(frozen=True, slots=True)
class Target:
    """A provider or node, and the model as it is named there."""

    provider: Provider
    model: str

    @property
    def canonical(self) -> str:
        """What the database holds."""
        return f"{self.provider.id}/{self.model}"

    @property
    def shown(self) -> str:
        """What logs and clients see."""
        return f"{self.provider.prefix}/{self.model}"

    def through(self, connection: Connection) -> Target:
        """The same, asked at the connection's own address if it has one."""
        return Target(connection.at(self.provider), self.model) if connection.base_url else self


@dataclass(frozen=True, slots=True)
class Resolution:
    """Targets in the order to try them, and why it is these."""

    targets: tuple[Target, ...]
    reason: str
    long_context: bool = False


def resolve(model: str, configuration: Configuration) -> Resolution:
    """Who answers to `model`. Raises BadRequest, ModelNotFound with the nearest names, NoConnection, or FlagOff."""
    if re.search(r"[\x00-\x1f\x7f]|\.\.", model):
        raise BadRequest("'model' holds control characters or '..'.", param="model")
    name, long_context = (model[: -len(LONG_CONTEXT)], True) if model.endswith(LONG_CONTEXT) else (model, False)
    name = name.strip()
    prefix, slash, rest = name.partition("/")
    if slash and rest and (owner := configuration.prefixes.get(prefix.lower())):
        provider = configuration.providers[owner]
        if provider.cc and not configuration.cc_enabled:
            raise FlagOff(f"'{prefix}' is a Claude Code compatible node, and ENABLE_CC_COMPATIBLE_PROVIDER is not set.", CC_FLAG)
        if not configuration.connections.get(owner):
            raise _no_connection(provider)
        return Resolution((Target(provider, rest),), f"prefix {prefix}", long_context)
    targets = tuple(_listing(name, configuration))
    if targets:
        return Resolution(targets, "listed by " + ", ".join(target.provider.prefix for target in targets), long_context)
    home = next((id for start, id in HOMES.items() if name.startswith(start)), None)
    if home is not None and home in configuration.providers and not slash:
        raise _no_connection(configuration.providers[home])
    near = nearest(name, configuration)
    raise ModelNotFound(
        f"No provider answers to the model '{model[:200]}'." + (f" The nearest: {', '.join(near)}." if near else ""),
        param="model",
    )


def may_ask(key: ClientKey, model: str) -> bool:
    """Whether one of the key's globs covers the model's name as it is asked for; a key without globs may ask all."""
    return not key.allowed_models or any(fnmatchcase(model, pattern) for pattern in key.allowed_models)


def require_allowed(key: ClientKey, model: str) -> None:
    """Raises Forbidden unless the key may ask the model."""
    if not may_ask(key, model):
        raise Forbidden(f"The API key isn't allowed to ask the model '{model[:200]}'.", param="model")


def usable_models(configuration: Configuration) -> Iterable[Target]:
    """Every listed model of every provider or node that has an enabled connection, in blocks by provider."""
    for provider_id, connections in configuration.connections.items():
        provider = configuration.providers.get(provider_id)
        if provider is None or not any(connection.is_active for connection in connections):
            continue
        if provider.cc and not configuration.cc_enabled:
            continue
        for model in listed_models(provider, configuration):
            yield Target(provider, model)


def listed_models(provider: Provider, configuration: Configuration) -> Iterable[str]:
    """The catalogue's models and those added or discovered, without the hidden ones."""
    rows = configuration.models.get(provider.id, ())
    hidden = {row.id for row in rows if row.hidden}
    known = dict.fromkeys([model.id for model in provider.models] + [row.id for row in rows])
    return [model for model in known if model not in hidden]


def nearest(name: str, configuration: Configuration) -> list[str]:
    """At most three names that could have been meant."""
    names = [target.shown for target in usable_models(configuration)]
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    if close:
        return close
    bare = {target.model: target.shown for target in usable_models(configuration)}
    return [bare[each] for each in difflib.get_close_matches(name.rpartition("/")[2], bare, n=3, cutoff=0.5)] or names[:3]


def _listing(name: str, configuration: Configuration) -> Iterable[Target]:
    """Providers with a usable connection that list the bare name, by their best connection's priority."""
    found: list[tuple[int, Target]] = []
    for provider_id, connections in configuration.connections.items():
        provider = configuration.providers.get(provider_id)
        usable = [connection for connection in connections if connection.is_active and not connection.terminal]
        if provider is None or (provider.cc and not configuration.cc_enabled):
            continue
        if usable and name in listed_models(provider, configuration):
            found.append((min(connection.priority for connection in usable), Target(provider, name)))
    return [target for _, target in sorted(found, key=lambda pair: pair[0])]


def _no_connection(provider: Provider) -> NoConnection:
    return NoConnection(
        f"{provider.name} has no connection yet.",
        param="model",
        remedy=f"Dashboard -> Providers -> {provider.name}: add a connection with an API key.",
    )
