"""The real Claude Code, headless, with nobody's settings but those given here.

A green exit proves little: after a malformed stream it asks again without streaming and says nothing. So that is switched
off here, and callers look at the stop reason, the usage and the upstream's requests (docs/clients.md, B).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.programs import Package, follow

PACKAGE = Package("@anthropic-ai/claude-code", "claude")

QUIET = {
    "IS_SANDBOX": "1",  # it may be root here
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    "CLAUDE_CODE_MAX_RETRIES": "1",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one run. `said` is its own account of it, `events` the upstream's events as it passed them on."""

    status: int
    said: dict[str, Any]
    events: list[dict[str, Any]] = field(repr=False)

    @property
    def text(self) -> str:
        return str(self.said.get("result", ""))

    @property
    def failed(self) -> bool:
        return bool(self.said.get("is_error"))

    @property
    def tokens(self) -> tuple[int, int]:
        """Of the prompt, cached ones included, and of the answer."""
        usage = self.said["usage"]
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        return sum(usage.get(name) or 0 for name in names), usage["output_tokens"]

    def deltas(self, kind: str) -> list[str]:
        """The pieces of all deltas of a kind, such as "text" for text_delta."""
        found = [event["delta"] for event in self.events if event["type"] == "content_block_delta"]
        return [delta[kind] for delta in found if delta.get("type") == f"{kind}_delta"]


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """`program` with `url` for its API and `key` for its key, as a user would set it up."""

    program: Path
    url: str
    key: str
    seconds: float = 90.0

    def ask(
        self,
        prompt: str,
        model: str,
        *options: str,
        env: Mapping[str, str | None] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> Turn:
        """One run in an empty home and an empty folder. `env` adds variables, None takes one out.

        `on_event` gets the upstream's events as they arrive. Raises AssertionError when there is no result in time.
        """
        given = {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": self.key, **QUIET, **(env or {})}
        command = [str(self.program), "-p", prompt, "--model", model, "--dangerously-skip-permissions", *options]
        command += ["--output-format", "stream-json", "--verbose", "--include-partial-messages"]
        said: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []

        def take(message: dict[str, Any]) -> None:
            if message.get("type") == "result":
                said.append(message)
            elif message.get("type") == "stream_event":
                events.append(message["event"])
                if on_event is not None:
                    on_event(message["event"])

        with tempfile.TemporaryDirectory(prefix="claude-", ignore_cleanup_errors=True) as home:
            kept = {name: value for name, value in given.items() if value is not None}
            status, other = follow(command, Path(home), kept, self.seconds, take)
        if not said:
            raise AssertionError(f"Claude Code ended with status {status} and no result: {other[-500:]}")
        return Turn(status, said[-1], events)
