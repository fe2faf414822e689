"""One declaration per input: it makes the check, the form field, the mask and the line in openapi.json.

Names are those of the operations (snake_case); JSON spells them in camelCase. The check here is about shape: types,
bounds, unknown names. What a value means (is that a URL, is the prefix free) the operation decides.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from omniroute.errors import Invalid
from omniroute.security.redaction import redact

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a body, or one parameter of a query.

    `kind` is a name in KINDS. `low` and `high` bound a number, or the length of a text, or the count of a list. `secret`
    is never shown again; left out or empty when something is changed, what is stored stays. `default` is for the reader:
    the operation fills it in. `spelled` is the JSON name where camelCase isn't it. An object with `members`, or each object of
    a list with them, is checked as they say; what is wrong in it is told as `outer.inner` or `outer[2].inner`.
    """

    name: str
    kind: str = "text"
    label: str = ""
    help: str = ""
    required: bool = False
    secret: bool = False
    nullable: bool = False
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    default: Any = None
    spelled: str = ""
    members: tuple[Field, ...] = ()

    @property
    def json(self) -> str:
        return self.spelled or camel(self.name)


class BadInput(Invalid):
    """The body or the query doesn't fit its declaration. `fields` has the names as the caller spells them."""


def check(fields: Sequence[Field], given: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """A JSON body under the operations' names, each value of its kind; what was left out stays out.

    With `partial` nothing is required. Raises BadInput with every mistake at once.
    """
    return _check(fields, given, partial, read)


def check_query(fields: Sequence[Field], given: Mapping[str, str]) -> dict[str, Any]:
    """The same for the parameters of a query, which are all text."""
    return _check(fields, given, False, read_text)


def _check(
    fields: Sequence[Field], given: Mapping[str, Any], partial: bool, reader: Callable[[Field, Any], Any]
) -> dict[str, Any]:
    declared = {field.json: field for field in fields}
    taken: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, value in given.items():
        field = declared.get(name)
        if field is None:
            wrong[redact(name)] = _unknown(name, declared)  # a slip can put a key where a name belongs
            continue
        try:
            taken[field.name] = reader(field, value)
        except BadInput as exc:
            wrong |= {f"{name}{'' if inner.startswith('[') else '.'}{inner}": text for inner, text in exc.fields.items()}
        except ValueError as exc:
            wrong[name] = str(exc)
    if not partial:
        wrong |= {
            field.json: "is missing" for field in fields if field.required and field.name not in taken and field.json not in wrong
        }
    if wrong:
        raise BadInput("; ".join(f"{name}: {text}" for name, text in wrong.items()) + ".", wrong)
    return taken


def read(field: Field, value: Any) -> Any:
    """One value, checked. Raises ValueError with what a person reads."""
    if value is None:
        if field.nullable:
            return None
        raise ValueError("must not be null")
    if field.required and value == "":
        raise ValueError("must not be empty")
    return KINDS[field.kind].read(field, value)


def read_text(field: Field, text: str) -> Any:
    """One value of a query string: words become flags and numbers first. Raises ValueError like `read`."""
    if field.kind == "flag":
        return read(field, {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text))
    if field.kind in ("whole", "number"):
        return read(field, float(text) if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", text) else text)
    return read(field, text)


def schema(fields: Iterable[Field], *, partial: bool = False) -> dict[str, Any]:
    """The JSON Schema of a body."""
    fields = tuple(fields)
    made: dict[str, Any] = {
        "type": "object",
        "properties": {field.json: field_schema(field) for field in fields},
        "additionalProperties": False,
    }
    needed = [field.json for field in fields if field.required and not partial]
    return made | ({"required": needed} if needed else {})


def field_schema(field: Field) -> dict[str, Any]:
    made = dict(KINDS[field.kind].schema(field))
    if field.nullable:
        made["type"] = [*([made["type"]] if isinstance(made["type"], str) else made["type"]), "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    if field.label or field.help:
        made["description"] = " ".join(part for part in (f"{field.label}." if field.label else "", field.help) if part)
    if field.default is not None:
        made["default"] = field.default
    if field.secret:
        made["writeOnly"] = True
    return made


# Names of OmniRoute's API that are no camelCase.
AS_THEY_ARE = frozenset({"limit_usd", "limit_tokens", "warn_at"})


def camel(name: str) -> str:
    """`base_url` -> `baseUrl`; dots part the names of nested fields, and what is camelCase already stays."""
    return name if name in AS_THEY_ARE else re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def _unknown(name: str, declared: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(declared), n=1, cutoff=0.0)
    return f"is not a field here; the nearest is {near[0]}" if near else "is not a field here; none is taken"


# The kinds -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    read: Callable[[Field, Any], Any]
    schema: Callable[[Field], dict[str, Any]]


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if "\x00" in value:
        raise ValueError("must not hold a null character")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("must be valid Unicode")
    if field.choices and value not in field.choices:
        raise ValueError(f"must be one of {', '.join(field.choices)}")
    return _bounded(field, value, len(value), "characters")


def _flag(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _number(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number")
    return _bounded(field, value, value, "")


def _whole(field: Field, value: Any) -> int:
    number = _number(field, value)
    if number != int(number):
        raise ValueError("must be a whole number")
    return int(number)


def _names(field: Field, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("must be a list of texts")
    for entry in value:
        if not isinstance(entry, str) or not entry.strip() or "\x00" in entry:
            raise ValueError("must be a list of texts that are not empty")
        if field.choices and entry not in field.choices:
            raise ValueError(f"may hold {', '.join(field.choices)}")
    return _bounded(field, value, len(value), "entries")


def _table(field: Field, value: Any) -> dict[str, str | None]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    if any(not (entry is None or isinstance(entry, str)) or "\x00" in f"{name}{entry}" for name, entry in value.items()):
        raise ValueError("must be an object whose values are texts, or null to take one out")
    return _bounded(field, value, len(value), "entries")


def _list(field: Field, value: Any) -> list[Any]:
    """Entries of any kind: the operation looks into them, unless `members` say what they are."""
    if not isinstance(value, list):
        raise ValueError("must be a list")
    _bounded(field, value, len(value), "entries")
    if not field.members:
        return value
    taken, wrong = [], dict[str, str]()
    for number, entry in enumerate(value):
        try:
            taken.append(_object(field, entry))
        except BadInput as exc:
            wrong |= {f"[{number}].{inner}": text for inner, text in exc.fields.items()}
        except ValueError as exc:
            wrong[f"[{number}]"] = str(exc)
    if wrong:
        raise BadInput("", wrong)
    return taken


def _object(field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return check(field.members, value) if field.members else _bounded(field, value, len(value), "members")


def _usd(field: Field, value: Any) -> str | float:
    """An amount in dollars, as a number or as a text that loses no digit. The operation reads it exactly."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError('must be an amount in dollars, as a number or a text such as "2.50"')
    return value


def _time(field: Field, value: Any) -> float:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a time such as 2027-01-31T12:00:00Z") from None
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (OverflowError, OSError):
            raise ValueError("is a time too far away") from None
    raise ValueError("must be a time such as 2027-01-31T12:00:00Z")


def _bounded(field: Field, value: T, size: float, unit: str) -> T:
    words = f" {unit}" if unit else ""
    if field.low is not None and size < field.low:
        raise ValueError(f"must have at least {field.low:g}{words}" if unit else f"must be {field.low:g} or more")
    if field.high is not None and size > field.high:
        raise ValueError(f"must have at most {field.high:g}{words}" if unit else f"must be {field.high:g} or less")
    return value


def _bounds(field: Field, low: str, high: str) -> dict[str, Any]:
    return {name: bound for name, bound in ((low, field.low), (high, field.high)) if bound is not None}


def _choices(field: Field) -> dict[str, Any]:
    return {"enum": list(field.choices)} if field.choices else {}


KINDS: dict[str, Kind] = {
    "text": Kind(_text, lambda field: {"type": "string", **_bounds(field, "minLength", "maxLength"), **_choices(field)}),
    "flag": Kind(_flag, lambda field: {"type": "boolean"}),
    "number": Kind(_number, lambda field: {"type": "number", **_bounds(field, "minimum", "maximum")}),
    "whole": Kind(_whole, lambda field: {"type": "integer", **_bounds(field, "minimum", "maximum")}),
    "names": Kind(
        _names,
        lambda field: {"type": "array", "items": {"type": "string", **_choices(field)}, **_bounds(field, "minItems", "maxItems")},
    ),
    "table": Kind(_table, lambda field: {"type": "object", "additionalProperties": {"type": ["string", "null"]}}),
    "list": Kind(
        _list,
        lambda field: {
            "type": "array",
            "items": schema(field.members) if field.members else {},
            **_bounds(field, "minItems", "maxItems"),
        },
    ),
    "object": Kind(_object, lambda field: schema(field.members) if field.members else {"type": "object"}),
    "usd": Kind(_usd, lambda field: {"type": ["number", "string"]}),
    "time": Kind(_time, lambda field: {"type": "string", "format": "date-time"}),
}
