"""Which models are listed, and which of them somebody can be asked for."""

from __future__ import annotations

from collections.abc import Iterable

from omniroute.providers.catalog import Provider
from omniroute.routing.configuration import Configuration
from omniroute.routing.route import Target


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
