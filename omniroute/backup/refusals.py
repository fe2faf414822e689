"""What is wrong with a document, by place: "connections[3].priority". All of it is told at once, as far as anybody would read."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from omniroute.backup.kinds import camel
from omniroute.errors import Conflict, Invalid

MOST_TOLD = 20


class Refusals:
    def __init__(self) -> None:
        self._wrong: dict[str, str] = {}

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """What a check of the operations refuses within is wrong at this place. Nothing is raised."""
        try:
            yield
        except (Invalid, Conflict) as exc:
            for name, text in (exc.fields or {"": exc.message}).items():
                self.note(f"{place}{name and '.'}{_spelt(name)}", text)

    def note(self, place: str, text: str) -> None:
        self._wrong.setdefault(place, text)

    def check(self) -> None:
        """Raises Invalid."""
        if not self._wrong:
            return
        told = [f"{place}: {text}" for place, text in list(self._wrong.items())[:MOST_TOLD]]
        more = len(self._wrong) - len(told)
        left = f" And {more} more." if more else ""
        fields = dict(list(self._wrong.items())[:MOST_TOLD])
        raise Invalid(f"This backup can't be restored; nothing was changed. {' '.join(told)}{left}", fields)


def members_of(given: Any, known: Collection[str], what: str = "") -> dict[str, Any]:
    """A row's members under the operations' names, of which `known` may be there. Raises Invalid for others."""
    if not isinstance(given, Mapping):
        raise Invalid("Must be an object.", {"": f"{what or 'This'} must be an object."})
    names = _names(tuple(known))
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            told = f"{str(name)[:60]!r} is no member here" + (f"; the nearest is {near[0]}." if near else ".")
            raise Invalid(told, {"": told})
    return {names[name]: value for name, value in given.items()}


@lru_cache(maxsize=64)
def _names(known: tuple[str, ...]) -> Mapping[str, str]:
    return {camel(name): name for name in known}


def _spelt(name: str) -> str:
    """As the document spells it: a combo's configuration has the names that the API has for it."""
    if name.startswith("config."):
        return name
    return ".".join(camel(part) for part in name.split("."))
