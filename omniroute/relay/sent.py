"""How much of a streamed answer has gone out, for those whose upstream never says: a guess by size, made without reading it."""

from __future__ import annotations

import re

PER_TOKEN = 4  # bytes of text
SAMPLE = 2048  # bytes of the beginning that are kept, for what part of it is text

# What carries text in the events of the four formats; the rest of an event is frame.
TEXT = re.compile(
    rb'"(?:content|reasoning_content|reasoning|text|thinking|refusal|delta|arguments|partial_json)"\s*:\s*"((?:[^"\\]|\\.)*)"'
)


class Sent:
    """Counts what is put out."""

    __slots__ = ("_sample", "_sampled", "size")

    def __init__(self) -> None:
        self.size = self._sampled = 0
        self._sample: list[bytes] = []

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self._sampled < SAMPLE:
            self._sample.append(data[:SAMPLE])
            self._sampled += len(data)

    def tokens(self) -> int:
        """At least one, where anything has gone out."""
        sample = b"".join(self._sample)
        if not sample:
            return 0
        text = sum(len(found) for found in TEXT.findall(sample))
        return max(1, self.size * text // len(sample) // PER_TOKEN)
