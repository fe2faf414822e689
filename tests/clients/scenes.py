"""What a script of an older SDK does: it plays its scenes on each model that it is given, and prints what came of them.

    PYTHONPATH=.venv/sdks/openai-1 python -m tests.clients.play_openai <<< '{"url": ..., "key": ..., "models": {"chat": "up/m"}}'

The output is JSON: {"version": "1.109.1", "played": {"chat": {"text": ...}}}. An exception that a scene lets out is its result.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

Scenes = Mapping[str, Callable[[Any, str], Any]]


def play(version: str, connect: Callable[[str, str], Any], scenes: Scenes) -> None:
    """`connect` makes a client of the gateway's address and a key; a scene gets the client and the model."""
    given = json.load(sys.stdin)
    played: dict[str, dict[str, Any]] = {}
    with connect(given["url"], given["key"]) as client:
        for speaks, model in given["models"].items():
            played[speaks] = {name: outcome(scene, client, model) for name, scene in scenes.items()}
    json.dump({"version": version, "played": played}, sys.stdout)


def outcome(scene: Callable[[Any, str], Any], client: Any, model: str) -> Any:
    try:
        return scene(client, model)
    except Exception as exc:  # whatever it is, the test on the other side compares it with what was expected
        return f"{type(exc).__name__}: {exc}"


def scripted(script: Any) -> str:
    """A prompt that has the upstream follow the script."""
    return f"[[script:{script}]]" if isinstance(script, str) else f"[[script:{json.dumps(script)}]]"
