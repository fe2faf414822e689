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
    """One client's lines."""

    id: str
    client: str
    lines: Lines

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.lines.blocks

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.lines.entries


def snippets(place: Place, speaks: frozenset[str]) -> tuple[Snippet, ...]:
    """Those whose wire format is among `speaks`, the formats in which this model can be asked here."""
    return tuple(Snippet(id, client, write(place)) for id, client, format, write in CLIENTS if format in speaks)


CLIENTS: tuple[tuple[str, str, str, Callable[[Place], Lines]], ...] = (
    ("curl", "curl", "openai_chat", sdk.curl),
    ("openai-python", "OpenAI SDK (Python)", "openai_chat", sdk.openai_python),
    ("openai-js", "OpenAI SDK (JavaScript)", "openai_chat", sdk.openai_js),
    ("anthropic-python", "Anthropic SDK (Python)", "anthropic_messages", sdk.anthropic_python),
    ("anthropic-js", "Anthropic SDK (JavaScript)", "anthropic_messages", sdk.anthropic_js),
    ("genai-python", "Google Gen AI SDK (Python)", "gemini", sdk.genai_python),
    ("claude-code", "Claude Code", "anthropic_messages", tools.claude_code),
    ("codex", "Codex", "openai_responses", tools.codex),
    ("cline", "Cline", "openai_chat", tools.cline),
    ("continue", "Continue", "openai_chat", tools.continue_dev),
    ("aider", "aider", "openai_chat", tools.aider),
    ("opencode", "OpenCode", "openai_chat", tools.opencode),
    ("openai", "Any OpenAI client", "openai_chat", sdk.any_openai),
)
