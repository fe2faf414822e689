"""Reasoning that stands in the text, between <think> and </think>, made reasoning again: a filter over a run of events.

Open reasoning models write it so, and servers that do not know the model leave it there. Only a tag at the very start of a
text counts, so an answer that talks about the tag keeps it. Where the tags were cut by the stream makes no difference.
Source: https://huggingface.co/deepseek-ai/DeepSeek-R1 and https://docs.vllm.ai/en/latest/features/reasoning_outputs.html
(read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from omniroute.formats import ir

OPENING, CLOSING = "<think>", "</think>"


class ThinkTags:
    """`feed` takes events and gives those that stand for them; nothing is left over once the last part has stopped."""

    def __init__(self) -> None:
        self._number = -1  # of the part that went out last
        self._state: Literal["passing", "undecided", "thinking", "thought"] = "passing"
        self._held = ""  # text of which it is not yet clear what it belongs to

    def feed(self, events: Iterable[ir.Event]) -> list[ir.Event]:
        return [out for event in events for out in self._one(event)]

    def _one(self, event: ir.Event) -> list[ir.Event]:
        if isinstance(event, ir.Started | ir.UsageSeen | ir.Finished):
            return [event]
        if isinstance(event, ir.PartStarted):
            if event.kind == "text":
                self._state, self._held = "undecided", ""
                return []
            self._state = "passing"
            return [self._opened(event)]
        if isinstance(event, ir.TextDelta) and self._state != "passing":
            self._held += event.text
            return self._read()
        if isinstance(event, ir.PartStopped):
            return self._stop()
        if self._state == "passing":
            return [replace(event, index=self._number)]
        if isinstance(event, ir.CitationSeen) and self._state == "undecided":
            return [*self._as_text(), replace(event, index=self._number)]
        return []  # a citation of what turned out to be reasoning

    def _read(self) -> list[ir.Event]:
        """What the held text tells by now."""
        if self._state == "undecided":
            start = self._held.lstrip()
            if not start.startswith(OPENING):
                return [] if OPENING.startswith(start) else self._as_text()
            self._state, self._held = "thinking", start[len(OPENING) :]
            return [self._opened(ir.PartStarted(0, "reasoning")), *self._read()]
        if self._state == "thinking":
            thought, closing, rest = self._held.partition(CLOSING)
            if closing:
                self._state, self._held = "thought", rest
                return [*self._thought(thought), ir.PartStopped(self._number), *self._read()]
            kept = _beginning_of(CLOSING, thought)
            self._held = thought[len(thought) - kept :]
            return self._thought(thought[: len(thought) - kept])
        self._held = self._held.lstrip()
        return self._as_text() if self._held else []

    def _stop(self) -> list[ir.Event]:
        state, self._state = self._state, "passing"
        if state == "undecided":
            return [*self._as_text(), ir.PartStopped(self._number)]
        if state == "thinking":
            return [*self._thought(self._held), ir.PartStopped(self._number)]
        return [] if state == "thought" else [ir.PartStopped(self._number)]

    def _as_text(self) -> list[ir.Event]:
        """The rest of the part is plain text."""
        text, self._held, self._state = self._held, "", "passing"
        opened = self._opened(ir.PartStarted(0, "text"))
        return [opened, ir.TextDelta(self._number, text)] if text else [opened]

    def _thought(self, text: str) -> list[ir.Event]:
        return [ir.ReasoningDelta(self._number, text)] if text else []

    def _opened(self, part: ir.PartStarted) -> ir.Event:
        self._number += 1
        return replace(part, index=self._number)


def _beginning_of(tag: str, text: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)
