"""System texts for formats that have one place for them, before the conversation."""

from __future__ import annotations

from omniroute.formats.ir import Message


def leading_system(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """(the system and developer messages that a conversation begins with, the rest of it)."""
    start = 0
    while start < len(messages) and messages[start].role in ("system", "developer"):
        start += 1
    return messages[:start], messages[start:]


def reminder(text: str) -> str:
    """A later one as it stands in a user's turn: in the tag that Claude Code uses for its own reminders."""
    return f"<system-reminder>\n{text}\n</system-reminder>"
