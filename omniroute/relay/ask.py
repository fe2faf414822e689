"""One request as the relay takes it from the HTTP edge: plain values, no framework."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from omniroute.relay.upload import Upload
from omniroute.relay.witness import Witness
from omniroute.routing.configuration import ClientKey


@dataclass(frozen=True, slots=True)
class Ask:
    """`body` is as it came, `document` the same parsed. `format` names the client's; `endpoint` is the path that was matched.

    `service` is the name of an endpoint that is passed through (relay/passthrough.py), "" for the formats; there `model` may
    be "", a form is an `upload` and no `body`, and `content` are the headers that tell the upstream what is sent and wanted.
    `headers` are the caller's, names in lower case. `key` is None for a keyless caller. `started` is a `Clock.tick`.
    """

    request_id: str
    endpoint: str
    format: str
    body: bytes
    document: dict[str, Any]
    model: str
    stream: bool
    headers: Mapping[str, str]
    started: float
    key: ClientKey | None = None
    pinned: str | None = None
    strict: bool = False
    previous: str | None = None  # the response that this one goes on from, when its items are in the document
    counting: bool = False  # nothing is generated: a number of tokens is asked for, or a response that is kept
    no_log: bool = False
    service: str = ""
    upload: Upload | None = None
    content: tuple[tuple[str, str], ...] = ()
    tags: frozenset[str] = frozenset()  # of a combo's steps: only those that have all of them
    method: str = "POST"
    caller: str = ""  # who asks where no client key does, for the log: the dashboard
    witness: Witness | None = None  # somebody looks on (never a client)


@dataclass(slots=True)
class Reply:
    """What goes back. `body` is whole bytes or an iterator of pieces; `close` must be called when it is over, read or not."""

    status: int
    headers: dict[str, str]
    body: bytes | Iterator[bytes]
    closers: list[Any] = field(default_factory=list)

    def close(self) -> None:
        for closer in self.closers:
            closer()
