"""What upstreams' errors say, in the shapes that they have."""

from __future__ import annotations

import orjson

from omniroute.errors import Problem
from omniroute.formats import anthropic_messages, openai_error
from omniroute.formats.upstream_error import read_error

GOOGLE = {
    "error": {
        "code": 400,
        "message": "API key not valid.",
        "status": "INVALID_ARGUMENT",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.Help"},
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"},
        ],
    }
}


def test_googles_code_is_the_reason_among_the_details() -> None:
    told = read_error(orjson.dumps(GOOGLE))
    assert (told.message, told.type, told.code) == ("API key not valid.", "INVALID_ARGUMENT", "API_KEY_INVALID")
    bare = {"error": {name: value for name, value in GOOGLE["error"].items() if name != "details"}}
    assert read_error(orjson.dumps([bare])).code == 400


def test_a_code_that_repeats_the_status_hides_none_that_clients_act_on() -> None:
    def code(kind: str, status: int, given: str | int | None) -> object:
        return openai_error.render_error(Problem(status, kind, "no", code=given))["error"]["code"]

    assert code("context_too_long", 400, 400) == "context_length_exceeded"
    assert code("rate_limited", 429, 429) == "rate_limit_exceeded"
    assert code("bad_request", 400, 400) == 400
    assert code("rate_limited", 429, "slow_down") == "slow_down"


def test_googles_words_are_not_told_to_clients_of_others() -> None:
    problem = Problem(503, "overloaded", "no", type="UNAVAILABLE")
    assert anthropic_messages.render_error(problem)["error"]["type"] == "overloaded_error"
    assert openai_error.render_error(problem)["error"]["type"] == "server_error"


def test_googles_wait_stands_among_the_details() -> None:
    waits = {"34.07s": 34.07, "7s": 7.0, "soon": None, "-1s": None}
    for text, seconds in waits.items():
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text}
        document = {"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED", "details": [retry]}}
        assert read_error(orjson.dumps(document)).retry_after == seconds
