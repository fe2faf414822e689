"""Which rows the Audit page is asked for: read from the address, and written into links and exports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omniroute.clock import moment
from omniroute.dashboard.audit_words import ACTORS, KINDS, WORDS
from omniroute.dashboard.log_filters import CUSTOM, RANGES, times
from omniroute.edge.bodies import AUDIT_KINDS
from omniroute.security.audit import KINDS as BEGINNINGS
from omniroute.security.audit import AuditFilters

TEXTS = ("text", "kind", "action", "actor", "subject")
EVERYTHING = "all"  # of the parameter `show`: what the gateway did by itself, too
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """`query` is what of the address means something, for links; `wrong` says what did not, in sentences."""

    query: dict[str, str]
    filters: AuditFilters
    wrong: tuple[str, ...] = ()

    def without(self, *names: str) -> dict[str, str]:
        return {name: text for name, text in self.query.items() if name not in names}


def read(args: Mapping[str, str], now: float) -> Asked:
    """`now` is in epoch seconds: ranges end there."""
    given = {name: text[:LONGEST] for name in ("range", "since", "until", "show", *TEXTS) if (text := args.get(name, "").strip())}
    wrong: dict[str, str] = {}
    if given.get("kind", next(iter(KINDS))) not in KINDS:
        wrong["kind"] = f"There is no kind of thing that is called {given['kind']}."
    if given.get("actor", "key").partition(":")[0] not in ACTORS:
        wrong["actor"] = f"Nobody who changes things is called {given['actor']}."
    if given.get("show", EVERYTHING) != EVERYTHING:
        del given["show"]
    values: dict[str, Any] = {name: given[name] for name in TEXTS if name in given}
    values |= times(given, now, wrong)
    kept = {name: text for name, text in given.items() if name not in wrong}
    hide = kept.get("show") != EVERYTHING
    return Asked(
        kept,
        AuditFilters(hide_system=hide, **{name: value for name, value in values.items() if name not in wrong}),
        tuple(wrong.values()),
    )


def exported(filters: AuditFilters) -> dict[str, Any]:
    """The same filters as the query of `/api/audit/export.csv` and `.jsonl`."""
    given = {field.json: getattr(filters, field.name) for field in AUDIT_KINDS}
    words = {name: moment(value) if isinstance(value, float) else value for name, value in given.items()}
    return {name: "true" if value is True else value for name, value in words.items() if value}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set. `query` is the address without it."""

    label: str
    value: str
    query: dict[str, str]


def chips(asked: Asked, called: str) -> tuple[Chip, ...]:
    """`called` names the subject."""
    query = asked.query
    words = {
        "subject": ("About", called),
        "kind": ("Kind", KINDS.get(query.get("kind", ""), "")),
        "action": ("Action", action_words(query.get("action", ""))),
        "actor": ("By", actor_words(query.get("actor", ""))),
        "text": ("Text", query.get("text", "")),
        "range": ("Time", _range(query)),
    }
    gone = {"range": ("range", "since", "until")}
    return tuple(Chip(*words[name], asked.without(*gone.get(name, (name,)))) for name in words if name in query)


def actor_words(actor: str) -> str:
    kind, _, name = actor.partition(":")
    return f"the key {name}" if name else ACTORS.get(kind, kind)


def action_words(action: str) -> str:
    """What was done, whatever it was done to."""
    return re.sub(r"\{\w+\}", "…", WORDS.get(action, action))


def actions() -> dict[str, dict[str, str]]:
    """Action -> words, below the words of its kind."""
    return {
        KINDS[kind]: {action: action_words(action) for action in WORDS if action.startswith(begins)}
        for kind, begins in BEGINNINGS.items()
    }


def _range(query: Mapping[str, str]) -> str:
    if query.get("range") in RANGES:
        return RANGES[query["range"]][0]
    return " ".join(f"{word} {query[name]}" for name, word in (("since", "from"), ("until", "until")) if name in query) or CUSTOM
