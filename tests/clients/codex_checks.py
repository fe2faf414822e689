"""What Codex must be able to do through the gateway: one function a check, as in checks.py."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.clients.checks import RAN, Scene, holds, only, same
from tests.clients.codex import Done
from tests.clients.samples import signatures_in
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT, UNICODE


def ask(scene: Scene, prompt: str, *options: str, retries: int = 0, built_in: bool = False) -> Done:
    return scene.codex.ask(prompt, scene.target.model, *options, retries=retries, built_in=built_in)


def fine(done: Done, text: str, requests: int = 1) -> None:
    """The turn was completed in so many requests, and no usage was lost on the way."""
    same((done.status, done.failure), (0, ""), f"exit status and failure ({done.other[-300:]})")
    holds(text, done.texts[-1], "its answer")
    same(done.tokens, (PROMPT * requests, OUTPUT * requests), "tokens")


def text_turn(scene: Scene) -> None:
    scene.begin("text")
    fine(ask(scene, "say hello"), TEXT)
    only(scene.sent(), 1)
    same([(row["status"], row["message"]) for row in scene.asked("/responses")], [(200, "")], "what Codex was answered")


def tool_round(scene: Scene) -> None:
    scene.begin("tool")
    done = ask(scene, "run it")
    fine(done, RAN, requests=2)
    same(done.commands, [(0, f"{RAN}\n")], "what it ran")
    only(scene.sent(), 2)


def parallel_tools(scene: Scene) -> None:
    scene.begin("tools")
    done = ask(scene, "run both")
    fine(done, RAN, requests=2)
    same(done.texts[-1].count(RAN), 2, "results of the two tools")


def thought_and_tool(scene: Scene) -> None:
    scene.begin("thinking-tool")
    done = ask(scene, "think, then run it")
    fine(done, RAN, requests=2)
    holds(THOUGHT, done.thoughts, "its thoughts")
    if scene.speaks != "chat":
        same(signatures_in(scene.sent()[-1].json, scene.speaks), [SIGNATURE], "signatures that came back")


def every_character(scene: Scene) -> None:
    scene.begin("unicode")
    fine(ask(scene, "say something odd"), UNICODE)


def structured_answer(scene: Scene) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    given = scene.folder / "schema.json"
    given.write_text(json.dumps(schema))
    scene.begin("structured")
    done = ask(scene, "answer", "--output-schema", str(given))
    same((done.status, json.loads(done.texts[-1])), (0, {"a": "sample"}), "structured answer")


def in_openais_place(scene: Scene) -> None:
    """As OpenAI itself; it then asks for a WebSocket first, and must do without."""
    scene.begin("tool")
    fine(ask(scene, "run it", built_in=True), RAN, requests=2)
    only(scene.sent(), 2)


def refused_request(scene: Scene) -> None:
    scene.begin("400")
    done = ask(scene, "say hello")
    holds("something is wrong with them", done.failure, "its report")
    only(scene.sent(), 1)


def long_prompt(scene: Scene) -> None:
    scene.begin("context")
    done = ask(scene, "say hello", retries=3)
    holds("context window", done.failure.lower(), "its report")
    only(scene.sent(), 1)


def limited_then_fine(scene: Scene) -> None:
    """It repeats a 429 only when it is told when to."""
    scene.begin({"name": "429", "headers": {"Retry-After": "1"}}, "text")
    fine(ask(scene, "say hello", retries=3), TEXT)


def error_in_mid_stream(scene: Scene) -> None:
    scene.begin({"error_after": 6, "message": "Overloaded"})
    done = ask(scene, "say hello")
    same(done.status, 1, "exit status")
    holds("Overloaded", done.failure, "its report")


def cut_in_mid_stream(scene: Scene) -> None:
    scene.begin({"cut_after": 6, "pieces": 20})
    done = ask(scene, "say hello")
    same((done.status, bool(done.failure)), (1, True), "exit status, and whether it reported a failure")


def wrong_key(scene: Scene) -> None:
    scene.begin("text")
    stranger = type(scene.codex)(scene.codex.program, scene.codex.url, "sk-or-wrong")
    holds("401", stranger.ask("say hello", scene.target.model).failure, "its report")
    same(len(scene.place.upstream.requests()), 0, "upstream requests")


CHECKS: dict[str, Callable[[Scene], None]] = {
    "a text turn": text_turn,
    "a tool that really runs": tool_round,
    "two tools at once": parallel_tools,
    "a thought, a tool, its signature": thought_and_tool,
    "every character": every_character,
    "a structured answer": structured_answer,
    "in OpenAI's place": in_openais_place,
    "a 400 is repeated by nobody": refused_request,
    "a prompt that is too long": long_prompt,
    "429, then fine": limited_then_fine,
    "an error in mid-stream": error_in_mid_stream,
    "a cut in mid-stream": cut_in_mid_stream,
    "a wrong key": wrong_key,
}
