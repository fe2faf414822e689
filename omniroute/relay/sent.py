"""How much of a streamed answer has gone out, for those whose upstream never says: a guess by size, made without reading it."""

from __future__ import annotations

PER_TOKEN = 4  # bytes of text


class Sent:
    """Counts what is put out. An event is mostly frame: the smallest one seen stands for the frame of each."""

    __slots__ = ("events", "size", "smallest")

    def __init__(self) -> None:
        self.size = self.events = 0
        self.smallest = 0

    def add(self, data: bytes) -> None:
        events = data.count(b"data:") or 1
        each = len(data) // events
        if not self.smallest or each < self.smallest:
            self.smallest = each
        self.size += len(data)
        self.events += events

    def tokens(self) -> int:
        """One an event at least: that is how most upstreams stream."""
        return max(self.events, (self.size - self.events * self.smallest) // PER_TOKEN)
