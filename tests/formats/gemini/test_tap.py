"""What the onlooker makes of chunks."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from omniroute.formats import ir, sse
from omniroute.formats.gemini.tap import inspect, sight
from tests.formats.samples_gemini import answer, call, text, thought


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([], False),
        ([text("")], False),
        ([text("", thoughtSignature="U0lH")], False),
        ([text("a")], True),
        ([thought("a")], True),
        ([call("f", {}, "fc_1")], True),
        ([{"inlineData": {"mimeType": "image/png", "data": ""}}], True),
        (None, False),
    ],
)
def test_content_is_what_a_client_would_miss(parts: list[dict[str, Any]] | None, content: bool) -> None:
    seen = inspect(answer(parts))
    assert seen == ir.Sighting(content=content, model="gemini-x", id="resp_1")


def test_the_finish_reason_makes_an_end_clean() -> None:
    seen = inspect(answer([text("")], "MAX_TOKENS", {"promptTokenCount": 3}))
    assert (seen.content, seen.last, seen.done, seen.stop_reason, seen.usage) == (True, True, False, "max_tokens", ir.Usage(3))


def test_a_blocked_prompt_is_an_answer_and_an_error_is_none() -> None:
    assert inspect({"promptFeedback": {"blockReason": "SAFETY"}}).stop_reason == "refusal"
    error = {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}
    assert inspect(error) == ir.Sighting(error=error, last=True)


@pytest.mark.parametrize("data", [b"", b"null", b"[1]", b'{"half": ', b"[DONE]"])
def test_events_that_say_nothing(data: bytes) -> None:
    assert sight(sse.Event(None, data, b"")) is None


def test_members_of_the_wrong_kind_are_passed_over() -> None:
    for document in ({"candidates": 5}, {"candidates": [5]}, {"modelVersion": 5, "responseId": []}, {"usageMetadata": "x"}):
        assert sight(sse.Event(None, orjson.dumps(document), b"")) == ir.Sighting()
