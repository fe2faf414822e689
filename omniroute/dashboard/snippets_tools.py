"""Settings of coding tools: which file or window, and what goes there. Each names where it was looked up, all on 2026-11-27."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from omniroute.dashboard.place import Block, Entry, Lines, Place, document, literal, powershell, shell

MILLION = 1_000_000


def claude_code(place: Place) -> Lines:
    # code.claude.com/docs/en/env-vars and /settings. Small tasks in the background go to the haiku model, so that is named, too.
    # ANTHROPIC_API_KEY is emptied: when both are set, Claude Code sends both (measured, docs/clients.md).
    values = {
        "ANTHROPIC_BASE_URL": place.root,
        "ANTHROPIC_AUTH_TOKEN": place.sdk_key,
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": place.model,
    }
    bash = "\n".join(f"export {name}={shell(value) if value else ''}" for name, value in values.items())
    windows = "\n".join(f"$env:{name} = {powershell(value)}" for name, value in values.items())
    lasting = {"env": {**values, "ANTHROPIC_MODEL": place.model}}
    return Lines(
        (
            Block("sh", "Shell", f"{bash}\nclaude --model {shell(place.model)}"),
            Block("powershell", "PowerShell", f"{windows}\nclaude --model {powershell(place.model)}"),
            Block(
                "json",
                "~/.claude/settings.json",
                document(lasting),
                windows=r"%USERPROFILE%\.claude\settings.json",
                note="Or for good: if the file has an “env” already, add these to it. Not in a project's own settings file, "
                "which others get to see.",
            ),
        )
    )


def codex(place: Place) -> Lines:
    # github.com/openai/codex, docs/config.md; as codex-cli 0.169.0 and 0.171.0 take it (tried).
    window = f"model_context_window = {place.window}\n" if place.window else ""
    text = f"""model = {literal(place.model)}
model_provider = "omniroute"
{window}
[model_providers.omniroute]
name = "OmniRoute"
base_url = {literal(place.v1)}
env_key = "OMNIROUTE_KEY"
wire_api = "responses\""""
    note = "The lines before [model_providers.omniroute] go to the top of the file, above its first [...]."
    return Lines(
        (
            Block("toml", "~/.codex/config.toml", text, windows=r"%USERPROFILE%\.codex\config.toml", note=note),
            Block("sh", "Shell", f"export OMNIROUTE_KEY={shell(place.sdk_key)}\ncodex", note="Codex reads the key from here."),
            Block("powershell", "PowerShell", f"$env:OMNIROUTE_KEY = {powershell(place.sdk_key)}\ncodex"),
        )
    )


def cline(place: Place) -> Lines:
    # docs.cline.bot/provider-config/openai-compatible.
    known = place.known
    entries = [
        Entry("API Provider", "OpenAI Compatible", exact=False),
        Entry("Base URL", place.v1),
        Entry("API Key", place.sdk_key),
        Entry("Model ID", place.model),
    ]
    if place.window:
        entries.append(Entry("Context Window", str(place.window)))
    if place.longest:
        entries.append(Entry("Max Output Tokens", str(place.longest)))
    if known is not None:
        sees = "image" in known.modalities
        entries.append(Entry("Image Support", "on" if sees else "off", exact=False))
        prices = (("Input Price", known.input_price), ("Output Price", known.output_price))
        entries += [Entry(field, f"{price:f}") for field, price in prices if price is not None]
    more = "; what comes below the model stands under “Model Configuration”" if len(entries) > 4 else ""
    return Lines(opening=f"In VS Code press the ⚙ of the Cline panel and enter these{more}.", entries=tuple(entries))


def continue_dev(place: Place) -> Lines:
    # docs.continue.dev/reference. It fills ${{ ... }} in from elsewhere, so a "$" in a name is escaped.
    known = place.known
    able = (
        []
        if known is None
        else [*(["tool_use"] if known.tools else []), *(["image_input"] if "image" in known.modalities else [])]
    )
    options = [("contextLength", place.window), ("maxTokens", place.longest)]
    sizes = "".join(f"\n      {name}: {count}" for name, count in options if count)
    text = f"""name: OmniRoute
version: 1.0.0
schema: v1
models:
  - name: {literal(place.model, "$")}
    provider: openai
    model: {literal(place.model, "$")}
    apiBase: {literal(place.v1, "$")}
    apiKey: {literal(place.sdk_key, "$")}
    roles: [chat, edit, apply]"""
    text += f"\n    capabilities: [{', '.join(able)}]" if able else ""
    text += f"\n    defaultCompletionOptions:{sizes}" if sizes else ""
    note = "If the file is there already, add the entry below “models:” to its own."
    return Lines((Block("yaml", "~/.continue/config.yaml", text, windows=r"%USERPROFILE%\.continue\config.yaml", note=note),))


def aider(place: Place) -> Lines:
    # aider.chat/docs/llms/openai-compat.html, /config/aider_conf.html, /config/adv-model-settings.html. "openai/" names aider's
    # own way of asking; the gateway sees what follows.
    model = f"openai/{place.model}"
    bash = f"export OPENAI_API_BASE={shell(place.v1)}\nexport OPENAI_API_KEY={shell(place.sdk_key)}\naider --model {shell(model)}"
    lasting = f"model: {literal(model)}\nopenai-api-base: {literal(place.v1)}\nopenai-api-key: {literal(place.sdk_key)}"
    blocks = [
        Block("sh", "Shell", bash),
        Block(
            "yaml",
            "~/.aider.conf.yml",
            lasting,
            windows=r"%USERPROFILE%\.aider.conf.yml",
            note="Or for good; then start it with just: aider",
        ),
    ]
    if place.window:
        note = "So that aider knows the model's size. Without it aider warns, and works all the same."
        text = document({model: _aider_facts(place)})
        path = r"%USERPROFILE%\.aider.model.metadata.json"
        blocks.append(Block("json", "~/.aider.model.metadata.json", text, windows=path, note=note))
    return Lines(tuple(blocks))


def _aider_facts(place: Place) -> dict[str, Any]:
    known, facts = (
        place.known,
        {"max_input_tokens": place.window, "max_output_tokens": place.longest, "max_tokens": place.longest},
    )
    prices = {} if known is None else {"input_cost_per_token": known.input_price, "output_cost_per_token": known.output_price}
    costs = {name: float(price / Decimal(MILLION)) for name, price in prices.items() if price is not None}
    sizes = {name: count for name, count in facts.items() if count}
    return {**sizes, **costs, "litellm_provider": "openai", "mode": "chat"}


def opencode(place: Place) -> Lines:
    # opencode.ai/v1/docs/providers.md and opencode.ai/docs/migrate-v1: version 2 reads what version 1 does, and needs "npm".
    # It fills {env:...} and {file:...} in from the reader's machine, so a "{" in a name is escaped.
    limit = {"limit": {"context": place.window, "output": place.longest}} if place.window and place.longest else {}
    config = {
        "$schema": "https://opencode.ai/config.json",
        "provider": {
            "omniroute": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "OmniRoute",
                "options": {"baseURL": place.v1, "apiKey": place.sdk_key},
                "models": {place.model: {"name": place.model, **limit}},
            }
        },
        "model": f"omniroute/{place.model}",
    }
    path = r"%USERPROFILE%\.config\opencode\opencode.json"
    note = "If the file is there already, add “omniroute” to its “provider”."
    return Lines(
        (
            Block("json", "~/.config/opencode/opencode.json", _without_placeholders(config), windows=path, note=note),
            Block("sh", "Shell", "opencode"),
        )
    )


def _without_placeholders(config: dict[str, Any]) -> str:
    """JSON in which no string holds a "{" as it stands: its own braces are followed by a line's end, or by another one."""
    lines = document(config).split("\n")
    return "\n".join(line[:-1].replace("{", r"\u007b") + line[-1:] for line in lines)
