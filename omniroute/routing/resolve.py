"""From the model name in a request to who answers, with the reason. The first rule that matches wins:

1. a combo's name, or `combo/<name>`;
2. `auto`, `auto/fast`, `auto/cheap`: everything that is usable;
3. an alias of the user's: an exact one, then globs by priority;
4. `<prefix>/<model>` with a node's prefix or id, then a native provider's id or alias;
5. a bare name, by who lists it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from omniroute.errors import BadRequest, FlagOff, Forbidden, ModelNotFound, NoConnection
from omniroute.providers.catalog import Provider
from omniroute.routing.combos import AUTO, automatic, combo_route
from omniroute.routing.configuration import ClientKey, Combo, Configuration
from omniroute.routing.listed import listed_models, usable_models
from omniroute.routing.route import Route, Target, plain

CC_FLAG = "ENABLE_CC_COMPATIBLE_PROVIDER"
LONG_CONTEXT = "[1m]"
COMBO = "combo/"
MOST_ALIASES = 5  # an alias may lead to an alias, but not round in circles
# Where a bare name belongs when nobody has a connection for it: the error then names what to connect.
HOMES: dict[str, str] = {"claude-": "anthropic", "gpt-": "openai", "o1": "openai", "o3": "openai", "gemini-": "gemini"}


@dataclass(frozen=True, slots=True)
class Resolution:
    """Where the request may go, and why there. `name` is what was resolved in the end, after aliases."""

    route: Route
    reason: str
    long_context: bool = False
    name: str = ""

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(self.route.targets())


def resolve(model: str, configuration: Configuration) -> Resolution:
    """Who answers to `model`. Raises BadRequest, ModelNotFound with the nearest names, NoConnection, or FlagOff."""
    if re.search(r"[\x00-\x1f\x7f]|\.\.", model):
        raise BadRequest("'model' holds control characters or '..'.", param="model")
    name, long_context = _without_suffix(model)
    said = ""
    for _ in range(MOST_ALIASES + 1):
        if (combo := _combo(name, configuration)) is not None:
            return Resolution(combo_route(combo, configuration), f"{said}combo {combo.name}", long_context, name)
        if name in AUTO:
            return Resolution(_automatic(name, configuration), f"{said}{name}", long_context, name)
        meant = _alias(name, configuration)
        if meant is None:
            break
        said = f"{said}alias {name} -> "
        name, also_long = _without_suffix(meant)
        long_context = long_context or also_long
    else:
        raise ModelNotFound(f"The aliases lead round in circles: {said[:300]}...", param="model")
    route, reason = _one_model(name, model, configuration)
    return Resolution(route, said + reason, long_context, name)


def _without_suffix(model: str) -> tuple[str, bool]:
    """The name, and whether it asks for long context."""
    return model.removesuffix(LONG_CONTEXT).strip(), model.endswith(LONG_CONTEXT)


def _combo(name: str, configuration: Configuration) -> Combo | None:
    """The combo of that name. Raises ModelNotFound for one that is switched off, or `combo/` and a name that is none."""
    combo = configuration.combos.get(name.removeprefix(COMBO)) if name.startswith(COMBO) else configuration.combos.get(name)
    if combo is None and name.startswith(COMBO):
        near = difflib.get_close_matches(name.removeprefix(COMBO), configuration.combos, n=3, cutoff=0.3)
        raise ModelNotFound(
            f"There is no combo '{name.removeprefix(COMBO)[:200]}'." + (f" The nearest: {', '.join(near)}." if near else ""),
            param="model",
        )
    if combo is not None and not combo.enabled:
        raise ModelNotFound(
            f"The combo '{combo.name}' is switched off.", param="model", remedy="Dashboard -> Combos: switch it on."
        )
    return combo


def _automatic(name: str, configuration: Configuration) -> Route:
    """Raises NoConnection when nothing is usable."""
    route = automatic(name, configuration)
    if not route.branches:
        raise NoConnection(f"Nothing is connected that '{name}' could choose from.", param="model")
    return route


def _alias(name: str, configuration: Configuration) -> str | None:
    globs = [alias for alias in configuration.aliases if any(each in alias.pattern for each in "*?[")]
    exact = next((alias for alias in configuration.aliases if alias.pattern == name), None)
    found = exact or next((alias for alias in globs if fnmatchcase(name, alias.pattern)), None)
    return None if found is None or found.model == name else found.model


def _one_model(name: str, asked: str, configuration: Configuration) -> tuple[Route, str]:
    prefix, slash, rest = name.partition("/")
    if slash and rest and (owner := configuration.prefixes.get(prefix.lower())):
        provider = configuration.providers[owner]
        if provider.cc and not configuration.cc_enabled:
            raise FlagOff(f"'{prefix}' is a Claude Code compatible node, and ENABLE_CC_COMPATIBLE_PROVIDER is not set.", CC_FLAG)
        if not configuration.connections.get(owner):
            raise _no_connection(provider)
        return plain(Target(provider, rest)), f"prefix {prefix}"
    targets = tuple(_listing(name, configuration))
    if targets:
        return plain(*targets), "listed by " + ", ".join(target.provider.prefix for target in targets)
    home = next((id for start, id in HOMES.items() if name.startswith(start)), None)
    if home is not None and home in configuration.providers and not slash:
        raise _no_connection(configuration.providers[home])
    near = nearest(name, configuration)
    raise ModelNotFound(
        f"No provider answers to the model '{asked[:200]}'." + (f" The nearest: {', '.join(near)}." if near else ""),
        param="model",
    )


def may_ask(key: ClientKey, model: str) -> bool:
    """Whether one of the key's globs covers the model's name as it is asked for; a key without globs may ask all."""
    return not key.allowed_models or any(fnmatchcase(model, pattern) for pattern in key.allowed_models)


def require_allowed(key: ClientKey, model: str) -> None:
    """Raises Forbidden unless the key may ask the model."""
    if not may_ask(key, model):
        raise Forbidden(f"The API key isn't allowed to ask the model '{model[:200]}'.", param="model")


def nearest(name: str, configuration: Configuration) -> list[str]:
    """At most three names that could have been meant."""
    names = [*configuration.combos, *(target.shown for target in usable_models(configuration))]
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
