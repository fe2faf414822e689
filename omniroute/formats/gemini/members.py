"""Members by either name: Google's APIs read `systemInstruction` and `system_instruction` alike, and write the first."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from omniroute.errors import BadRequest
from omniroute.formats.fields import Fields


class Members(Fields):
    """`Fields` that are asked for by their camelCase name and found under either."""

    __slots__ = ()

    def get(self, name: str) -> Any:
        value, other = super().get(name), super().get(_snake(name))
        return other if value is None else value

    def many(self, name: str) -> list[Members]:
        """The objects of a list; one alone counts as a list of one, and a text as a part with this text."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            return [Members(_as_part(value), self.at(name), self.unread)]
        return [Members(_as_part(item), f"{self.at(name)}.{number}", self.unread) for number, item in enumerate(value)]

    def word(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """An enum's word in capitals, however it is written; its "UNSPECIFIED" counts as absent."""
        value = self.text(name)
        if value is None or value.upper().endswith("UNSPECIFIED"):
            return None
        if value.upper() not in allowed:
            raise BadRequest(f"'{self.at(name)}' must be one of {', '.join(allowed)}.", param=self.at(name))
        return value.upper()


def _as_part(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


@cache
def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda letter: "_" + letter[1].lower(), name)
