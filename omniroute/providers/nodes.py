"""Nodes: upstreams that a user adds by address. A node becomes a `Provider` like the native ones, and is used like them."""

from __future__ import annotations

from dataclasses import dataclass

from omniroute.providers.catalog import Catalog, Field, Provider
from omniroute.providers.urls import CC_CHAT_PATH, CHAT_PATHS, MODELS_PATH

OPENAI_COMPATIBLE = "openai-compatible"
ANTHROPIC_COMPATIBLE = "anthropic-compatible"
TYPES = (OPENAI_COMPATIBLE, ANTHROPIC_COMPATIBLE)
API_TYPES = ("chat", "responses")
CC_PREFIX = "anthropic-compatible-cc-"
CC_WIRE = "claude_code"
FAMILIES = ("claude", "gpt")  # a node may pass requests for any maker's models on
FAILURES = "new_api"  # most relays are New-API or One-API; the words are theirs alone, so the rows harm no other


@dataclass(frozen=True, slots=True)
class Node:
    """What a user entered. `chat_path` and `models_path` are as stored: "" or None stand for the type's own."""

    id: str
    name: str
    prefix: str
    type: str  # openai-compatible | anthropic-compatible
    compat_mode: str | None  # cc, or None
    api_type: str | None  # chat | responses, for openai-compatible
    base_url: str
    chat_path: str = ""
    models_path: str | None = None
    custom_headers: tuple[tuple[str, str | None], ...] = ()


def new_node_id(type: str, compat_mode: str | None, api_type: str | None, uuid: str) -> str:
    """The id that a new node gets; its beginning says what it is for ever. Raises ValueError for an unknown kind."""
    if type == OPENAI_COMPATIBLE and compat_mode is None and (api_type or "chat") in API_TYPES:
        return f"{type}-{api_type or 'chat'}-{uuid}"
    if type == ANTHROPIC_COMPATIBLE and api_type is None and compat_mode in ("cc", None):
        return f"{CC_PREFIX}{uuid}" if compat_mode else f"{type}-{uuid}"
    raise ValueError(f"no such kind of node: type {type!r}, compat mode {compat_mode!r}, API type {api_type!r}")


def is_cc(node_id: str) -> bool:
    """Whether this is a Claude Code compatible node. The trailing dash decides: a UUID may begin with "cc" too."""
    return node_id.startswith(CC_PREFIX)


def default_chat_path(type: str, compat_mode: str | None, api_type: str | None) -> str:
    """What the form shows in the field Chat path."""
    return CC_CHAT_PATH if compat_mode == "cc" else CHAT_PATHS[_format(type, api_type)]


def as_provider(node: Node, catalog: Catalog) -> Provider:
    """The node as everybody else sees it: with the Claude Code profile if it is of that kind, and the relays' failure rows."""
    cc = is_cc(node.id)
    return Provider(
        id=node.id,
        name=node.name,
        kind="node",
        format=_format(node.type, node.api_type),
        base_url=node.base_url,
        chat_path=node.chat_path or default_chat_path(node.type, "cc" if cc else None, node.api_type),
        models_path=node.models_path or MODELS_PATH,
        auth="x-api-key" if node.type == ANTHROPIC_COMPATIBLE and not cc else "bearer",
        wire=CC_WIRE if cc else None,
        custom_headers=node.custom_headers,
        families=tuple(family for name in FAMILIES for family in catalog.family_sets.get(name, ())),
        failures=catalog.failure_sets.get(FAILURES, ()),
        prefix=node.prefix,
        notes=catalog.wires[CC_WIRE].notice if cc else "",
        key_field=Field("api_key", "API key", secret=True, required=cc, placeholder="sk-..."),
        key_required=cc,
        cc=cc,
    )


def _format(type: str, api_type: str | None) -> str:
    if type == ANTHROPIC_COMPATIBLE:
        return "anthropic_messages"
    return "openai_responses" if api_type == "responses" else "openai_chat"
