"""The two ways through: native (same format, faithful bytes, tapped) and translated (through the internal form).

A lane makes the upstream's body and reads its answer. For a streamed answer it offers a stream: `feed` takes upstream bytes
and gives back what may go to the client now. Until something carries content, nothing may: see docs/architecture.md,
"The commit point". Only whole events go out, so a heartbeat or an error can always follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from omniroute.errors import Problem
from omniroute.formats import ir
from omniroute.http import Body


class Facts:
    """What a lane has seen of an answer: usage, why it ended, the upstream's own error.

    `id` is the upstream's for the answer, where it came through untouched; `final` the answer that a Responses client was
    given, where it was made here; `kept`, whether it was put aside.
    """

    __slots__ = ("error", "final", "finish", "id", "kept", "usage")

    def __init__(self) -> None:
        self.usage: ir.Usage | None = None
        self.finish: str | None = None
        self.error: dict[str, Any] | None = None
        self.id: str | None = None
        self.final: dict[str, Any] | None = None
        self.kept = False


class Stream(Protocol):
    """One streamed answer on its way.

    `committed`: content has been seen. `done`: its last event has been seen. After `facts.error` is set nothing more may be fed.
    """

    facts: Facts
    committed: bool
    done: bool

    def feed(self, data: bytes) -> bytes:
        """What the client may have now, b"" while nothing is promised. Raises StreamCut for an event without end."""

    def finish(self) -> bytes:
        """The upstream's bytes are over. Raises StreamCut unless the answer was, UpstreamEmpty if there was none."""

    def whole(self, body: bytes) -> bytes:
        """The upstream did not stream: its whole answer, as a stream. Raises like Lane.whole."""

    def fail(self, problem: Problem) -> bytes:
        """The error that ends the stream, in the client's format."""


class Lane(Protocol):
    """`dropped` names what of the request could not be carried over; `streams`, whether the upstream is asked for a stream."""

    dropped: tuple[str, ...]
    streams: bool

    def url(self) -> str: ...

    def body(self) -> Body: ...

    def stream(self) -> Stream: ...

    def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[bytes, Facts]:
        """The client's answer. Raises UpstreamNotJson, UpstreamEmpty, UpstreamErrorEvent, StreamCut."""
