"""What holds in every run of events, and the short ways that the tests go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omniroute.formats import FORMATS, Writer, ir, sse

_FITTING = {
    ir.TextDelta: "text",
    ir.CitationSeen: "text",
    ir.ReasoningDelta: "reasoning",
    ir.SignatureSeen: "reasoning",
    ir.RefusalDelta: "refusal",
}


def read(name: str, stream: bytes, sizes: Iterable[int] = ()) -> list[ir.Event]:
    """All events of a stream of the format `name`, cut into pieces of these sizes, then the rest."""
    decoder, reader = sse.Decoder(), FORMATS[name].StreamReader()
    events: list[ir.Event] = []
    for piece in pieces(stream, sizes):
        for event in decoder.feed(piece):
            events += reader.feed(event)
    for event in decoder.flush():
        events += reader.feed(event)
    return events + reader.end()


def write(writer: Writer, events: Iterable[ir.Event]) -> bytes:
    return b"".join(writer.write(event) for event in events) + writer.end()


def pieces(stream: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        if at >= len(stream):
            return
        yield stream[at : at + size]
        at += size
    if at < len(stream):
        yield stream[at:]


def check(events: list[ir.Event]) -> None:
    """The laws of ir.py."""
    assert isinstance(events[0], ir.Started)
    assert isinstance(events[-1], ir.Finished)
    assert sum(isinstance(event, ir.Started | ir.Finished) for event in events) == 2
    opened: ir.PartStarted | None = None
    arguments = ""
    number = 0
    for event in events:
        if isinstance(event, ir.PartStarted):
            assert opened is None, "a part opened while another was open"
            assert event.index == number
            opened, arguments, number = event, "", number + 1
        elif isinstance(event, ir.PartStopped):
            assert opened is not None and event.index == opened.index
            assert arguments or opened.kind != "tool_call" or opened.custom
            opened = None
        elif not isinstance(event, ir.Started | ir.Finished | ir.UsageSeen):
            assert opened is not None and event.index == opened.index
            if isinstance(event, ir.ArgumentsDelta):
                assert opened.kind in ("tool_call", "opaque")
                arguments += event.text
            else:
                assert opened.kind == _FITTING[type(event)]
    assert opened is None, "a part was never closed"
