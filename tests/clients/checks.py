"""What Claude Code must be able to do through the gateway: one function a check, each with a node of its own.

A check raises AssertionError with what was expected and what came; pytest has no hand in this.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.claude_code import ClaudeCode, Turn
from tests.clients.codex import Codex
from tests.clients.place import Place, Target
from tests.clients.samples import PNG_BYTES, signatures_in
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.client import Seen
from tests.upstream.raw import Client
from tests.upstream.relay import Relay
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT, UNICODE

RAN = "SCRIPTED_42"  # what the shell makes of the command that the upstream asks for
GENERATIONS = ("/messages", "/chat/completions", "/responses", ":generateContent", ":streamGenerateContent")
NUMBERS = itertools.count(1)


@dataclass(slots=True)
class Scene:
    """The clients, the gateway, and the upstream of one kind: "messages", "relay", "chat", "responses" or "gemini"."""

    claude: ClaudeCode
    codex: Codex
    place: Place
    speaks: str
    folder: Path
    requests: int = 0  # upstream requests that were looked through so far
    target: Target = field(init=False)

    def begin(self, *scripts: Any) -> None:
        """A new node, and what its upstream is to answer: the last script to all requests that come after the others."""
        self.place.upstream.reset()
        self.target = self.place.target(self.speaks, model=f"scripted-{next(NUMBERS):04}")  # by which its log rows are found
        for script in scripts[:-1]:
            self.place.upstream.queue(script)
        if scripts:
            self.place.upstream.always(scripts[-1])

    def ask(self, prompt: str, *options: str, **more: Any) -> Turn:
        return self.claude.ask(prompt, self.target.model, *options, **more)

    def sent(self) -> list[Seen]:
        """The requests for an answer that reached the upstream."""
        return [seen for seen in self.place.upstream.requests() if seen.path.endswith(GENERATIONS)]

    @property
    def native(self) -> bool:
        """Whether the upstream speaks what Claude Code speaks."""
        return self.speaks in ("messages", "relay")

    def asked(self, path: str = "/messages") -> list[dict[str, Any]]:
        """The log rows of what the client has asked of this model at this path, oldest first, all of them."""
        with Client(self.place.url) as client:  # rows are written in order: when this one's is there, so are those before
            mark = client.post("/v1/messages", {"model": "nobody/none"}, {"x-api-key": self.place.key}).read()
        self.place.gateway.log_rows(1, requestId=mark.headers["x-request-id"])
        rows = self.place.gateway.api("GET", f"/api/usage/logs?limit=100&model={self.target.model}")["logs"]
        return [row for row in reversed(rows) if row["path"].endswith(path)]

    def end(self) -> None:
        """What holds after every check: no key of the gateway upstream, and a relay that had nothing to find fault with."""
        for seen in self.place.upstream.requests():
            if self.place.key in f"{seen.target} {seen.headers} {seen.body!r}":
                raise AssertionError(f"the gateway's key went upstream in {seen.method} {seen.target}")
            if isinstance(self.place.upstream, Relay):
                same(seen.note.get("wrong"), {}, "headers that the relay refused")
            self.requests += 1


def same(got: Any, wanted: Any, what: str) -> None:
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def holds(part: Any, whole: Any, what: str) -> None:
    if part not in whole:
        raise AssertionError(f"{what}: {part!r} is not in {str(whole)[:400]!r}")


def fine(turn: Turn, text: str, requests: int = 1) -> None:
    """The turn went well, in so many requests, and no usage was lost on the way."""
    same((turn.status, turn.failed), (0, False), f"exit status and error ({turn.text[:300]})")
    holds(text, turn.text, "its answer")
    same(turn.said["stop_reason"], "end_turn", "stop reason")
    same(turn.tokens, (PROMPT * requests, OUTPUT * requests), "tokens")


def reported(turn: Turn, *statuses: int) -> None:
    if not turn.failed:
        raise AssertionError(f"a failure went unnoticed: {turn.text[:300]!r}")
    if statuses:
        holds(turn.said.get("api_error_status"), statuses, "reported status")


# The checks ------------------------------------------------------------------------------


def text_turn(scene: Scene) -> None:
    scene.begin("text")
    fine(scene.ask("say hello"), TEXT)
    (seen,) = only(scene.sent(), 1)
    same(seen.json.get("stream") or seen.path.endswith(":streamGenerateContent"), True, "stream")
    same([(row["status"], row["message"]) for row in scene.asked()], [(200, "")], "what Claude Code was answered")
    if scene.native:
        expected = {"system", "tools", "metadata", "max_tokens", "thinking", "context_management"}
        same(expected - seen.json.keys(), set(), "members lost on the way")
        holds("claude-code-20250219", seen.header("anthropic-beta") or "", "betas")
        same(seen.header_values("anthropic-version"), ["2023-06-01"], "version")


def only(found: Sequence[Any], count: int) -> Sequence[Any]:
    same(len(found), count, "upstream requests")
    return found


def bearer_token(scene: Scene) -> None:
    scene.begin("text")
    turn = scene.ask("say hello", env={"ANTHROPIC_API_KEY": None, "ANTHROPIC_AUTH_TOKEN": scene.place.key})
    fine(turn, TEXT)


def tool_round(scene: Scene) -> None:
    scene.begin("tool")
    fine(scene.ask("run it"), f"The tool said: {RAN}", requests=2)
    only(scene.sent(), 2)


def parallel_tools(scene: Scene) -> None:
    scene.begin("tools")
    turn = scene.ask("run both")
    fine(turn, RAN, requests=2)
    same(turn.text.count(RAN), 2, "results of the two tools")


def failing_tool(scene: Scene) -> None:
    scene.begin({"say": "tool", "tool": "Bash", "tool_input": {"command": "echo oops >&2; exit 3", "description": "Fail"}})
    fine(scene.ask("run it"), "oops", requests=2)
    if scene.native:
        blocks = scene.sent()[-1].json["messages"][-1]["content"]
        same([block.get("is_error") for block in blocks if block["type"] == "tool_result"], [True], "is_error")


def image_read(scene: Scene) -> None:
    picture = scene.folder / "picture.png"
    picture.write_bytes(PNG_BYTES)
    scene.begin({"say": "tool", "tool": "Read", "tool_input": {"file_path": str(picture)}}, "image")
    fine(scene.ask("look at it"), "I see image/", requests=2)


def thought_and_tool(scene: Scene) -> None:
    scene.begin("thinking-tool")
    turn = scene.ask("think, then run it")
    fine(turn, RAN, requests=2)
    holds(THOUGHT, "".join(turn.deltas("thinking")), "its thoughts")
    if scene.native:
        turns = scene.sent()[-1].json["messages"]
        blocks = [block for each in turns if each["role"] == "assistant" for block in each["content"]]
        thoughts = [(block["thinking"], block["signature"]) for block in blocks if block["type"] == "thinking"]
        same(thoughts, [(THOUGHT, SIGNATURE)], "thoughts that came back")
    elif scene.speaks != "chat":
        same(signatures_in(scene.sent()[-1].json, scene.speaks), [SIGNATURE], "signatures that came back")


def live_stream(scene: Scene) -> None:
    scene.begin({"gap": 0.1, "pieces": 20, "text": "word " * 20})
    unfinished = []

    def look(event: dict[str, Any]) -> None:
        if not unfinished and event["type"] == "content_block_delta":
            unfinished.append(scene.sent()[-1].how is None)

    fine(scene.ask("say it slowly", on_event=look), "word word")
    same(unfinished, [True], "whether the upstream was still at it when the first piece came")


def every_character(scene: Scene) -> None:
    scene.begin("unicode")
    turn = scene.ask("say something odd")
    fine(turn, "")
    same("".join(turn.deltas("text")), UNICODE, "its text")


def structured_answer(scene: Scene) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    scene.begin({"say": "tool", "tool": "StructuredOutput", "tool_input": {"a": "x"}})
    turn = scene.ask("answer", "--json-schema", json.dumps(schema))
    same(turn.said.get("structured_output"), {"a": "x"}, "structured output")


def refused_request(scene: Scene) -> None:
    """Newer versions ask again with fewer betas by themselves: what counts is that the gateway repeats nothing."""
    scene.begin("400")
    turn = scene.ask("say hello")
    reported(turn, 400)
    holds("something is wrong with them", turn.text, "its report")
    rows = scene.asked()
    same({(row["status"], len(row["attempts"])) for row in rows}, {(400, 1)}, "status and attempts of what Claude Code asked")
    same(len(scene.sent()), len(rows), "upstream requests")


def long_prompt(scene: Scene) -> None:
    scene.begin("context")
    turn = scene.ask("say hello")
    reported(turn)
    holds("Prompt is too long", turn.text, "its report")


def passing_trouble(scene: Scene) -> None:
    for trouble in ("429-bare", "529", "500"):
        scene.begin(trouble, "text")
        fine(scene.ask("say hello", env={"CLAUDE_CODE_MAX_RETRIES": "3"}), TEXT)
        only(scene.sent(), 2)


def lasting_trouble(scene: Scene) -> None:
    scene.begin("529")
    reported(scene.ask("say hello"), 529)
    rows = scene.asked()
    same({(row["status"], len(row["attempts"])) for row in rows}, {(529, 1)}, "status and attempts of what Claude Code asked")
    same(len(scene.sent()), len(rows), "upstream requests")


def error_in_mid_stream(scene: Scene) -> None:
    scene.begin("error-later")
    reported(scene.ask("say hello"))


def cut_in_mid_stream(scene: Scene) -> None:
    scene.begin("cut")
    reported(scene.ask("say hello"))


def context_command(scene: Scene) -> None:
    scene.begin("text")
    turn = scene.ask("/context")
    same((turn.status, turn.failed), (0, False), "exit status and error")
    holds("Context Usage", turn.text, "its answer")
    only(scene.sent(), 0)


def wrong_key(scene: Scene) -> None:
    scene.begin("text")
    reported(scene.ask("say hello", env={"ANTHROPIC_API_KEY": "sk-or-wrong"}), 401)
    same(len(scene.place.upstream.requests()), 0, "upstream requests")


CHECKS: dict[str, Callable[[Scene], None]] = {
    "a text turn": text_turn,
    "the key as a bearer token": bearer_token,
    "a tool that really runs": tool_round,
    "two tools at once": parallel_tools,
    "a tool that fails": failing_tool,
    "a picture is read": image_read,
    "a thought, a tool, its signature": thought_and_tool,
    "a stream as it comes": live_stream,
    "every character": every_character,
    "a structured answer": structured_answer,
    "a 400 is repeated by nobody": refused_request,
    "a prompt that is too long": long_prompt,
    "429, 529, 500, then fine": passing_trouble,
    "529 for ever": lasting_trouble,
    "an error in mid-stream": error_in_mid_stream,
    "a cut in mid-stream": cut_in_mid_stream,
    "/context counts, asks nothing": context_command,
    "a wrong key": wrong_key,
}
