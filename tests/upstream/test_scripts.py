"""The scripted upstream does what its scripts say: seen on bare sockets, since whole suites rely on it."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client, post
from tests.upstream.script import NAMES, SIGNATURE, TEXT, THOUGHT, UNICODE, Script, marked
from tests.upstream.untrusted import UntrustedTls

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
BOTH = pytest.mark.parametrize("path", [CHAT, MESSAGES])
PNG = base64.b64encode(b"\x89PNG not really").decode()


def text_of(answer: Answer) -> str:
    """The text of a whole or a streamed answer in either format."""
    if answer.headers["content-type"].startswith("application/json"):
        document = answer.json
        if "choices" in document:
            return str(document["choices"][0]["message"]["content"])
        return "".join(block.get("text", "") for block in document["content"])
    deltas = [data["delta"] for _, data in answer.events if isinstance(data, dict) and data.get("type") == "content_block_delta"]
    chunks = [data["choices"][0]["delta"] for _, data in answer.events if isinstance(data, dict) and data.get("choices")]
    return "".join(delta.get("text", "") for delta in deltas) + "".join(chunk.get("content") or "" for chunk in chunks)


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_without_a_script_it_says_hello(upstream: Upstream, path: str, stream: bool) -> None:
    answer = post(upstream.url, path, stream=stream)
    assert answer.status == 200
    assert answer.whole
    assert text_of(answer) == TEXT
    assert upstream.last().sent == answer.body


@BOTH
def test_each_event_is_a_chunk_of_its_own(upstream: Upstream, path: str) -> None:
    answer = post(upstream.url, path, stream=True)
    assert answer.framed.count(b"\n\n\r\n") == len(answer.events)


@BOTH
def test_text_is_not_escaped(upstream: Upstream, path: str) -> None:
    upstream.queue("unicode")
    answer = post(upstream.url, path, stream=True)
    assert "\u2028".encode() in answer.body
    assert text_of(answer) == UNICODE


@BOTH
@pytest.mark.parametrize(
    ("script", "chat", "messages"),
    [
        ("text", {"prompt_tokens": 19, "completion_tokens": 17}, {"input_tokens": 11, "output_tokens": 17}),
        ("usage-plain", {"prompt_tokens": 19, "completion_tokens": 17}, {"input_tokens": 19, "output_tokens": 17}),
        ("usage-zero", {"prompt_tokens": 0, "completion_tokens": 0}, {"input_tokens": 0, "output_tokens": 0}),
        ("usage-null", None, None),
        ("usage-none", "absent", "absent"),
    ],
)
def test_usage_agrees_across_formats(upstream: Upstream, path: str, script: str, chat: Any, messages: Any) -> None:
    upstream.always(script)
    told = post(upstream.url, path).json.get("usage", "absent")
    wanted = chat if path == CHAT else messages
    if isinstance(wanted, dict):
        assert {name: told[name] for name in wanted} == wanted
    else:
        assert told == wanted


def test_a_chat_stream_tells_usage_only_when_asked(upstream: Upstream) -> None:
    assert b"usage" not in post(upstream.url, CHAT, stream=True).body
    asked = post(upstream.url, CHAT, stream=True, stream_options={"include_usage": True})
    assert asked.events[-2][1]["usage"]["total_tokens"] == 36
    assert asked.events[-2][1]["choices"] == []
    assert asked.events[-1] == (None, "[DONE]")


def test_a_messages_stream_has_its_blocks_in_order(upstream: Upstream) -> None:
    upstream.queue("thinking-tool")
    answer = post(upstream.url, MESSAGES, stream=True)
    kinds = [event for event, _ in answer.events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    starts = [data["content_block"]["type"] for event, data in answer.events if event == "content_block_start"]
    assert starts == ["thinking", "text", "tool_use"]
    deltas = [data["delta"] for event, data in answer.events if event == "content_block_delta"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == THOUGHT
    assert [delta["signature"] for delta in deltas if "signature" in delta] == [SIGNATURE]
    assert json.loads("".join(delta.get("partial_json", "") for delta in deltas)) == {"city": "Paris", "unit": "°C"}


def test_parallel_tool_calls_of_a_chat_stream_can_be_interleaved(upstream: Upstream) -> None:
    upstream.queue("tools-interleaved")
    answer = post(upstream.url, CHAT, stream=True)
    choices = [data["choices"][0]["delta"] for _, data in answer.events if isinstance(data, dict) and data["choices"]]
    fragments = [delta["tool_calls"][0] for delta in choices if "tool_calls" in delta]
    assert [each["index"] for each in fragments[:4]] == [0, 1, 0, 1]
    for index, city in enumerate(("Paris", "Rome")):
        arguments = "".join(each["function"]["arguments"] for each in fragments if each["index"] == index)
        assert json.loads(arguments)["city"] == city


@BOTH
def test_a_tool_is_called_then_its_result_is_repeated(upstream: Upstream, path: str) -> None:
    ask: dict[str, Any] = {"role": "user", "content": "[[script:tool]] run it"}
    first = post(upstream.url, path, messages=[ask]).json
    if path == CHAT:
        message = first["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "42 degrees"}
        turns = [ask, message, result]
    else:
        called = next(block for block in first["content"] if block["type"] == "tool_use")
        result = {"type": "tool_result", "tool_use_id": called["id"], "content": [{"type": "text", "text": "42 degrees"}]}
        turns = [ask, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": [result]}]
    assert text_of(post(upstream.url, path, messages=turns)) == "The tool said: 42 degrees"


def test_it_calls_the_tool_that_is_forced_and_fills_its_schema(upstream: Upstream) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}}
    tools = [{"name": name, "input_schema": schema} for name in ("first", "second")]
    answer = post(upstream.url, MESSAGES, tools=tools, tool_choice={"type": "tool", "name": "second"}).json
    assert answer["content"][-1]["name"] == "second"
    assert answer["content"][-1]["input"] == {"n": 7, "tags": ["sample"]}
    assert answer["stop_reason"] == "tool_use"


def test_it_says_which_image_it_saw(upstream: Upstream) -> None:
    upstream.always("image")
    chat = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]}]
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    messages = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    assert text_of(post(upstream.url, CHAT, messages=chat)) == "I see image/png, 15 bytes"
    assert text_of(post(upstream.url, MESSAGES, messages=messages)) == "I see image/png, 15 bytes"


@pytest.mark.parametrize(
    ("script", "chat", "messages"), [("refusal", "content_filter", "refusal"), ("max_tokens", "length", "max_tokens")]
)
def test_stop_reasons(upstream: Upstream, script: str, chat: str, messages: str) -> None:
    upstream.always(script)
    assert post(upstream.url, CHAT).json["choices"][0]["finish_reason"] == chat
    assert post(upstream.url, MESSAGES).json["stop_reason"] == messages


@BOTH
@pytest.mark.parametrize("name", sorted(name for name, script in NAMES.items() if script.status not in (None, 200)))
def test_errors_keep_status_and_come_in_the_format_asked_in(upstream: Upstream, path: str, name: str) -> None:
    answer = post(upstream.url, path, model=f"fault-{name}", stream=True)
    script = NAMES[name]
    assert answer.status == script.status
    assert all(answer.headers[header.lower()] == value for header, value in script.headers.items())
    if script.raw is None:
        assert answer.json["error"]["message"] == script.message
        assert ("request_id" in answer.json) == (path == MESSAGES)


def test_whole_answers_can_be_spoiled(upstream: Upstream) -> None:
    upstream.queue("html", "empty", "not-json", "error-first", "cut", "close", "gzip")
    assert "<title>" in post(upstream.url, CHAT).body.decode()
    assert post(upstream.url, CHAT).body == b""
    assert post(upstream.url, CHAT).body == b"{'almost': json}"
    assert post(upstream.url, CHAT).json["error"]["type"] == "overloaded_error"
    assert not post(upstream.url, CHAT).whole
    closed = post(upstream.url, CHAT)
    assert closed.headers["connection"] == "close"
    assert "content-length" not in closed.headers
    assert text_of(closed) == TEXT
    assert json.loads(gzip.decompress(post(upstream.url, CHAT).body))["object"] == "chat.completion"


@BOTH
def test_error_events_end_a_stream_where_the_script_says(upstream: Upstream, path: str) -> None:
    upstream.queue({"error_after": 0}, {"error_after": 3, "type": "rate_limit_error", "message": "slow down"})
    first, later = post(upstream.url, path, stream=True), post(upstream.url, path, stream=True)
    assert "error" in first.events[0][1]
    assert len(later.events) == 4
    assert later.events[-1][1]["error"]["type"] == "rate_limit_error"
    assert later.whole


@BOTH
def test_a_cut_stream_has_so_many_events_and_no_end(upstream: Upstream, path: str) -> None:
    upstream.queue({"cut_after": 0}, {"cut_after": 3})
    for wanted in (0, 3):
        answer = post(upstream.url, path, stream=True)
        assert (len(answer.events), answer.whole) == (wanted, False)
        assert upstream.last().how == "cut"


@BOTH
@pytest.mark.parametrize(
    "name", ["crlf", "bom", "comments", "nulls", "pings", "no-last-blank", "bytewise", "split", "close", "slow"]
)
def test_a_stream_framed_oddly_still_says_the_same(upstream: Upstream, path: str, name: str) -> None:
    upstream.queue(name)
    answer = post(upstream.url, path, stream=True)
    assert answer.whole
    assert text_of(answer) == NAMES[name].text
    marks = {
        "crlf": b"\r\n\r\n",
        "bom": b"\xef\xbb\xbf",
        "comments": b": a comment",
        "nulls": b"data: null",
        "pings": b"event: ping",
    }
    if name in marks and (name != "pings" or path == MESSAGES):
        assert marks[name] in answer.body
    assert answer.body.endswith(b"\n\n") == (name not in ("no-last-blank", "crlf"))


def test_a_malformed_event_and_missing_parts(upstream: Upstream) -> None:
    upstream.queue("malformed", "no-event-lines", "no-done")
    assert '{"type": "content_bl' in [data for _, data in post(upstream.url, MESSAGES, stream=True).events]
    assert {event for event, _ in post(upstream.url, MESSAGES, stream=True).events} == {None}
    assert b"[DONE]" not in post(upstream.url, CHAT, stream=True).body


def test_gzip_in_a_stream(upstream: Upstream) -> None:
    upstream.queue("gzip")
    answer = post(upstream.url, CHAT, stream=True)
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == upstream.last().sent


@BOTH
@pytest.mark.parametrize("name", ["reset", "redirect"])
def test_no_answer_and_a_redirect(upstream: Upstream, path: str, name: str) -> None:
    upstream.queue(name)
    if name == "redirect":
        assert post(upstream.url, path).headers["location"] == "http://127.0.0.1:9/elsewhere"
        return
    with pytest.raises(ConnectionResetError):
        post(upstream.url, path)
    assert upstream.last().how == "reset"


@BOTH
@pytest.mark.parametrize(("name", "arrived"), [("hang", b""), ("silence", b"200 OK"), ("stall", b"data:"), ("slow", b"data:")])
def test_it_notes_when_the_peer_leaves(upstream: Upstream, path: str, name: str, arrived: bytes) -> None:
    upstream.queue(name)
    with Client(upstream.url) as client:
        client.post(path, {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True})
        client.read_until(arrived)
        waiting = upstream.wait_for(1)
        assert waiting.how is None
    left = upstream.closed(waiting.id)
    assert left.ended is not None
    assert left.ended > left.began


def test_the_transfer_coding_breaks_where_the_script_says(upstream: Upstream) -> None:
    for stream, script, events in ((True, "bad-chunk", 5), (True, "bad-chunk-first", 0), (False, "bad-chunk", 0)):
        upstream.queue(script)
        with Client(upstream.url) as client:
            client.post(CHAT, {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream})
            assert client.read_until(b"no chunk").endswith(b"\r\nno size\r\nno chunk\r\n")
            with pytest.raises(ConnectionError):
                client.receive()
        assert (upstream.last().how, upstream.last().events) == ("cut", events)


def test_it_hangs_up_on_those_that_it_does_not_serve(upstream: Upstream) -> None:
    upstream.queue({"delay": 0.2})
    with Client(upstream.url) as idle, Client(upstream.url) as busy:
        assert idle.get("/v1/models").read().status == 200
        busy.get("/v1/models")
        upstream.wait_for(2)
        upstream.hang_up()
        with pytest.raises(ConnectionError):
            idle.receive()
        assert busy.read().status == 200


def test_nobody_trusts_the_untrusted(tmp_path: Path) -> None:
    with UntrustedTls(tmp_path) as server:
        place = server.url.removeprefix("https://").split(":")[0], int(server.url.rpartition(":")[2])
        with socket.create_connection(place, 5) as line, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(line, server_hostname=place[0])
        assert (server.tried, server.admitted) == (1, 0)
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(place, 5) as line, trusting.wrap_socket(line) as inner:
            inner.sendall(b"G")
            until(lambda: server.admitted, 5, lambda: "the one who trusts anybody")


def test_a_peer_that_stays_is_not_said_to_have_left(upstream: Upstream) -> None:
    upstream.queue("hang")
    with Client(upstream.url) as client:
        client.post(CHAT, {"model": "m"})
        waiting = upstream.wait_for(1)
        with pytest.raises(AssertionError, match=r"waited 0\.05 s for the peer of request 1 to leave"):
            upstream.closed(waiting.id, within=0.05)


def test_it_records_requests_as_they_came(upstream: Upstream) -> None:
    headers = {"X-Api-Key": "sk-one", "X-Odd-CASE": "kept", "x-odd-case": "twice"}
    body = b'{"model":  "m", "messages":[], "unknown": [1, 2]}'
    with Client(upstream.url) as client:
        client.post("/v1/messages?beta=true", body, headers).read()
    seen = upstream.last("/messages")
    assert (seen.method, seen.target, seen.body, seen.key) == ("POST", "/v1/messages?beta=true", body, "sk-one")
    assert ("X-Odd-CASE", "kept") in seen.headers
    assert seen.header_values("x-odd-case") == ["kept", "twice"]
    with pytest.raises(AssertionError, match="sent 2 times"):
        seen.header("X-Odd-Case")


def test_rules_look_at_key_model_and_path(upstream: Upstream) -> None:
    upstream.always("429", key="sk-spent")
    upstream.always({"text": "small"}, model="scripted-small")
    upstream.queue({"text": "once"}, path="/messages")
    assert post(upstream.url, CHAT, {"Authorization": "Bearer sk-spent"}).status == 429
    assert text_of(post(upstream.url, CHAT, model="scripted-small")) == "small"
    assert [text_of(post(upstream.url, MESSAGES)) for _ in range(2)] == ["once", TEXT]
    assert len(upstream.requests(key="sk-spent")) == 1


def test_a_mistake_in_a_script_is_said(upstream: Upstream) -> None:
    with pytest.raises(ValueError, match="no script named 'tol'"):
        upstream.queue("tol")
    with pytest.raises(ValueError, match="no field cutt_after"):
        upstream.queue({"cutt_after": 3})
    with pytest.raises(ValueError, match="can't look at colour"):
        upstream.always("text", colour="red")
    answer = post(upstream.url, CHAT, messages=[{"role": "user", "content": "[[script:nonsense]]"}])
    assert (answer.status, answer.json["error"]["type"]) == (418, "bad_script")


def test_markers_may_hold_json_with_brackets() -> None:
    assert marked('please [[script:{"say": "tool", "tool_input": [{"a": [[1]]}]}]] now') == Script(
        say="tool", tool_input=[{"a": [[1]]}]
    )


def test_models_and_token_counts(upstream: Upstream) -> None:
    with Client(upstream.url) as client:
        listed = client.get("/v1/models").read().json["data"]
        assert listed[0]["id"] == "scripted-large"
        assert client.get("/v1/models/scripted-small").read().json["id"] == "scripted-small"
        assert client.get("/v1/models/none").read().status == 404
        assert client.post("/v1/messages/count_tokens", {"model": "m", "messages": []}).read().json == {"input_tokens": 19}


def test_a_body_in_chunks_is_read(upstream: Upstream) -> None:
    with Client(upstream.url) as client:
        body = b'10\r\n{"model": "m", "\r\nf\r\nmessages": [] } \r\n0\r\n\r\n'
        answer = client.send(f"POST {CHAT}", {"Host": "here", "Transfer-Encoding": "chunked"}, body).read()
    assert answer.status == 200
    assert upstream.last().json == {"model": "m", "messages": []}
