"""Strict reading of TOML: every key of a table is known and of its type, or `BadCatalog` names the file, key and what is allowed.

A check is a function `(where, value) -> value`: it hands back the value as the catalogue keeps it, or raises. `where` is
for the message, as in `data/openai.toml: models[2].id`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from omniroute.errors import BadCatalog

Check = Callable[[str, object], Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def read_file(path: Path) -> dict[str, object]:
    """The file as TOML gives it; decimals stay exact. Raises BadCatalog."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadCatalog(f"{place(path)}: not readable as TOML: {exc}") from exc
    except OSError as exc:
        raise BadCatalog(f"{place(path)}: {exc.strerror or exc}") from exc


def place(path: Path) -> str:
    """How messages name a file: with its folder, as in `data/openai.toml`."""
    return f"{path.parent.name}/{path.name}"


def read_table(where: str, given: Mapping[str, object], keys: Mapping[str, Check], required: Iterable[str]) -> dict[str, Any]:
    """The checked values of one table. `where` ends in what stands before a key: "file: " or "file: models[2]."."""
    for key in given:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise BadCatalog(f"{where}{key} is not known{meant}; allowed: {', '.join(sorted(keys))}")
    for key in required:
        if key not in given:
            raise BadCatalog(f"{where}{key} is missing")
    return {key: keys[key](f"{where}{key}", value) for key, value in given.items()}


def text(where: str, value: object) -> str:
    """One line that says something."""
    if not isinstance(value, str) or not value.strip() or _CONTROL.search(value):
        raise _wrong(where, "a text of one line", value)
    return value


def prose(where: str, value: object) -> str:
    """Text for people; may run over several lines in the file, which count as one."""
    if not isinstance(value, str) or not value.strip():
        raise _wrong(where, "a text", value)
    return " ".join(value.split())


def link(where: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s\x00-\x1f\x7f]+", value):
        raise _wrong(where, "a http or https address", value)
    return value


def flag(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, "true or false", value)
    return value


def count(where: str, value: object) -> int:
    """A whole number above zero."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise _wrong(where, "a whole number above 0", value)
    return value


def status(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise _wrong(where, "an HTTP status from 200 to 599", value)
    return value


def money(where: str, value: object) -> Decimal:
    """USD per million tokens."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite() or value < 0:
        raise _wrong(where, "an amount of 0 or more", value)
    return Decimal(value)


def one_of(*names: str) -> Check:
    """One of a fixed list of names."""

    def check(where: str, value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise _wrong(where, f"one of {', '.join(sorted(names))}" if names else "left out: there are none yet", value)
        return value

    return check


def many(each: Check) -> Check:
    """A list, each part of which passes `each`, none twice."""

    def check(where: str, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        parts = tuple(each(f"{where}[{index}]", part) for index, part in enumerate(value))
        for index, part in enumerate(parts):
            if part in parts[:index]:
                raise BadCatalog(f"{where}[{index}] repeats {part!r}")
        return parts

    return check


def tables(make: Callable[[str, Mapping[str, object]], Any]) -> Check:
    """A list of tables, each handed to `make(where, table)`."""

    def check(where: str, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            raise _wrong(where, "a list of tables", value)
        return tuple(make(f"{where}[{index}].", part) for index, part in enumerate(value))

    return check


def table(make: Callable[[str, Mapping[str, object]], Any]) -> Check:
    """One table, handed to `make(where, table)`."""

    def check(where: str, value: object) -> Any:
        if not isinstance(value, dict):
            raise _wrong(where, "a table", value)
        return make(f"{where}.", value)

    return check


def _wrong(where: str, allowed: str, value: object) -> BadCatalog:
    shown = repr(value)
    return BadCatalog(f"{where} must be {allowed}, not {shown if len(shown) <= 60 else shown[:57] + '...'}")
