"""Reading a client's JSON field by field, so that a wrong body becomes a BadRequest that names the field.

null counts as absent. What was never asked for is known afterwards: nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from omniroute.errors import BadRequest

_KINDS = {
    list: "a list",
    dict: "an object",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


class Fields:
    """One object of the body. `path` is its place ("messages.0"), "" for the body itself.

    `unread` is shared by all objects of one body: `done` adds the paths of members that nobody asked for.
    """

    __slots__ = ("_asked", "document", "path", "unread")

    def __init__(self, document: object, path: str = "", unread: list[str] | None = None) -> None:
        if not isinstance(document, dict):
            raise wrong(path, "an object", document)
        self.document: dict[str, Any] = document
        self.path = path
        self.unread: list[str] = [] if unread is None else unread
        self._asked: set[str] = set()

    def at(self, name: str | int) -> str:
        return f"{self.path}.{name}" if self.path else str(name)

    def get(self, name: str) -> Any:
        """The member as it is."""
        self._asked.add(name)
        return self.document.get(name)

    def text(self, name: str) -> str | None:
        value = self.get(name)
        if value is None or isinstance(value, str):
            return value
        raise wrong(self.at(name), "a text", value)

    def needed_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise missing(self.at(name))
        return value

    def number(self, name: str) -> float | None:
        value = self.get(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise wrong(self.at(name), "a number", value)

    def integer(self, name: str, least: int | None = None) -> int | None:
        """A whole number; 3.0 is one, as it is in JSON."""
        value = self.number(name)
        if value is None:
            return None
        if value != value // 1 or abs(value) >= 2**63:
            raise BadRequest(f"'{self.at(name)}' must be a whole number.", param=self.at(name))
        if least is not None and value < least:
            raise BadRequest(f"'{self.at(name)}' must be at least {least}.", param=self.at(name))
        return int(value)

    def flag(self, name: str) -> bool | None:
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong(self.at(name), "true or false", value)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        value = self.text(name)
        if value is None or value in allowed:
            return value
        raise BadRequest(f"'{self.at(name)}' must be one of {', '.join(allowed)}.", param=self.at(name))

    def mapping(self, name: str) -> dict[str, Any] | None:
        """An object that is taken as it is."""
        value = self.get(name)
        if value is None or isinstance(value, dict):
            return value
        raise wrong(self.at(name), "an object", value)

    def inner(self, name: str) -> Self | None:
        """An object that is read further."""
        value = self.get(name)
        return None if value is None else type(self)(value, self.at(name), self.unread)

    def needed_inner(self, name: str) -> Self:
        found = self.inner(name)
        if found is None:
            raise missing(self.at(name))
        return found

    def items(self, name: str) -> Iterator[Self]:
        """The objects of a list; none if it is absent."""
        value = self.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            raise wrong(self.at(name), "a list", value)
        for number, item in enumerate(value):
            yield type(self)(item, f"{self.at(name)}.{number}", self.unread)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; one text alone counts as a list of one."""
        value = self.get(name)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            raise wrong(self.at(name), "a text or a list of texts", value)
        for number, item in enumerate(value):
            if not isinstance(item, str):
                raise wrong(f"{self.at(name)}.{number}", "a text", item)
        return tuple(value)

    def rest(self) -> dict[str, Any]:
        """The members that nobody asked for, without those that are null."""
        return {name: value for name, value in self.document.items() if name not in self._asked and value is not None}

    def done(self) -> None:
        """This object has been read: note what was left over."""
        self.unread.extend(self.at(name) for name, value in self.rest().items() if value not in ([], {}, ""))


def wrong(path: str, wanted: str, value: object) -> BadRequest:
    where = f"'{path}'" if path else "The body"
    return BadRequest(f"{where} must be {wanted}, not {_KINDS.get(type(value), 'that')}.", param=path or None)


def missing(path: str) -> BadRequest:
    return BadRequest(f"'{path}' is missing.", param=path)
