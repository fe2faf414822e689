"""Scripts: how the upstream is to behave towards one request. A test picks one; without one it answers with a short text."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT = "Hello from the scripted upstream."
THOUGHT = "The user says something. I should answer politely."
# Base64 with each of its special characters: a signature must come back byte for byte.
SIGNATURE = "c2lnbmF0dXJl/+8xMjM0NTY3ODkwYWJjZGVmZ2hpams+Lz8/fg=="
# Several scripts, a family emoji of many code points, a combining accent, and the two separators at which str.splitlines
# cuts although JSON and SSE do not.
UNICODE = "Grüße, 世界 👩‍👩‍👧 e\u0301 \u2028 after U+2028, \u2029 after U+2029, \u0085 after NEL"
PAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><h1>Checking your browser</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Script:
    """One behaviour. Fields combine freely: `thinking` before a tool call, a cut after three events, CRLF throughout.

    Counts (`*_after`) are of SSE events as the format has them, comments and pings that `pings` adds included.
    Seconds for `delay` and `gap`.
    """

    # What is said
    say: str = "text"  # text, tool, refusal, max_tokens, image, structured, nothing
    text: str = TEXT
    pieces: int = 5  # a text goes out in so many deltas
    thinking: str | None = None
    signature: str = SIGNATURE
    tools: int = 1  # tool calls in parallel
    tool: str | None = None  # name; default: the forced one, else a shell, else the first offered
    tool_input: Any = None  # one input, or a list with one for each call
    interleaved: bool = False  # Chat and Responses: the fragments of parallel calls take turns
    usage: str = "full"  # full, plain (nothing cached), zero, null, none

    # Errors: with a status the answer is that error, whole
    status: int | None = None
    type: str | None = None
    code: str | int | None = None
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # also on answers that are no errors
    raw: str | None = None  # the body as it is
    content_type: str | None = None
    error_after: int | None = None  # an error event in the stream after N events; 0: it is the first

    # The connection
    fault: str | None = None  # reset, hang (no byte of an answer), silence (headers, then nothing)
    cut_after: int | None = None  # TCP closes after N events, no end of the chunked body
    stall_after: int | None = None  # N events, then nothing until the peer leaves
    delay: float = 0.0  # before the first byte
    gap: float = 0.0  # between events

    # The wire
    gzip: bool = False
    chunked: bool = True  # False: Connection: close, the end is the end of the connection
    crlf: bool = False
    bom: bool = False
    comments: bool = False  # a comment before each event
    nulls: bool = False  # `data: null` before each event, as AgentRouter sends
    malformed_after: int | None = None  # after N events one whose data is broken JSON
    broken_after: int | None = None  # after N events the transfer coding breaks: a chunk whose size is no number
    last_blank: bool = True  # False: the last event has no blank line after it
    pings: str = "one"  # none, one, many (Messages)
    event_lines: bool = True  # False: Messages without `event:` lines
    done: bool = True  # False: Chat without `[DONE]`
    split: int | None = None  # pieces of N bytes on the wire, wherever events begin

    @classmethod
    def of(cls, given: Any) -> Script:
        """A script from its name, a dict of its fields (`name` in it: that one's fields changed) or itself.

        Raises ValueError for a name or a field that does not exist.
        """
        if isinstance(given, Script):
            return given
        if isinstance(given, str):
            if given not in NAMES:
                raise ValueError(f"no script named {given!r}; there are {', '.join(sorted(NAMES))}")
            return NAMES[given]
        fields = dict(given)
        base = cls.of(fields.pop("name", "text"))
        unknown = fields.keys() - {each.name for each in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"a script has no field {', '.join(sorted(unknown))}")
        return dataclasses.replace(base, **fields)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def error(status: int, type: str, message: str, code: str | int | None = None, retry_after: str | None = None) -> Script:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Script(status=status, type=type, code=code, message=message, headers=headers)


NAMES: dict[str, Script] = {
    "text": Script(),
    "long": Script(text="word " * 400, pieces=400),
    "unicode": Script(text=UNICODE),
    "empty-text": Script(say="nothing"),
    "tool": Script(say="tool"),
    "tools": Script(say="tool", tools=2),
    "tools-interleaved": Script(say="tool", tools=2, interleaved=True),
    "tool-no-input": Script(say="tool", tool_input={}),
    "thinking": Script(thinking=THOUGHT),
    "thinking-blank": Script(thinking=""),  # what redact-thinking leaves: a signature without a text
    "thinking-tool": Script(say="tool", thinking=THOUGHT),
    "image": Script(say="image"),
    "structured": Script(say="structured"),
    "refusal": Script(say="refusal"),
    "max_tokens": Script(say="max_tokens"),
    "usage-plain": Script(usage="plain"),
    "usage-none": Script(usage="none"),
    "usage-null": Script(usage="null"),
    "usage-zero": Script(usage="zero"),
    "400": error(400, "invalid_request_error", "messages: something is wrong with them"),
    "401": error(401, "authentication_error", "invalid x-api-key", "invalid_api_key"),
    "402": error(402, "billing_error", "Your credit balance is too low", "insufficient_quota"),
    "403": error(403, "permission_error", "Your account may not do this"),
    "404": error(404, "not_found_error", "The model does not exist", "model_not_found"),
    "408": error(408, "timeout_error", "Request timeout"),
    "413": error(413, "request_too_large", "Request exceeds the maximum size"),
    "422": error(422, "invalid_request_error", "Unprocessable"),
    "429": error(429, "rate_limit_error", "Too many requests", "rate_limit_exceeded", retry_after="2"),
    "429-long": error(429, "rate_limit_error", "Too many requests", "rate_limit_exceeded", retry_after="999999"),
    "429-bare": error(429, "rate_limit_error", "Too many requests", "rate_limit_exceeded"),
    "500": error(500, "api_error", "Internal server error"),
    "502": error(502, "api_error", "Bad gateway"),
    "503": error(503, "api_error", "Service unavailable"),
    "529": error(529, "overloaded_error", "Overloaded"),
    "context": error(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
    "html": Script(status=200, raw=PAGE, content_type="text/html; charset=utf-8"),
    "html-500": Script(status=500, raw=PAGE, content_type="text/html; charset=utf-8"),
    "empty": Script(status=200, raw=""),
    "not-json": Script(status=200, raw="{'almost': json}"),
    "redirect": Script(status=302, raw="", headers={"Location": "http://127.0.0.1:9/elsewhere"}),
    "error-first": Script(error_after=0, type="overloaded_error", message="Overloaded"),
    "error-later": Script(pieces=12, error_after=6, type="overloaded_error", message="Overloaded"),
    "cut-first": Script(cut_after=0),
    "cut-early": Script(cut_after=1),  # one event that is no content, save in Gemini's format
    "cut": Script(cut_after=5),
    "reset": Script(fault="reset"),
    "hang": Script(fault="hang"),
    "silence": Script(fault="silence"),
    "stall-early": Script(stall_after=1),
    "stall": Script(stall_after=5),
    "slow": Script(gap=0.05, pieces=20, text="slow " * 20),
    "gzip": Script(gzip=True),
    "close": Script(chunked=False),
    "crlf": Script(crlf=True),
    "bom": Script(bom=True),
    "comments": Script(comments=True),
    "nulls": Script(nulls=True),
    "malformed": Script(malformed_after=4),
    "bad-chunk-first": Script(broken_after=0),
    "bad-chunk": Script(broken_after=5),
    "no-last-blank": Script(last_blank=False),
    "pings": Script(pings="many"),
    "no-event-lines": Script(event_lines=False),
    "no-done": Script(done=False),
    "bytewise": Script(split=1),
    "split": Script(split=7),
}

MARKER = "[[script:"


def marked(text: str) -> Script | None:
    """The script that a `[[script:name]]` or `[[script:{"json": 1}]]` in a prompt asks for."""
    _, found, rest = text.partition(MARKER)
    if not found:
        return None
    if rest.startswith("{"):
        return Script.of(json.JSONDecoder().raw_decode(rest)[0])
    return Script.of(rest.partition("]]")[0])


def named_by_model(model: str) -> Script | None:
    """`fault-429`, `anything-fault-html`: the script of that name; `slow-0.5`: that many seconds before the first byte."""
    if "fault-" in model:
        return Script.of(model.partition("fault-")[2])
    seconds = re.search(r"slow-(\d+(?:\.\d+)?)$", model)
    return Script(delay=float(seconds[1])) if seconds else None
