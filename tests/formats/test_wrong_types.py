"""Each value of a full request, replaced by each kind of value in turn: refused by name, or read; never an accident."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from omniroute.errors import BadRequest
from omniroute.formats import CLIENT_FORMATS, FORMATS
from tests.formats.conformance.answers import SAID
from tests.formats.conformance.ask import BASES, body
from tests.formats.conformance.results import ASKS
from tests.formats.full_requests import FULL

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    1e30,
    "",
    "x",
    [],
    {},
    [None],
    ["x"],
    [5],
    [[]],
    [{}],
    {"x": 5},
    {"type": "x"},
)
EVENTS = FORMATS["openai_chat"].parse_response(SAID["said"]["openai_chat"])


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def bodies(client: str) -> list[dict[str, Any]]:
    """A full request, and those that use a feature which is not in it."""
    small = [body(client, asks[client]) for group in ASKS.values() for asks in group.values() if client in asks]
    return [FULL.get(client, BASES[client]), *small]


@pytest.mark.parametrize("client", CLIENT_FORMATS)
def test_a_wrong_type_anywhere_is_no_accident(client: str) -> None:
    for document in bodies(client):
        for place in places(document):
            for value in VALUES:
                broken = replaced(document, place, value)
                check(client, broken, f"{place} = {value!r} in {document}")


def replaced(document: dict[str, Any], place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    made = copy.copy(document)
    holder: Any = made
    for key in place[:-1]:
        holder[key] = copy.copy(holder[key])
        holder = holder[key]
    holder[place[-1]] = value
    return made


def check(client: str, broken: dict[str, Any], where: str) -> None:
    """As the gateway takes it: for an upstream of each format, and to the echo of the request in the answer."""
    try:
        request = CLIENT_FORMATS[client].parse_request(broken)
    except BadRequest as exc:
        assert exc.param and exc.param.split(".")[0] in exc.message, where
        return
    except Exception as exc:
        raise AssertionError(where) from exc
    for upstream in FORMATS.values():
        try:
            orjson.dumps(upstream.render_request(request)[0])
        except BadRequest as exc:
            assert exc.param and exc.param.split(".")[0] in exc.message, (where, exc.param, exc.message)
        except Exception as exc:
            raise AssertionError(f"{upstream.name}: {where}") from exc
    try:
        CLIENT_FORMATS[client].render_response(EVENTS, asked=broken)
    except Exception as exc:
        raise AssertionError(where) from exc
