"""A whole answer as one value, and the run of events that says the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from omniroute.formats import ir


@dataclass(frozen=True, slots=True)
class Answer:
    """`stop_reason` None means that the answer never finished."""

    id: str = ""
    model: str = ""
    created: int | None = None
    parts: tuple[ir.AnyPart, ...] = ()
    usage: ir.Usage | None = None
    stop_reason: ir.StopReason | None = None
    stop_sequence: str | None = None
    details: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Open:
    """What has been seen of a part."""

    part: ir.PartStarted
    texts: list[str]
    citations: list[ir.Citation]
    signature: ir.SignatureSeen | None = None

    def whole(self) -> ir.AnyPart:
        text, part = "".join(self.texts), self.part
        if part.kind == "reasoning":
            return reasoning_of(part, text, self.signature)
        if part.kind == "tool_call":
            return ir.ToolCall(part.id, part.name, text, custom=part.custom, signature=part.signature, origin=part.origin)
        if part.kind == "refusal":
            return ir.Refusal(text)
        if part.opaque is not None:
            return _with_input(part.opaque, text)
        return ir.Text(text, citations=tuple(self.citations))


class Gathering:
    """Adds a run of events up, one after the other, as often as somebody asks what came so far."""

    def __init__(self) -> None:
        self._started = ir.Started()
        self._finished: ir.Finished | None = None
        self._usage: ir.Usage | None = None
        self._parts: dict[int, _Open] = {}

    def add(self, event: ir.Event) -> None:
        match event:
            case ir.Started():
                self._started = event
            case ir.PartStarted():
                self._parts[event.index] = _Open(event, [], [])
            case ir.TextDelta() | ir.ReasoningDelta() | ir.ArgumentsDelta() | ir.RefusalDelta():
                self._parts[event.index].texts.append(event.text)
            case ir.SignatureSeen():
                self._parts[event.index].signature = event
            case ir.CitationSeen():
                self._parts[event.index].citations.append(event.citation)
            case ir.UsageSeen():
                self._usage = event.usage
            case ir.Finished():
                self._finished = event
            case ir.PartStopped():
                pass

    def part(self, index: int) -> ir.AnyPart:
        """One part as far as it came. Raises KeyError where none of this index has started."""
        return self._parts[index].whole()

    def answer(self) -> Answer:
        started, finished = self._started, self._finished
        return Answer(
            id=started.id,
            model=started.model,
            created=started.created,
            parts=tuple(self._parts[index].whole() for index in sorted(self._parts)),
            usage=self._usage,
            stop_reason=finished.stop_reason if finished else None,
            stop_sequence=finished.stop_sequence if finished else None,
            details=finished.details if finished else None,
        )


def gather(events: Iterable[ir.Event]) -> Answer:
    """Add a run of events up."""
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    return gathering.answer()


def reasoning_of(part: ir.PartStarted, text: str, signed: ir.SignatureSeen | None) -> ir.Reasoning:
    """What a reasoning part came to: its text, and the signature that was seen last."""
    if signed is None:
        return ir.Reasoning(text, data=part.data, origin=part.origin)
    return ir.Reasoning(text, signature=signed.signature, data=part.data, origin=signed.origin)


def unfold(answer: Answer) -> list[ir.Event]:
    """The run of events that adds up to `answer`. It ends in `Finished` if the answer did."""
    events: list[ir.Event] = [ir.Started(answer.id, answer.model, answer.created)]
    for index, part in enumerate(answer.parts):
        events += _unfold_part(index, part)
        events.append(ir.PartStopped(index))
    if answer.usage is not None:
        events.append(ir.UsageSeen(answer.usage))
    if answer.stop_reason is not None:
        events.append(ir.Finished(answer.stop_reason, answer.stop_sequence, answer.details))
    return events


def finishing(stop_reason: ir.StopReason, tool_calls: int) -> ir.StopReason:
    """The stop reason as clients need it: some upstreams say "stop" although they call tools, or the reverse.

    A client that reads end_turn never runs the tool (anthropics/claude-code#16785); one that reads tool_use waits for one.
    """
    if tool_calls and stop_reason == "end_turn":
        return "tool_use"
    if not tool_calls and stop_reason == "tool_use":
        return "end_turn"
    return stop_reason


def _unfold_part(index: int, part: ir.AnyPart) -> list[ir.Event]:
    match part:
        case ir.Text():
            cited = [ir.CitationSeen(index, citation) for citation in part.citations]
            return [ir.PartStarted(index, "text"), *_if_any(ir.TextDelta(index, part.text)), *cited]
        case ir.Reasoning():
            sealed = ir.PartStarted(index, "reasoning", data=part.data, origin=None if part.data is None else part.origin)
            signed = [] if part.signature is None else [ir.SignatureSeen(index, part.signature, part.origin)]
            return [sealed, *_if_any(ir.ReasoningDelta(index, part.text)), *signed]
        case ir.ToolCall():
            start = ir.PartStarted(
                index,
                "tool_call",
                id=part.id,
                name=part.name,
                custom=part.custom,
                signature=part.signature,
                origin=part.origin,
            )
            return [start, *_if_any(ir.ArgumentsDelta(index, part.arguments or ("" if part.custom else "{}")))]
        case ir.Refusal():
            return [ir.PartStarted(index, "refusal"), *_if_any(ir.RefusalDelta(index, part.text))]
        case ir.Opaque():
            return [ir.PartStarted(index, "opaque", opaque=part)]
    raise TypeError(f"{type(part).__name__} is no part of an answer")


def _if_any(delta: ir.TextDelta | ir.ReasoningDelta | ir.ArgumentsDelta | ir.RefusalDelta) -> list[ir.Event]:
    return [delta] if delta.text else []


def _with_input(part: ir.Opaque, fragments: str) -> ir.Opaque:
    """An opaque part's fragments are its `input`. Fragments that are no JSON leave it as it was."""
    if not fragments:
        return part
    try:
        return replace(part, document={**part.document, "input": orjson.loads(fragments)})
    except orjson.JSONDecodeError:
        return part
