"""What real clients ask of a gateway, by the numbers of docs/clients.md, on the wire itself: 19 to 24, errors and retries."""

from __future__ import annotations

import pytest

from tests.clients.place import FORMATS, Place, Target
from tests.clients.samples import claude_code_body
from tests.clients.wire import (
    CHAT,
    COUNT,
    ENDPOINTS,
    GEMINI_COUNT,
    MESSAGES,
    RESPONSES,
    address,
    ask,
    get,
    hello,
    post,
    told_error,
)

EACH_ENDPOINT = pytest.mark.parametrize("path", ENDPOINTS.values(), ids=[f"from {name}" for name in ENDPOINTS])
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def assert_kept(place: Place, target: Target, path: str, script: str, status: int, text: str, stream: bool) -> None:
    place.upstream.always(script)
    answer = ask(place, path, target, stream=stream)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert told_error(path, answer)["message"].startswith(text)


@EACH_ENDPOINT
@BOTH_WAYS
@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ("400", 400, "messages: something is wrong with them"),
        ("context", 400, "prompt is too long: 250000 tokens > 200000 maximum"),
        ("413", 413, "Request exceeds the maximum size"),
        ("422", 422, "Unprocessable"),
    ],
)
def test_19_what_is_wrong_with_a_request_is_told_in_the_callers_shape(
    place: Place, target: Target, path: str, script: str, status: int, text: str, stream: bool
) -> None:
    assert_kept(place, target, path, script, status, text, stream)


@EACH_ENDPOINT
@BOTH_WAYS
@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ("403", 403, "Your account may not do this"),
        ("404", 404, "The model does not exist"),
        ("error-first", 529, "Overloaded"),
    ],
)
def test_19_what_is_wrong_upstream_is_told_in_the_callers_shape(
    place: Place, fresh: Target, path: str, script: str, status: int, text: str, stream: bool
) -> None:
    assert_kept(place, fresh, path, script, status, text, stream)


@pytest.mark.parametrize("path", [CHAT, RESPONSES], ids=["from chat", "from responses"])
def test_19_codes_that_clients_act_on(place: Place, fresh: Target, path: str) -> None:
    place.upstream.queue("context")
    assert ask(place, path, fresh).json["error"]["code"] == "context_length_exceeded"
    place.upstream.queue({"status": 429, "type": "insufficient_quota", "code": "insufficient_quota", "message": "Quota exceeded"})
    told = ask(place, path, fresh).json["error"]
    assert (told["type"], told["code"]) == ("insufficient_quota", "insufficient_quota")


def test_19_a_plans_limit_keeps_its_type(place: Place, fresh: Target) -> None:
    """Codex stops at it."""
    place.upstream.queue({"status": 429, "type": "usage_limit_reached", "message": "The usage limit has been reached"})
    assert ask(place, RESPONSES, fresh).json["error"]["type"] == "usage_limit_reached"


@EACH_ENDPOINT
@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_20_hints_for_a_retry_and_ids_are_passed_on(place: Place, fresh: Target, path: str, name: str) -> None:
    hints = {
        name: "3",
        "Retry-After-Ms": "2500",
        "x-should-retry": "false",
        "request-id": "req_upstream",
        "X-Request-Id": "req_upstream",
    }
    place.upstream.always({"name": "429", "headers": hints})
    answer = ask(place, path, fresh)
    assert {each: answer.headers[each] for each in ("retry-after", "retry-after-ms", "x-should-retry")} == {
        "retry-after": "3",
        "retry-after-ms": "2500",
        "x-should-retry": "false",
    }
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    assert answer.headers["request-id"] not in ("", "req_upstream")
    other = place.target(fresh.speaks)
    place.upstream.reset()
    place.upstream.always({"headers": {"request-id": "req_upstream"}})
    assert ask(place, path, other).headers["x-omniroute-upstream-request-id"] == "req_upstream"


@EACH_ENDPOINT
@BOTH_WAYS
@pytest.mark.parametrize("speaks", FORMATS)
def test_21_the_gateway_repeats_nothing(place: Place, path: str, speaks: str, stream: bool) -> None:
    more = (("413", 1), ("422", 1), ("500", 3)) if ENDPOINTS[speaks] == path else ()
    for script, requests in (("400", 1), ("529", 3), *more):
        target = place.target(speaks, connections=3)
        place.upstream.reset()
        place.upstream.always(script)
        ask(place, path, target, stream=stream)
        keys = [seen.key for seen in place.upstream.requests()]
        assert len(keys) == requests, script
        assert len(set(keys)) == requests, f"{script} was sent to the same connection again"


@EACH_ENDPOINT
@BOTH_WAYS
def test_22_an_upstreams_refused_key_is_no_401(place: Place, fresh: Target, path: str, stream: bool) -> None:
    place.upstream.always("401")
    answer = ask(place, path, fresh, stream=stream)
    assert (answer.status, answer.json["omniroute"]["class"]) == (502, "upstream_auth_error")
    place.wait_until_tested(fresh)


COUNTERS = {"messages": "/count_tokens", "gemini": ":countTokens"}


@pytest.mark.parametrize("speaks", COUNTERS)
@pytest.mark.parametrize("path", [COUNT, GEMINI_COUNT], ids=["from messages", "from gemini"])
def test_23_count_tokens_works_whatever_the_upstream_can(place: Place, path: str, speaks: str) -> None:
    for script in ("404", "405", "429", "500", "501", "529"):
        target = place.target(speaks)
        place.upstream.reset()
        place.upstream.always({"status": int(script), "message": "no"}, path=COUNTERS[speaks])
        body = claude_code_body(target.model) if path == COUNT else hello(path, target.model, "hello there " * 20)
        answer = post(place, address(path, target.model), body)
        assert (script, answer.status, answer.headers["x-omniroute-estimate"]) == (script, 200, "characters")
        assert 10 < answer.json["input_tokens" if path == COUNT else "totalTokens"] < 1000
        assert ask(place, MESSAGES, target).status == 200, f"a count that failed with {script} was held against the connection"


@pytest.mark.parametrize("speaks", ["chat", "responses"])
def test_23_count_tokens_is_an_estimate_where_the_upstream_has_none(place: Place, speaks: str) -> None:
    target = place.target(speaks)
    assert 10 < post(place, COUNT, claude_code_body(target.model)).json["input_tokens"] < 1000
    assert 1 <= post(place, address(GEMINI_COUNT, target.model), hello(GEMINI_COUNT, target.model)).json["totalTokens"] < 100
    assert place.upstream.requests() == []
    assert post(place, COUNT, claude_code_body("nobody/knows-this")).status == 404


@EACH_ENDPOINT
def test_24_the_gateways_key_never_goes_upstream(place: Place, target: Target, path: str) -> None:
    where, body = address(path, target.model), hello(path, target.model)
    ways: list[dict[str, str]] = [{name: place.key} for name in ("x-api-key", "x-goog-api-key")]
    ways += [{"Authorization": f"Bearer {place.key}", "x-api-key": place.key, "Cookie": f"key={place.key}"}]
    for headers in ways:
        assert post(place, where, body, headers).status == 200
    assert post(place, f"{where}?key={place.key}", body, {}).status == 200
    assert post(place, COUNT, hello(COUNT, target.model)).status == 200
    assert post(place, address(GEMINI_COUNT, target.model), hello(GEMINI_COUNT, target.model)).status == 200
    seen = place.upstream.requests()
    assert len(seen) >= 4
    for each in seen:
        assert place.key not in f"{each.target} {each.headers} {each.body!r}"


def test_24_not_with_what_is_asked_of_a_kept_response_either(place: Place, responses: Target) -> None:
    made = ask(place, RESPONSES, responses, store=True).json["id"]
    assert get(place, f"{RESPONSES}/{made}").json["id"] == made
    assert get(place, f"{RESPONSES}/{made}/input_items").json["object"] == "list"
    assert get(place, f"{RESPONSES}/{made}", method="DELETE").json["deleted"] is True
    seen = place.upstream.requests()
    assert [each.method for each in seen] == ["POST", "GET", "GET", "DELETE"]
    assert all(place.key not in f"{each.target} {each.headers} {each.body!r}" for each in seen)
