"""The real Codex, headless (`codex exec`), with nobody's settings but those given here.

Its own repetitions are switched off: a turn that went well has taken one request a round (docs/clients.md).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.programs import Package, follow

PACKAGE = Package("@openai/codex", "codex")

CONFIG = """
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
{top}
[analytics]
enabled = false
"""
OWN_PROVIDER = """
[model_providers.gateway]
name = "gateway"
base_url = {base_url}
env_key = "GATEWAY_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = {retries}
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one run: its exit status and the events that it told."""

    status: int
    events: list[dict[str, Any]] = field(repr=False)
    other: str = field(repr=False)

    @property
    def items(self) -> list[dict[str, Any]]:
        return [event["item"] for event in self.events if event["type"] == "item.completed"]

    @property
    def texts(self) -> list[str]:
        return [item["text"] for item in self.items if item["type"] == "agent_message"]

    @property
    def thoughts(self) -> str:
        return "".join(item["text"] for item in self.items if item["type"] == "reasoning")

    @property
    def commands(self) -> list[tuple[int, str]]:
        """What it ran: exit code and output."""
        return [(item["exit_code"], item["aggregated_output"]) for item in self.items if item["type"] == "command_execution"]

    @property
    def tokens(self) -> tuple[int, int] | None:
        """Of the prompts and of the answers; None for a turn that was not completed."""
        for event in self.events:
            if event["type"] == "turn.completed":
                return event["usage"]["input_tokens"], event["usage"]["output_tokens"]
        return None

    @property
    def failure(self) -> str:
        """Its own report of what went wrong, "" if nothing did."""
        return "".join(str(event["error"]["message"]) for event in self.events if event["type"] == "turn.failed")


@dataclass(frozen=True, slots=True)
class Codex:
    """`program` with the gateway at `url` for its provider and `key` for its key."""

    program: Path
    url: str
    key: str
    seconds: float = 60.0

    def ask(self, prompt: str, model: str, *options: str, retries: int = 0, built_in: bool = False) -> Done:
        """One run in an empty home and an empty folder. The gateway is a provider of its own or, `built_in`, OpenAI itself."""
        base_url = json.dumps(f"{self.url}/v1")
        if built_in:
            config = CONFIG.format(top=f"openai_base_url = {base_url}")
        else:
            config = CONFIG.format(top='model_provider = "gateway"') + OWN_PROVIDER.format(base_url=base_url, retries=retries)
        events: list[dict[str, Any]] = []
        with tempfile.TemporaryDirectory(prefix="codex-", ignore_cleanup_errors=True) as made:
            home = Path(made)
            (home / ".codex").mkdir()
            (home / ".codex" / "config.toml").write_text(f"model = {json.dumps(model)}\n{config}")
            keys: Mapping[str, str] = {"CODEX_API_KEY" if built_in else "GATEWAY_KEY": self.key}
            command = [str(self.program), "exec", "--skip-git-repo-check", "--json", *options, prompt]
            env = {"CODEX_HOME": str(home / ".codex"), **keys}
            status, other = follow(command, home, env, self.seconds, events.append)
        return Done(status, events, other)
