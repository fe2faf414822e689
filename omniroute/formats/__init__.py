"""Wire formats. `FORMATS` is all there are: each entry is a module with the names of `Format`.

A request goes from one format to another through `ir.Request`, an answer through a run of `ir.Event`s; no format knows
another. To add one: a module with these names, and its line below; the contract tests run over every entry.
`CLIENT_FORMATS` has those beside them that only clients, or clients and upstreams that speak the same, know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from omniroute.errors import Problem
from omniroute.formats import anthropic_messages, gemini, ir, openai_chat, openai_completions, openai_responses, sse


class Reader(Protocol):
    """An upstream's stream -> events."""

    def feed(self, event: sse.Event) -> list[ir.Event]: ...

    def end(self) -> list[ir.Event]: ...


class Writer(Protocol):
    """Events -> a client's stream. After `end` or `fail` it writes nothing more."""

    def write(self, event: ir.Event) -> bytes: ...

    def end(self) -> bytes: ...

    def fail(self, problem: Problem) -> bytes: ...


class MakesWriter(Protocol):
    """`model` is the name to show, "" for the upstream's; `asked` the client's own request, for formats that echo it."""

    def __call__(self, model: str, include_usage: bool, asked: Mapping[str, Any] | None = None) -> Writer: ...


class ClientFormat(Protocol):
    """What the module of a format holds that clients speak. `path` is below the API's root."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def TELLTALES(self) -> tuple[bytes, ...]: ...

    @property
    def LAST_EVENT(self) -> bytes: ...

    @property
    def StreamReader(self) -> Callable[[], Reader]: ...

    @property
    def StreamWriter(self) -> MakesWriter: ...

    def parse_request(self, document: dict[str, Any]) -> ir.Request: ...

    def parse_response(self, document: dict[str, Any]) -> list[ir.Event]: ...

    def render_response(
        self, events: Iterable[ir.Event], *, model: str | None = None, asked: Mapping[str, Any] | None = None
    ) -> dict[str, Any]: ...

    def render_error(self, problem: Problem) -> dict[str, Any]: ...

    def inspect(self, document: dict[str, Any]) -> ir.Sighting: ...

    def sight(self, event: sse.Event) -> ir.Sighting | None: ...


class Format(ClientFormat, Protocol):
    """A format that upstreams are asked in as well, whatever their client speaks."""

    def render_request(self, request: ir.Request) -> tuple[dict[str, Any], tuple[str, ...]]: ...


FORMATS: Mapping[str, Format] = {
    "openai_chat": openai_chat,
    "anthropic_messages": anthropic_messages,
    "openai_responses": openai_responses,
    "gemini": gemini,
}

# What clients may speak: these, and formats that nothing is translated to.
CLIENT_FORMATS: Mapping[str, ClientFormat] = {**FORMATS, "openai_completions": openai_completions}
