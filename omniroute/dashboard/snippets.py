"""Ready-made lines for the clients that people use, with this gateway's address and a model that is really there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omniroute.dashboard import snippets_sdk as sdk
from omniroute.dashboard import snippets_tools as tools
from omniroute.dashboard.place import KEY_PLACE, Block, Entry, Lines, Place, known_model

__all__ = ["KEY_PLACE", "Place", "Snippet", "known_model", "snippets"]


@dataclass(frozen=True, slots=True)
class Snippet:
    """One client's lines. `short` is what its tab is called."""

    id: str
    client: str
    short: str
    lines: Lines

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.lines.blocks

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.lines.entries


def snippets(place: Place, speaks: frozenset[str]) -> tuple[Snippet, ...]:
    """Those whose wire format is among `speaks`, the formats in which this model can be asked here."""
    return tuple(Snippet(id, client, short, write(place)) for id, client, short, format, write in CLIENTS if format in speaks)


CLIENTS: tuple[tuple[str, str, str, str, Callable[[Place], Lines]], ...] = (
    ("curl", "curl", "curl", "openai_chat", sdk.curl),
    ("openai-python", "OpenAI SDK (Python)", "OpenAI Python", "openai_chat", sdk.openai_python),
    ("openai-js", "OpenAI SDK (JavaScript)", "OpenAI JS", "openai_chat", sdk.openai_js),
    ("anthropic-python", "Anthropic SDK (Python)", "Anthropic Python", "anthropic_messages", sdk.anthropic_python),
    ("anthropic-js", "Anthropic SDK (JavaScript)", "Anthropic JS", "anthropic_messages", sdk.anthropic_js),
    ("genai-python", "Google Gen AI SDK (Python)", "Google Python", "gemini", sdk.genai_python),
    ("claude-code", "Claude Code", "Claude Code", "anthropic_messages", tools.claude_code),
    ("codex", "Codex", "Codex", "openai_responses", tools.codex),
    ("cline", "Cline", "Cline", "openai_chat", tools.cline),
    ("continue", "Continue", "Continue", "openai_chat", tools.continue_dev),
    ("aider", "aider", "aider", "openai_chat", tools.aider),
    ("opencode", "OpenCode", "OpenCode", "openai_chat", tools.opencode),
    ("openai", "Any OpenAI client", "Others", "openai_chat", sdk.any_openai),
)
