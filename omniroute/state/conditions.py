"""Places and their conditions as JSON, and when a condition is too old to keep. Members that are not known are passed over."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson

from omniroute.clock import AHEAD
from omniroute.routing.health import Breaker, Condition, Mark, Place

T = TypeVar("T", Mark, Breaker)

OLD = 3600.0  # seconds after which a lapsed mark, and a failure on a closed breaker, are of no more use
VERY_OLD = 86_400.0  # the same for a breaker that nobody has tried since it became half-open


def place_text(place: Place) -> str:
    return orjson.dumps(list(place)).decode()


def place_of(text: str) -> Place:
    kind, id, model = orjson.loads(text)
    return Place(kind, id, model)


def condition_text(condition: Condition) -> str:
    return orjson.dumps(condition_document(condition)).decode()


def condition_document(condition: Condition) -> dict[str, Any]:
    """{"mark": {...}, "breaker": {...}}; what is None is left out."""
    parts = (("mark", condition.mark), ("breaker", condition.breaker))
    return {name: dataclasses.asdict(value) for name, value in parts if value is not None}


def condition_of(document: Mapping[str, Any] | str) -> Condition:
    """Also what an older or newer program wrote; a part that lacks what is needed here counts as not there."""
    given = orjson.loads(document) if isinstance(document, str) else document
    return Condition(_part(Mark, given.get("mark")), _part(Breaker, given.get("breaker")))


def outdated(condition: Condition, now: float) -> bool:
    """Nothing in it matters any more: it lapsed long ago, or is of a clock that was set back since."""
    mark, breaker = condition.mark, condition.breaker
    if mark is not None and mark.until > now - OLD and mark.since <= now + AHEAD:
        return False
    if breaker is None:
        return True
    if breaker.count:
        return breaker.until <= now - VERY_OLD or breaker.since > now + AHEAD
    return all(at <= now - OLD or at > now + AHEAD for at in breaker.failures)


def _part(kind: type[T], given: Any) -> T | None:
    if not isinstance(given, Mapping):
        return None
    known = {field.name: given[field.name] for field in dataclasses.fields(kind) if field.name in given}
    if "failures" in known:
        known["failures"] = tuple(known["failures"])
    try:
        return kind(**known)
    except TypeError:
        return None
