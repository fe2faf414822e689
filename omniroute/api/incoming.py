"""From a Flask request to an `Ask`: the body once as bytes and once parsed, the caller, the few headers that steer."""

from __future__ import annotations

from dataclasses import replace

from flask import Request

from omniroute.clock import Clock
from omniroute.edge import current
from omniroute.edge.reading import whole_body
from omniroute.errors import BadRequest
from omniroute.formats.body import read_body, read_model, read_stream
from omniroute.relay.ask import Ask
from omniroute.relay.client_line import ClientLine
from omniroute.routing.resolve import require_allowed

LONGEST_CODING = 20  # characters; what is longer may be a key in the wrong header, and is not said again


def read_ask(
    request: Request,
    format: str,
    clock: Clock,
    *,
    counting: bool = False,
    model: str | None = None,
    stream: bool | None = None,
) -> Ask:
    """`model` and `stream` are given where the path says them and the body does not.

    Raises BadRequest for a body that is none, Forbidden for a model that the key may not ask.
    """
    started = clock.tick()
    raw = raw_body(request)
    document = read_body(raw)
    if model is None:
        model = read_model(document)
    key = current.caller().key
    if key is not None:
        require_allowed(key, model)
    if stream is None:
        stream = not counting and read_stream(document)
    return replace(bare_ask(request, format, started), body=raw, document=document, model=model, stream=stream, counting=counting)


def bare_ask(request: Request, format: str, started: float) -> Ask:
    """What the head of a request says."""
    environ = request.environ
    key = current.caller().key
    return Ask(
        request_id=current.request_id(),
        endpoint=str(request.url_rule),
        format=format,
        body=b"",
        document={},
        model="",
        stream=False,
        headers={name[5:].replace("_", "-").lower(): environ[name] for name in environ if name.startswith("HTTP_")},
        started=started,
        key=key,
        tags=_tags(environ.get("HTTP_X_OMNIROUTE_TAGS", "")),
        pinned=environ.get("HTTP_X_OMNIROUTE_CONNECTION") or None,
        strict=environ.get("HTTP_X_OMNIROUTE_STRICT", "").lower() == "true",
        no_log=(key is not None and key.no_log) or environ.get("HTTP_X_OMNIROUTE_NO_LOG", "").lower() == "true",
        method=request.method,
    )


def _tags(text: str) -> frozenset[str]:
    return frozenset(tag for each in text.split(",") if (tag := each.strip())) if text else frozenset()


def client_line(request: Request) -> ClientLine:
    """The socket that gunicorn reads the client from; none under a test client."""
    sock = request.environ.get("gunicorn.socket")
    return ClientLine(None if sock is None else sock.fileno())


def raw_body(request: Request) -> bytes:
    """The body as it came. Raises BadRequest for one that is compressed."""
    require_plain(request)
    return whole_body(request)


def require_plain(request: Request) -> None:
    """Raises BadRequest for a body that is compressed, as a content or, which gunicorn admits too, as a transfer coding."""
    environ = request.environ
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if encoding not in ("", "identity"):
        named = f" ({encoding})" if len(encoding) <= LONGEST_CODING else ""
        raise BadRequest(f"The body is compressed{named}; send it as it is.")
    if (coding := environ.get("HTTP_TRANSFER_ENCODING")) is not None and coding.lower() != "chunked":
        raise BadRequest("This transfer coding is not spoken here; send the body as it is, or in chunks.")
