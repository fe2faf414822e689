"""From a Flask request to an `Ask`: the body once as bytes and once parsed, the caller, the few headers that steer."""

from __future__ import annotations

from flask import Request

from omniroute.clock import Clock
from omniroute.edge import current
from omniroute.edge.reading import whole_body
from omniroute.errors import BadRequest
from omniroute.formats.body import read_body, read_model, read_stream
from omniroute.relay.ask import Ask
from omniroute.relay.client_line import ClientLine
from omniroute.routing.resolve import require_allowed


def read_ask(request: Request, format: str, clock: Clock, *, counting: bool = False) -> Ask:
    """Raises BadRequest for a body that is none, Forbidden for a model that the key may not ask."""
    started = clock.tick()
    raw = _raw_body(request)
    document = read_body(raw)
    model = read_model(document)
    environ = request.environ
    key = current.caller().key
    if key is not None:
        require_allowed(key, model)
    return Ask(
        request_id=current.request_id(),
        endpoint=str(request.url_rule),
        format=format,
        body=raw,
        document=document,
        model=model,
        stream=not counting and read_stream(document),
        headers={name[5:].replace("_", "-").lower(): environ[name] for name in environ if name.startswith("HTTP_")},
        started=started,
        key=key,
        pinned=environ.get("HTTP_X_OMNIROUTE_CONNECTION") or None,
        strict=environ.get("HTTP_X_OMNIROUTE_STRICT", "").lower() == "true",
        counting=counting,
        no_log=(key is not None and key.no_log) or environ.get("HTTP_X_OMNIROUTE_NO_LOG", "").lower() == "true",
    )


def client_line(request: Request) -> ClientLine:
    """The socket that gunicorn reads the client from; none under a test client."""
    sock = request.environ.get("gunicorn.socket")
    return ClientLine(None if sock is None else sock.fileno())


def _raw_body(request: Request) -> bytes:
    encoding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if encoding not in ("", "identity"):
        raise BadRequest(f"The body is compressed ({encoding[:40]}); send it as it is.")
    return whole_body(request)
