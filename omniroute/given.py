"""Checking what a form or the API sent, field by field, so that everything that is wrong is told at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import available_timezones

from omniroute.errors import Invalid
from omniroute.security.redaction import redact

T = TypeVar("T")

MILLION = 1_000_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)


class Given:
    """Reads `given` by name; what can't be read counts as refused and yields the default. `check()` raises if any was.

    `labels` are the known names and how people call them; any other name is refused, masked where it looks like a secret. What is
    refused in an object within another is told as `outer.inner`.
    """

    def __init__(self, given: Mapping[str, Any], labels: Mapping[str, str], outer: Given | None = None, named: str = "") -> None:
        self._given, self._labels, self._outer, self._named = given, labels, outer, named
        self._wrong: dict[str, str] = {}
        for name in given:
            if name not in labels:
                near = difflib.get_close_matches(str(name), labels, n=1)
                self.refuse(redact(str(name)), "is not a field here" + (f"; the nearest is {near[0]}" if near else ""))

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def __getitem__(self, name: str) -> Any:
        """The value as it came; None when it did not."""
        return self._given.get(name)

    def refuse(self, name: str, why: str) -> None:
        """Note what is wrong with a field, in words that go on after its label. The first note stands."""
        self._note(name, f"{self._labels.get(name, name)} {why}.")

    def _note(self, name: str, told: str) -> None:
        self._wrong.setdefault(name, told)
        if self._outer is not None:
            self._outer._note(f"{self._named}.{name}", told)

    @property
    def fine(self) -> bool:
        """Nothing was refused so far."""
        return not self._wrong

    def check(self) -> None:
        """Raises Invalid with one sentence a field."""
        if self._wrong:
            raise Invalid(" ".join(self._wrong.values()), self._wrong)

    def text(self, name: str, default: str = "", *, longest: int = 100, needed: bool = False) -> str:
        """One line, trimmed. Null counts as ""."""
        if name not in self._given and not needed:
            return default
        value = self._given.get(name)
        value = "" if value is None else value
        if not isinstance(value, str):
            self.refuse(name, "must be text")
            return default
        value = value.strip()
        if not value and needed:
            self.refuse(name, "is needed")
        elif len(value) > longest:
            self.refuse(name, f"may have at most {longest} characters")
        elif _CONTROL.search(value):
            self.refuse(name, "must be one line without control characters")
        else:
            return value
        return default

    def within(self, name: str, labels: Mapping[str, str]) -> Given:
        """The members of an object; of anything else none, which is refused."""
        value = self._given.get(name)
        if isinstance(value, Mapping):
            return Given(value, labels, self, name)
        self.refuse(name, "must be an object")
        return Given({}, labels)

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self.refuse(name, f"must be one of {', '.join(allowed)}")
            return default
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self._given.get(name, default)
        if not isinstance(value, bool):
            self.refuse(name, "must be true or false")
            return default
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.refuse(name, f"must be a whole number from {low} to {high}")
            return default
        return value

    def whole_or_none(self, name: str, default: int | None, low: int, high: int) -> int | None:
        if self._given.get(name, default) is None:
            return None
        return self.whole(name, low if default is None else default, low, high)

    def texts(self, name: str, default: Collection[str], *, most: int = 200, longest: int = 256) -> tuple[str, ...]:
        """A list of lines, trimmed, empty ones and repeats left out."""
        value = self._given.get(name, default)
        value = () if value is None else value
        if (
            isinstance(value, str | Mapping)
            or not isinstance(value, Collection)
            or not all(isinstance(one, str) for one in value)
        ):
            self.refuse(name, "must be a list of texts")
            return tuple(default)
        lines = tuple(dict.fromkeys(line.strip() for line in value if line.strip()))
        if len(lines) > most or any(len(line) > longest or _CONTROL.search(line) for line in lines):
            self.refuse(name, f"may hold at most {most} lines of {longest} characters")
            return tuple(default)
        return lines

    def usd(self, name: str, default: int, most: int) -> int:
        """Micro-dollars, from dollars above 0 as a number or a decimal text. `most` is in dollars."""
        if name not in self._given:
            return default
        dollars = _dollars(self._given[name])
        if dollars is None or not 0 < dollars <= most:
            self.refuse(name, f"must be an amount in dollars above 0, at most {most:,}")
            return default
        return self._micro_dollars(name, dollars, default)

    def usd_or_none(self, name: str, most: int) -> int | None:
        """The same, from dollars that may be 0; null, "" and a name that was left out are None."""
        value = self._given.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        dollars = _dollars(value)
        if dollars is None or not 0 <= dollars <= most:
            self.refuse(name, f"must be an amount in dollars from 0 to {most:,}, such as 2.5")
            return None
        return self._micro_dollars(name, dollars, None)

    def _micro_dollars(self, name: str, dollars: Decimal, default: T) -> int | T:
        amount = dollars * MILLION
        if amount != amount.to_integral_value():
            self.refuse(name, "may have at most six decimal places")
            return default
        return int(amount)

    def moment(self, name: str, default: float | None) -> float | None:
        """Seconds since 1970, from such a number or ISO 8601 text (UTC where it names no zone); null or "" is None."""
        if name not in self._given:
            return default
        value = self._given[name]
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value.strip())
                value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            except (ValueError, OverflowError):
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
            self.refuse(name, "must be a time such as 2027-01-31T12:00:00Z, or seconds since 1970")
            return default
        return float(value)

    def timezone(self, name: str, default: str) -> str:
        """An IANA name. A machine without time zone data of its own goes by the package tzdata."""
        zone = self.text(name, default, longest=64)
        if zone not in timezones():
            self.refuse(name, "must be a time zone such as Europe/Berlin or UTC")
            return default
        return zone


@lru_cache(maxsize=1)
def timezones() -> frozenset[str]:
    """All names that are taken."""
    return frozenset(available_timezones())


def _dollars(value: Any) -> Decimal | None:
    if isinstance(value, str):
        return Decimal(value.strip()) if _DECIMAL.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    dollars = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return dollars if dollars.is_finite() else None
