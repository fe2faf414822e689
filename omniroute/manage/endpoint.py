"""One declaration per endpoint of `/api`: the route, the check of what comes in, the answer's shape, the documentation.

A view is a plain function `(services, given, **variables)`: `given` holds body and query under the operations' names,
already checked; it calls one operation and returns what is to be shown: None for nothing (204), a whole response only
where the status depends on what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import UnsupportedMediaType

from omniroute.edge.callers import KEY_IS_NO_CREDENTIAL
from omniroute.edge.declarations import Field, check, check_query
from omniroute.edge.reading import whole_body
from omniroute.formats.body import read_body
from omniroute.manage.shapes import as_json
from omniroute.services import Services

View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`answer` names the members of the answer and their types, or is the view that is the answer; None: there is none (204).

    With `partial` the body may leave out what is required when the thing is made.
    """

    method: str
    path: str  # as in edge/tiers.py
    summary: str
    view: View
    answer: Mapping[str, Any] | type | None = None
    status: int = 200
    body: tuple[Field, ...] | None = None
    partial: bool = False
    query: tuple[Field, ...] = ()
    mimetype: str = "application/json"  # of the answer

    @property
    def name(self) -> str:
        """The endpoint's name for Flask and the operationId of openapi.json, such as "providers.create"."""
        return f"{self.view.__module__.rpartition('.')[2]}.{self.view.__name__}"


def register(blueprint: Blueprint, services: Services, endpoints: Iterable[Endpoint]) -> None:
    for endpoint in endpoints:
        # Flask parts a blueprint's name from the endpoint's by a dot, so the name may hold none itself.
        name = endpoint.name.replace(".", "_")
        blueprint.add_url_rule(endpoint.path, name, _served(endpoint, services), methods=[endpoint.method])


def _served(endpoint: Endpoint, services: Services) -> Callable[..., Response]:
    def serve(**variables: str) -> Response:
        given = _query(endpoint)
        if endpoint.body is not None:
            given |= check(endpoint.body, _body(), partial=endpoint.partial)
        answer = endpoint.view(services, given, **variables)
        if answer is None:
            nothing = Response(status=204)
            del nothing.headers["Content-Type"]
            return nothing
        if isinstance(answer, Response):
            return answer
        return Response(orjson.dumps(as_json(answer)), endpoint.status, mimetype="application/json")

    return serve


def _body() -> dict[str, Any]:
    """The JSON object of the request; no body at all is an empty one."""
    raw = whole_body(request)
    if not raw:
        return {}
    if not request.is_json:
        raise UnsupportedMediaType("The body must come with 'Content-Type: application/json'.")
    return read_body(raw)


def _query(endpoint: Endpoint) -> dict[str, Any]:
    """The parameters of the query. `key` is a credential almost everywhere, which the gate has looked at."""
    texts = request.args.to_dict()
    if request.url_rule is not None and request.url_rule.rule not in KEY_IS_NO_CREDENTIAL:
        texts.pop("key", None)
    return check_query(endpoint.query, texts)
