"""Settings, Security: who needs a key and by which names the server is reached, in sentences and as two forms.

Both are decided by the environment first; what is chosen here tightens the one and adds to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wtforms import Form, RadioField

from omniroute.dashboard.forms import LinesField, SelectChoice
from omniroute.edge.callers import always_chosen, why_always
from omniroute.edge.hosts import LOCAL_NAMES, named_hosts
from omniroute.settings import Settings

NEVER_NAMED = "Every name is answered: the server listens on {host}, and neither TRUSTED_HOSTS nor PUBLIC_URL is set."


class KeysForm(Form):
    require_api_key = RadioField(
        "From now on",
        choices=(SelectChoice("as started", "As the server was started"), SelectChoice("always", "Everybody, always")),
    )


class HostsForm(Form):
    allowed_hosts = LinesField("Further host names")


@dataclass(frozen=True, slots=True)
class Needs:
    """`now` and `started` are sentences: what holds now, and what would without the preference. `settled`: both are that
    everybody needs a key, so the choice changes nothing until the server is started otherwise.
    """

    now: str
    started: str
    always: bool
    settled: bool


def needs(settings: Settings, preferences: Mapping[str, Any]) -> Needs:
    """Who needs a key for /v1."""
    started, settled = as_started(settings), not settings.keyless_possible
    chosen = always_chosen(preferences)
    now = "Every program needs a key: you chose so here." if chosen and not settled else started
    return Needs(now, started, chosen or settled, settled)


def as_started(settings: Settings) -> str:
    """What docs/api.md says under "Who needs a key", for a server that was started so."""
    if not settings.keyless_possible:
        return f"Every program needs a key: {why_always(settings)}."
    if settings.require_api_key == "auto":
        return (
            "Programs on this machine need no key. What comes from another machine, through a proxy, by another name than "
            "localhost or from a page of another site needs one."
        )
    if settings.loopback:
        return (
            "No program needs a key: REQUIRE_API_KEY is false. Only this machine reaches the server, and pages of other sites "
            "are refused."
        )
    return (
        "No program needs a key: REQUIRE_API_KEY is false. Anyone who reaches this server can spend your credit; only pages of "
        "other sites are refused, and names that are no address and not listed below."
    )


@dataclass(frozen=True, slots=True)
class Names:
    """The names that are answered whatever is chosen, and where they come from. `every` is a sentence where every name is."""

    fixed: tuple[tuple[str, str], ...]
    every: str


def names(settings: Settings) -> Names:
    fixed = [(name, "this machine") for name in sorted(LOCAL_NAMES, reverse=True)] if settings.loopback else []
    source = "TRUSTED_HOSTS" if settings.trusted_hosts else "PUBLIC_URL"
    named = named_hosts(settings)
    fixed += [(name, source) for name in named]
    every = "" if settings.loopback or named else NEVER_NAMED.format(host=settings.host)
    return Names(tuple(fixed), every)
