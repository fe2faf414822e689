"""The SDKs' older majors, as their users call them, with upstreams of each format: one process for each (scenes.py).

What the newest do is told in full by the tests of their own; here each scene must come out as it does there.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from bench.processes import PYTHON, ROOT
from tests.clients.place import FORMATS, MODEL, Place
from tests.clients.samples import PNG_BYTES, signatures_in
from tests.gateway import Gateway
from tests.upstream.answer import OUTPUT, PROMPT, REFUSAL
from tests.upstream.beside import VECTOR
from tests.upstream.client import Seen, Upstream
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT, UNICODE

OPENAI, ANTHROPIC = ("openai-2", "openai-1"), ("anthropic-1", "anthropic-0")
# The scenes that say something, by script: the text, the thought, how many calls, and why it ended.
SAID: dict[str, tuple[str, str, int, str]] = {
    "text": (TEXT, "", 0, "end"),
    "unicode": (UNICODE, "", 0, "end"),
    "tool": ("Let me look.", "", 1, "tool"),
    "tools": ("Let me look.", "", 2, "tool"),
    "thinking": (TEXT, THOUGHT, 0, "end"),
    "thinking-tool": ("Let me look.", THOUGHT, 1, "tool"),
    "refusal": (REFUSAL, "", 0, "refusal"),
    "max_tokens": ("This sentence is cut", "", 0, "length"),
}
CHAT_ENDS = {"end": "stop", "tool": "tool_calls", "length": "length", "refusal": "content_filter"}
RESPONSE_ENDS = {"length": ("incomplete", "max_output_tokens"), "refusal": ("incomplete", "content_filter")}
MESSAGE_ENDS = {"end": "end_turn", "tool": "tool_use", "length": "max_tokens", "refusal": "refusal"}
FORECAST = {"city": "sample", "degrees": 7}


@dataclass(frozen=True, slots=True)
class Play:
    version: str
    played: dict[str, dict[str, Any]]  # what the upstream speaks -> scene -> what came of it
    seen: tuple[Seen, ...]  # all that the upstream was asked


@pytest.fixture(scope="session")
def plays(shared_gateway: tuple[Gateway, str], upstream_process: Upstream) -> Callable[[str], Play]:
    """`plays("openai-1")` has all scenes played by that SDK, the first time."""

    @functools.cache
    def play(sdk: str) -> Play:
        place = Place(*shared_gateway[:1], upstream_process, shared_gateway[1])
        upstream_process.reset()
        models = {speaks: place.target(speaks, models=(MODEL,)).model for speaks in FORMATS}
        folder = ROOT / ".venv" / "sdks" / sdk
        assert (folder / "installed").exists(), f"{folder} is missing; 'make test' makes it"
        done = subprocess.run(
            [PYTHON, "-W", "error", "-m", f"tests.clients.play_{sdk.partition('-')[0]}"],
            input=json.dumps({"url": place.url, "key": place.key, "models": models}),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads(done.stdout)
        return Play(told["version"], told["played"], tuple(upstream_process.requests()))

    return play


@pytest.fixture
def scene(plays: Callable[[str], Play], sdk: str, speaks: str) -> dict[str, Any]:
    return plays(sdk).played[speaks]


OF_OPENAI = pytest.mark.parametrize("sdk", OPENAI)
OF_ANTHROPIC = pytest.mark.parametrize("sdk", ANTHROPIC)
EACH_FORMAT = pytest.mark.parametrize("speaks", FORMATS)
EACH_SCRIPT = pytest.mark.parametrize("script", SAID)


@pytest.mark.parametrize("sdk", OPENAI + ANTHROPIC)
def test_it_is_the_pinned_version(plays: Callable[[str], Play], sdk: str) -> None:
    pinned = re.search(r"==(\S+)", (ROOT / "requirements-sdks" / f"{sdk}.in").read_text())
    assert pinned is not None
    assert plays(sdk).version == pinned[1]


@pytest.mark.parametrize("sdk", OPENAI + ANTHROPIC)
def test_the_gateways_key_never_went_upstream(plays: Callable[[str], Play], shared_gateway: Any, sdk: str) -> None:
    seen = plays(sdk).seen
    assert len(seen) > 50
    assert not any(shared_gateway[1] in f"{each.target} {each.headers} {each.body!r}" for each in seen)


# openai ----------------------------------------------------------------------------------


@OF_OPENAI
@EACH_FORMAT
@EACH_SCRIPT
def test_openai_chat(scene: dict[str, Any], script: str) -> None:
    told = scene[f"chat {script}"]
    assert told["streamed"] == told["whole"]
    text, thought, calls, end = SAID[script]
    whole = told["whole"]
    assert (whole["text"] or whole["refusal"], whole["thought"] or "", whole["finish"]) == (text, thought, CHAT_ENDS[end])
    assert [name for name, _ in whole["calls"]] == ["get_weather"] * calls
    assert (whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]) == (PROMPT, OUTPUT)


@OF_OPENAI
@EACH_FORMAT
@EACH_SCRIPT
def test_openai_responses(scene: dict[str, Any], script: str) -> None:
    told = scene[f"responses {script}"]
    assert told["streamed"] == told["whole"]
    text, thought, calls, end = SAID[script]
    whole = told["whole"]
    assert (whole["text"], whole["thought"]) == ("" if end == "refusal" and not whole["text"] else text, thought)
    assert [name for name, _ in whole["calls"]] == ["get_weather"] * calls
    assert (whole["status"], whole["reason"]) == RESPONSE_ENDS.get(end, ("completed", None))
    assert whole["usage"] == [PROMPT, OUTPUT, PROMPT + OUTPUT]


@OF_OPENAI
@EACH_FORMAT
def test_openai_tools_images_and_schemas(scene: dict[str, Any]) -> None:
    assert scene["chat tool loop"] == ["The tool said: Köln\nRome"] * 2
    assert scene["chat image"] == f"I see image/png, {len(PNG_BYTES)} bytes"
    assert scene["chat parsed"] == scene["responses parsed"] == [FORECAST] * 2


@OF_OPENAI
@EACH_FORMAT
def test_openai_responses_that_are_kept(scene: dict[str, Any]) -> None:
    text = "The tool said: Köln\nRome"
    assert scene["responses kept"] == {
        "text": text,
        "found": text,
        "items": ["function_call_output"] * 2,
        "then": "NotFoundError",
        "on": "previous_response_not_found",
    }


@OF_OPENAI
@EACH_FORMAT
def test_openai_models_and_errors(scene: dict[str, Any]) -> None:
    assert scene["models"] == [True, True]
    bad, long, broken, limited = (scene[f"fails: {kind}"] for kind in ("bad request", "too long", "in mid-stream", "limited"))
    assert (bad["class"], bad["status"], bad["request"]) == ("BadRequestError", 400, True)
    assert bad["message"].startswith("messages: something is wrong with them")
    assert (long["class"], long["code"]) == ("BadRequestError", "context_length_exceeded")
    assert broken["class"] == "APIError"
    assert "Overloaded" in broken["message"]
    assert (limited["class"], limited["code"], limited["retry"]) == ("RateLimitError", "rate_limit_exceeded", "2")


@OF_OPENAI
@pytest.mark.parametrize("speaks", ["chat", "responses"])
def test_openai_embeddings(scene: dict[str, Any]) -> None:
    assert scene["embeddings"] == {"default": list(VECTOR), "float": list(VECTOR)}


# anthropic -------------------------------------------------------------------------------


@OF_ANTHROPIC
@EACH_FORMAT
@EACH_SCRIPT
def test_anthropic_messages(scene: dict[str, Any], script: str) -> None:
    told = scene[script]
    assert told["streamed"] == told["whole"]
    text, thought, calls, end = SAID[script]
    whole = told["whole"]
    assert (whole["text"], whole["thought"], whole["stop"]) == (text, thought, MESSAGE_ENDS[end])
    assert [name for name, _ in whole["calls"]] == ["get_weather"] * calls
    assert whole["usage"] == [PROMPT, OUTPUT]


@OF_ANTHROPIC
@EACH_FORMAT
def test_anthropic_tools_images_and_schemas(scene: dict[str, Any]) -> None:
    assert scene["tool loop"] == ["The tool said: Köln\nRome"] * 2
    assert scene["image"] == f"I see image/png, {len(PNG_BYTES)} bytes"
    assert scene["parsed"] == [FORECAST] * 2


@OF_ANTHROPIC
@pytest.mark.parametrize("speaks", ["messages", "responses", "gemini"])
def test_anthropic_signatures_come_back(plays: Callable[[str], Play], scene: dict[str, Any], sdk: str, speaks: str) -> None:
    assert scene["signature"] == ["The tool said: done"] * 2
    path = {"messages": "/messages", "responses": "/responses", "gemini": ":generateContent"}[speaks]
    signing = [each for each in plays(sdk).seen if each.path.endswith(path) and b"Sign it." in each.body]
    signed = [signatures_in(each.json, speaks) for each in signing]
    assert [each for each in signed if each] == [[SIGNATURE]] * 2


@OF_ANTHROPIC
@EACH_FORMAT
def test_anthropic_counts_and_models(scene: dict[str, Any], speaks: str) -> None:
    assert scene["models"] == [True, True, True]
    assert scene["count"] == PROMPT if speaks in ("messages", "gemini") else 0 < scene["count"] < 500


@OF_ANTHROPIC
@EACH_FORMAT
def test_anthropic_errors(scene: dict[str, Any]) -> None:
    bad, long, broken, limited = (scene[f"fails: {kind}"] for kind in ("bad request", "too long", "in mid-stream", "limited"))
    assert (bad["class"], bad["status"], bad["type"], bad["request"]) == ("BadRequestError", 400, "invalid_request_error", True)
    assert bad["message"].startswith("messages: something is wrong with them")
    assert (long["class"], long["message"][:18]) == ("BadRequestError", "prompt is too long")
    assert (broken["status"], broken["type"], broken["message"][:10]) == (200, "overloaded_error", "Overloaded")
    assert (limited["class"], limited["type"], limited["retry"]) == ("RateLimitError", "rate_limit_error", "2")
