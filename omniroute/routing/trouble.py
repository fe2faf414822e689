"""What a trouble is made of: causes, each with what to do and the places that mend it. The list itself is troubles.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omniroute.providers.values import Provider

# Where something is mended: the label of the link that leads there.
WAYS: dict[str, str] = {
    "key": "Paste a new key",
    "key_page": "Get a key there",
    "base_url": "Edit base URL",
    "chat_path": "Edit chat path",
    "fields": "Edit its address",
    "headers": "Edit headers",
    "sent": "See what is sent upstream",
    "cc": "Add it as Claude Code compatible",
    "agentrouter": "Connect AgentRouter",
    "other_model": "Test with another model",
    "models": "See its models",
    "hide": "Hide what the plan lacks",
    "another_key": "Add another connection",
    "limit": "Limit requests at once",
    "combo": "Put a second provider behind it",
    "health": "See what is waiting",
    "limits": "See limits and quotas",
    "logs": "See such requests in the log",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """`title` is what may be the case, `steps` what to do, in order. `when` says for whom it can be so: a name in WHEN."""

    title: str
    steps: tuple[str, ...]
    ways: tuple[str, ...] = ()
    when: str = "any"


@dataclass(frozen=True, slots=True)
class Trouble:
    """`seen` are the words by which it shows, as upstreams and this gateway write them. The likeliest cause goes first."""

    type: str
    title: str
    seen: tuple[str, ...]
    causes: tuple[Cause, ...]


WHEN: dict[str, Callable[[Provider], bool]] = {
    "any": lambda provider: True,
    "wire": lambda provider: provider.wire is not None,
    "plain": lambda provider: provider.wire is None,
    "node": lambda provider: provider.kind == "node",
    "native": lambda provider: provider.kind == "native",
}
