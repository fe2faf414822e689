"""From fragments in any order to parts one after another.

Upstreams name the part of a fragment by keys of their own, and may have several open at once: Chat interleaves parallel
tool calls by `index`. In the ir one part is open at a time. So fragments for another part wait while a tool call is open
whose arguments are not whole yet; text and reasoning can be closed at any time, for there may be more of them later.
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import orjson

from omniroute.formats import ir


@dataclass(slots=True)
class _Waiting:
    """A part that may not open yet. `initial`: see `Blocks.open`."""

    part: ir.PartStarted
    initial: str
    fragments: list[str] = field(default_factory=list)
    signature: tuple[str, str | None] | None = None
    ended: bool = False


class Blocks:
    """Every method returns the events to hand on, in order. `key`, `kind` and `index` are those of the open part.

    A reader's shortest way for the bulk of a stream: if `key` and `kind` fit, hand on a delta for `index` itself.
    """

    __slots__ = ("_custom", "_ended", "_fragments", "_initial", "_next", "_waiting", "index", "key", "kind", "tool_calls")

    def __init__(self) -> None:
        self.key: Hashable = None
        self.kind: ir.PartKind | None = None
        self.index = -1
        self.tool_calls = 0
        self._custom = False
        self._ended = False
        self._next = 0
        self._fragments: list[str] = []  # of the open part, if it is a tool call or reasoning
        self._initial = ""
        self._waiting: dict[Hashable, _Waiting] = {}

    @property
    def any(self) -> bool:
        """A part was opened."""
        return self._next > 0

    def so_far(self, key: Hashable) -> str:
        """The text up to now of the part `key`, a tool call or reasoning that is open or waits; "" for any other."""
        if key in self._waiting:
            return "".join(self._waiting[key].fragments)
        return "".join(self._fragments) if key == self.key else ""

    def open(self, key: Hashable, part: ir.PartStarted, initial: str = "") -> list[ir.Event]:
        """A part begins. `initial` are a tool call's arguments if no fragment of them comes."""
        if part.kind == "tool_call":
            self.tool_calls += 1
            part = replace(part, id=part.id or f"call_{uuid.uuid4().hex[:24]}")
        if self._waiting or not self._closable():
            self._waiting[key] = _Waiting(part, initial)
            return []
        return [*self._close(), self._begin(key, part, initial)]

    def write(self, key: Hashable, kind: ir.PartKind, text: str) -> list[ir.Event]:
        """A fragment for the part `key`. Text, reasoning and refusals open their part by themselves."""
        if not text:
            return []
        if key == self.key and kind == self.kind:
            return self._pass(kind, text)
        if key in self._waiting:
            self._waiting[key].fragments.append(text)
            return []
        if kind in ("tool_call", "opaque"):
            return []  # a late fragment of a call whose arguments were whole already
        return [*self.open(key, ir.PartStarted(0, kind)), *self.write(key, kind, text)]

    def sign(self, key: Hashable, signature: str, origin: str | None) -> list[ir.Event]:
        """The signature of the reasoning part `key`; opens one without text if there is none."""
        events: list[ir.Event] = []
        if key != self.key and key not in self._waiting:
            events = self.open(key, ir.PartStarted(0, "reasoning"))
        if key in self._waiting:
            self._waiting[key].signature = signature, origin
        elif self.kind == "reasoning":
            events.append(ir.SignatureSeen(self.index, signature, origin))
        return events

    def cite(self, citation: ir.Citation) -> list[ir.Event]:
        """A citation for the open text; without one there is nothing to cite for."""
        return [ir.CitationSeen(self.index, citation)] if self.kind == "text" else []

    def close(self, key: Hashable) -> list[ir.Event]:
        """The upstream says that the part `key` is whole."""
        if key in self._waiting:
            self._waiting[key].ended = True
        if key is None or key != self.key:
            return []
        self._ended = True
        return self._go_on()

    def finish(self) -> list[ir.Event]:
        """Nothing more comes: close what is open and hand on what waits."""
        events = self._close()
        while self._waiting:
            events += self._release()
            events += self._close()
        return events

    def _closable(self) -> bool:
        """Whether the open part may be closed now: not a tool call whose arguments are not whole."""
        if self.kind != "tool_call" or self._ended:
            return True
        return not self._custom and _whole(self.so_far(self.key) or self._initial)

    def _begin(self, key: Hashable, part: ir.PartStarted, initial: str) -> ir.Event:
        self.key, self.kind, self.index, self._custom = key, part.kind, self._next, part.custom
        self._next += 1
        self._fragments = []
        self._initial, self._ended = initial, False
        return replace(part, index=self.index)

    def _pass(self, kind: ir.PartKind, text: str) -> list[ir.Event]:
        events = [_delta(kind, self.index, text)]
        if kind == "tool_call" or kind == "reasoning":
            self._fragments.append(text)
            if self._waiting:
                events += self._go_on()
        return events

    def _close(self) -> list[ir.Event]:
        if self.kind is None:
            return []
        events: list[ir.Event] = []
        if self.kind == "tool_call" and not self._fragments and not self._custom:
            events.append(ir.ArgumentsDelta(self.index, self._initial or "{}"))
        events.append(ir.PartStopped(self.index))
        self.key = self.kind = None
        return events

    def _go_on(self) -> list[ir.Event]:
        """Close the open part if it is whole, and hand on waiting ones up to the first that is not, which stays open."""
        events: list[ir.Event] = []
        while self._closable() and (self._waiting or self._ended):
            events += self._close()
            if not self._waiting:
                break
            events += self._release()
        return events

    def _release(self) -> list[ir.Event]:
        """Open the first part that waits and hand on what it has."""
        key = next(iter(self._waiting))
        waiting = self._waiting.pop(key)
        kind = waiting.part.kind
        events = [self._begin(key, waiting.part, waiting.initial)]
        self._ended = waiting.ended
        if waiting.fragments:
            text = "".join(waiting.fragments)
            events.append(_delta(kind, self.index, text))
            if kind == "tool_call" or kind == "reasoning":
                self._fragments.append(text)
        if waiting.signature and kind == "reasoning":
            events.append(ir.SignatureSeen(self.index, *waiting.signature))
        return events


def _delta(kind: ir.PartKind, index: int, text: str) -> ir.Event:
    match kind:
        case "text":
            return ir.TextDelta(index, text)
        case "reasoning":
            return ir.ReasoningDelta(index, text)
        case "refusal":
            return ir.RefusalDelta(index, text)
    return ir.ArgumentsDelta(index, text)


def _whole(arguments: str) -> bool:
    """Whether these are all of a call's arguments: a JSON object that is closed."""
    if not arguments.rstrip().endswith("}"):
        return False
    try:
        orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return False
    return True
