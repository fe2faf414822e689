"""The document itself: what makes a text one, and what keeps it from being taken here.

    {"version": 1, "madeAt": ..., "program": "0.1.0", "schema": "0005", "configuration": {...}, "secrets": null or {...}}

Everything in it is read through the checks of the operations; this file knows only its frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from omniroute import __version__
from omniroute.backup.kinds import KINDS, SETTINGS
from omniroute.clock import moment
from omniroute.errors import Invalid
from omniroute.formats.depth import DEEPEST, too_deep
from omniroute.given import Given
from omniroute.models.schema import HEAD, REVISIONS

VERSION = 1
MEMBERS = ("version", "madeAt", "program", "schema", "configuration", "secrets")
_NUMBERS = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Document:
    """`made_at` is epoch seconds. `rows` are by kind, as they came. `sealed` is the member `secrets`, if there is one."""

    made_at: float
    program: str
    rows: Mapping[str, list[Any]]
    settings: Mapping[str, Any]
    sealed: Mapping[str, Any] | None

    @property
    def configuration(self) -> dict[str, Any]:
        return {**self.rows, SETTINGS.name: self.settings}


def written(configuration: Mapping[str, Any], secrets: Mapping[str, Any] | None, now: float) -> bytes:
    """The text of a document, to be read by people as well."""
    document = {
        "version": VERSION,
        "madeAt": moment(now),
        "program": __version__,
        "schema": HEAD,
        "configuration": configuration,
        "secrets": secrets,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def parsed(raw: bytes) -> Document:
    """Raises Invalid for a text that is no document, or one that this program does not take; it says what to do."""
    if not raw.strip():
        raise Invalid("The file is empty. Choose one that was downloaded as a backup.")
    try:
        given = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise Invalid(f"This is no backup: it is no JSON ({exc}). Choose a file that was downloaded as a backup.") from exc
    if too_deep(given):
        raise Invalid(f"This is no backup: it is nested more than {DEEPEST} levels deep.")
    return framed(given)


def framed(given: Any) -> Document:
    """The same of JSON that was parsed already."""
    if not isinstance(given, Mapping) or "configuration" not in given or "version" not in given:
        raise Invalid("This is JSON, but no backup: that is an object with version, madeAt, program, schema and configuration.")
    _require_known(given)
    wrong = {str(name): "is no member of a backup" for name in given if name not in MEMBERS}
    configuration, sealed = given["configuration"], given.get("secrets")
    made = Given({"made_at": given.get("madeAt")}, {"made_at": "Made"}).moment("made_at", None)
    if made is None:
        wrong["madeAt"] = "must be a time such as 2027-01-31T12:00:00Z"
    if sealed is not None and not isinstance(sealed, Mapping):
        wrong["secrets"] = "must be an object, or null"
    if not isinstance(configuration, Mapping):
        wrong["configuration"] = "must be an object"
    else:
        wrong |= _of_configuration(configuration)
    if wrong:
        raise Invalid("This backup can't be read. " + " ".join(f"{name} {text}." for name, text in wrong.items()), wrong)
    rows = {kind.name: configuration[kind.name] for kind in KINDS if kind is not SETTINGS}
    return Document(made or 0.0, str(given["program"]), rows, configuration[SETTINGS.name], sealed)


def _require_known(given: Mapping[str, Any]) -> None:
    """Version first: of another one nothing else can be said."""
    version, program, schema = given["version"], given.get("program"), given.get("schema")
    if isinstance(version, bool) or version != VERSION:
        told = f"This backup has version {str(version)[:20]!r}, and this program reads version {VERSION}."
        newer = isinstance(version, int) and version > VERSION
        raise Invalid(told + (" Update this gateway first, then restore." if newer else ""), {"version": told})
    numbers = _NUMBERS.fullmatch(program) if isinstance(program, str) else None
    if numbers is None:
        raise Invalid("This backup does not say which program made it.", {"program": "must be a version such as 0.1.0"})
    own = _NUMBERS.match(__version__)
    assert own is not None  # a test of the version sees to that
    ahead = tuple(map(int, numbers.groups())) > tuple(map(int, own.groups()))
    if not isinstance(schema, str) or not re.fullmatch(r"\d{4}", schema):
        raise Invalid("This backup does not say of which tables it is.", {"schema": "must be a revision such as 0005"})
    if ahead or (schema not in REVISIONS and schema > HEAD):
        told = f"This backup was made by OmniRoute {program} (tables {schema}); this is {__version__} (tables {HEAD})."
        raise Invalid(f"{told} Update this gateway first, then restore.", {"program": told})


def _of_configuration(given: Mapping[str, Any]) -> dict[str, str]:
    wrong = {}
    for kind in KINDS:
        wanted, word = (Mapping, "an object") if kind is SETTINGS else (list, "a list")
        if not isinstance(given.get(kind.name), wanted):
            wrong[f"configuration.{kind.name}"] = f"must be {word}" if kind.name in given else "is missing"
    known = {kind.name for kind in KINDS}
    return wrong | {f"configuration.{str(name)[:40]}": "is nothing that a backup holds" for name in given if name not in known}
