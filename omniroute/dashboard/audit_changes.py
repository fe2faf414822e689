"""What a row of the audit says was changed, field by field, as a table shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from omniroute.dashboard.shell import money
from omniroute.preferences.operations import LABELS as PREFERENCES
from omniroute.routing.configuration import Configuration
from omniroute.security.audit import AuditView

LONGEST = 160  # characters of a value; the rest is folded away

# What fields are called. One that is missing here is called by its own name.
FIELDS: dict[str, str] = {
    **PREFERENCES,
    "ends_in": "Key ends in",
    "begins_and_ends": "Key",
    "is_active": "On",
    "enabled": "On",
    "base_url": "Base URL",
    "api_type": "API",
    "compat_mode": "Compatibility",
    "max_concurrent": "Requests at once",
    "test_status": "State",
    "status_reason": "Reason",
    "sort_order": "Place in the list",
    "custom": "Added by hand",
    "discovered": "Found upstream",
    "cache_read": "Cached input",
    "cache_write": "Written to cache",
    "request": "Each request",
    "tiers": "Steps",
    "limit_usd": "Limit in USD",
    "limit_tokens": "Limit in tokens",
    "warn_at": "Warning at",
    "no_log": "No log",
    "breaker_failures": "Failures that open a breaker",
    "breaker_window_s": "Seconds within which they count",
    "breaker_first_s": "Seconds that it is open at first",
    "breaker_most_s": "Seconds that it is open at most",
    "places": "Marks forgotten",
    "connection_id": "Connection",
    "with_secrets": "With its secrets",
    "made_at": "Made",
    "to_type_in": "Secrets to type in",
    "sealed_anew": "Secrets encrypted anew",
    "ended": "Sessions ended",
}
RATES = ("input", "output", "cache_read", "cache_write", "request")
OWN_NAMES = ("alias.replace",)  # actions whose fields are called as somebody has named them


@dataclass(frozen=True, slots=True)
class Value:
    """`text` is what is read first, `rest` what is folded away. With `at`, epoch seconds, it is a time instead."""

    text: str = ""
    rest: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One line: from `before` to `after`, None where there was nothing; of a list only what was added and removed."""

    label: str
    before: Value | None = None
    after: Value | None = None
    added: tuple[Value, ...] = ()
    removed: tuple[Value, ...] = ()


def changes(entry: AuditView, configuration: Configuration) -> tuple[Change, ...]:
    """Empty members of what was made or deleted are passed over."""
    before, after = (_flat(entry, told) for told in (entry.before, entry.after))
    return tuple(_lines(before, after, configuration))


def _flat(entry: AuditView, told: Mapping[str, Any] | None) -> dict[str, Any]:
    """Label -> value; the members of an object become lines of their own."""
    found: dict[str, Any] = {}
    for name, value in (told or {}).items():
        if name == "undoes":
            continue
        label = name if entry.action in OWN_NAMES else FIELDS.get(name, name.replace("_", " ").capitalize())
        if name == "order":
            found[label] = [each["name"] if isinstance(each, Mapping) else each for each in value]
        elif isinstance(value, Mapping):
            found |= {f"{label}: {inner}": _worded(inner, each, value) for inner, each in value.items()}
        elif entry.action.startswith("price.") and name in RATES:
            found[label] = f"${value}"
        else:
            found[label] = _worded(name, value, told or {})
    return found


def _worded(name: str, value: Any, among: Mapping[str, Any]) -> Any:
    """A value that means something only by its name, or by what stands beside it."""
    if name == "limit" and among.get("unit") == "usd" and isinstance(value, int):
        return money(value)
    if name == "limit_usd":
        return f"${value}"
    if name == "warn_at" and isinstance(value, int | float):
        return f"{Decimal(str(100 * value)).normalize():f} %"
    if name.endswith("_at") and isinstance(value, int | float):
        return Value(at=float(value))
    return value


def _lines(before: Mapping[str, Any], after: Mapping[str, Any], configuration: Configuration) -> Iterator[Change]:
    for label in dict.fromkeys((*before, *after)):
        was, now = before.get(label), after.get(label)
        if _empty(was) and _empty(now):
            continue
        if isinstance(was, list) and isinstance(now, list):
            yield from _list(label, *([_text(each, configuration) for each in part] for part in (was, now)))
        else:
            was, now = (_value(told[label], configuration) if label in told else None for told in (before, after))
            yield Change(label, was, now)


def _list(label: str, was: Sequence[str], now: Sequence[str]) -> Iterator[Change]:
    """What came and went; where only the order is another, all of both."""
    added, removed = [each for each in now if each not in was], [each for each in was if each not in now]
    if added or removed:
        yield Change(label, added=tuple(map(_cut, added)), removed=tuple(map(_cut, removed)))
    elif was != now:
        yield Change(label, _cut(", ".join(was)), _cut(", ".join(now)))


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _value(value: Any, configuration: Configuration) -> Value:
    if isinstance(value, Value):
        return value
    return _cut(_text(value, configuration))


def _cut(text: str) -> Value:
    return Value(text) if len(text) <= LONGEST else Value(text[: LONGEST - 40], text)


def _text(value: Any, configuration: Configuration) -> str:
    if _empty(value):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_text(each, configuration) for each in value)
    if isinstance(value, Mapping):
        return _step(value, configuration) if "weight" in value else ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _step(step: Mapping[str, Any], configuration: Configuration) -> str:
    """A combo's step as people type it, with what is not usual about it."""
    provider = configuration.providers.get(str(step.get("provider")))
    prefix = (provider.prefix or provider.id) if provider else step.get("provider")
    said = [f"combo/{step['combo']}" if step.get("combo") else f"{prefix}/{step.get('model')}"]
    if step.get("connection_id"):
        connection = configuration.connection(str(step["connection_id"]))
        said.append(f"through {connection.name if connection else 'a connection that is gone'}")
    if step.get("weight", 1) != 1:
        said.append(f"weight {step['weight']}")
    said += [str(step["label"])] if step.get("label") else []
    said += [f"tags {' '.join(map(str, step['tags']))}"] if step.get("tags") else []
    said += [] if step.get("enabled", True) else ["off"]
    return ", ".join(said)
