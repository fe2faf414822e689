"""Ready-made lines for the clients that people use, with this gateway's address and a model that is really there.

Names come from outside (a relay may list any), so each is quoted for the language it is put into.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from shlex import quote

KEY_PLACE = "YOUR_KEY"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lines lead. `root` has no trailing slash and no /v1; `key` is None where none is needed."""

    root: str
    model: str
    key: str | None

    @property
    def sdk_key(self) -> str:
        """SDKs always send a key, and one that is sent is always checked: so they need a real one."""
        return self.key or KEY_PLACE


@dataclass(frozen=True, slots=True)
class Snippet:
    """One client's lines. `where` says what they are: a shell, a file's name."""

    id: str
    client: str
    where: str
    text: str


def snippets(place: Place, speaks: frozenset[str]) -> tuple[Snippet, ...]:
    """Those whose wire format is among `speaks`, the formats in which this model can be asked here."""
    return tuple(Snippet(id, client, where, write(place)) for id, client, format, where, write in CLIENTS if format in speaks)


def curl(place: Place) -> str:
    header = "" if place.key is None else f"  -H {quote(f'Authorization: Bearer {place.key}')} \\\n"
    model = json.dumps(place.model, ensure_ascii=False)
    body = f'{{\n  "model": {model},\n  "messages": [{{"role": "user", "content": "hello"}}],\n  "max_tokens": 100\n}}'
    return (
        f"curl -X POST {quote(place.root + '/v1/chat/completions')} \\\n"
        f'  -H "Content-Type: application/json" \\\n{header}'
        f"  -d {quote(body)}"
    )


def openai_python(place: Place) -> str:
    return f"""from openai import OpenAI

client = OpenAI(
    base_url={_text(place.root + "/v1")},
    api_key={_text(place.sdk_key)},
)
answer = client.chat.completions.create(
    model={_text(place.model)},
    messages=[{{"role": "user", "content": "hello"}}],
)
print(answer.choices[0].message.content)"""


def openai_js(place: Place) -> str:
    return f"""import OpenAI from "openai";

const client = new OpenAI({{
  baseURL: {_text(place.root + "/v1")},
  apiKey: {_text(place.sdk_key)},
}});
const answer = await client.chat.completions.create({{
  model: {_text(place.model)},
  messages: [{{ role: "user", content: "hello" }}],
}});
console.log(answer.choices[0].message.content);"""


def anthropic_python(place: Place) -> str:
    return f"""from anthropic import Anthropic

client = Anthropic(
    base_url={_text(place.root)},
    api_key={_text(place.sdk_key)},
)
answer = client.messages.create(
    model={_text(place.model)},
    max_tokens=1024,
    messages=[{{"role": "user", "content": "hello"}}],
)
print(answer.content[-1].text)"""


def anthropic_js(place: Place) -> str:
    return f"""import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({{
  baseURL: {_text(place.root)},
  apiKey: {_text(place.sdk_key)},
}});
const answer = await client.messages.create({{
  model: {_text(place.model)},
  max_tokens: 1024,
  messages: [{{ role: "user", content: "hello" }}],
}});
console.log(answer.content.at(-1).text);"""


def claude_code(place: Place) -> str:
    # ANTHROPIC_API_KEY is emptied: when both are set, Claude Code sends both.
    return f"""export ANTHROPIC_BASE_URL={quote(place.root)}
export ANTHROPIC_AUTH_TOKEN={quote(place.sdk_key)}
export ANTHROPIC_API_KEY=
claude --model {quote(place.model)}"""


def codex(place: Place) -> str:
    # Settings as codex-cli 0.169.0 takes them (tried 2026-11-22).
    return f"""model = {_text(place.model)}
model_provider = "omniroute"

[model_providers.omniroute]
name = "OmniRoute"
base_url = {_text(place.root + "/v1")}
env_key = "OMNIROUTE_KEY"   # export OMNIROUTE_KEY={quote(place.sdk_key)}
wire_api = "responses\""""


def _text(value: str) -> str:
    """A string literal that Python, JavaScript and TOML read alike."""
    return json.dumps(value)


CLIENTS: tuple[tuple[str, str, str, str, Callable[[Place], str]], ...] = (
    ("curl", "curl", "openai_chat", "Shell", curl),
    ("openai-python", "OpenAI SDK (Python)", "openai_chat", "pip install openai", openai_python),
    ("openai-js", "OpenAI SDK (JavaScript)", "openai_chat", "npm install openai", openai_js),
    ("anthropic-python", "Anthropic SDK (Python)", "anthropic_messages", "pip install anthropic", anthropic_python),
    ("anthropic-js", "Anthropic SDK (JavaScript)", "anthropic_messages", "npm install @anthropic-ai/sdk", anthropic_js),
    ("claude-code", "Claude Code", "anthropic_messages", "Shell", claude_code),
    ("codex", "Codex", "openai_responses", "~/.codex/config.toml", codex),
)
