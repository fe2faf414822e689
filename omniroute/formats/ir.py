"""The internal form that every wire format is read into and written from: a request, and an answer as a run of events.

Request: `Request` holds `Message`s, a message holds parts. Answer: `Event`s, of which these laws hold in every run that
a `StreamReader` or `parse_response` gives:

- `Started` comes first and once; `Finished` comes last and once.
- Parts are numbered from 0 without gaps, and one is open at a time: `PartStarted`, its deltas, `PartStopped`.
- A delta's type fits the kind of its open part.
- The argument fragments of a tool call that is not `custom` are never nothing: a call without arguments has "{}".
- A `UsageSeen` holds all that is known so far, so the last one is the whole.

Everything here is a frozen value. `path` members say where in the client's body a thing stood ("messages.3.content.0");
they are for messages to people and take no part in comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "developer", "user", "assistant"]
StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "pause_turn", "model_context_window_exceeded"
]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

# Parts of a message ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CacheMark:
    """A prompt cache may end here. `ttl` as Anthropic spells it ("5m", "1h"); None is the upstream's default."""

    ttl: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What every part has. `unknown` are members that only the request's own format knows."""

    cache: CacheMark | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)
    path: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a text comes from. `document` is the citation as the format `origin` wrote it."""

    origin: str
    document: Mapping[str, Any]
    url: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Text(Part):
    text: str
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of an image or document are: `data` is base64, a URL, an upstream's file id, or plain text."""

    kind: Literal["base64", "url", "file", "text"]
    data: str
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Image(Part):
    source: Source
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Document(Part):
    """`title` is the file's name or title, `context` what the caller says about it, `citations` whether to cite it."""

    source: Source
    title: str | None = None
    context: str | None = None
    citations: bool | None = None


@dataclass(frozen=True, slots=True)
class Audio(Part):
    """Audio in: base64 `data` in `format` ("wav", "mp3")."""

    data: str
    format: str


@dataclass(frozen=True, slots=True)
class Reasoning(Part):
    """A model's reasoning. `signature` proves `text`; `data` is reasoning that only its upstream can read.

    Both are opaque, must return to where they came from byte for byte, and mean nothing elsewhere: `origin` is the
    format that gave them, None if that is not known.
    """

    text: str
    signature: str | None = None
    data: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall(Part):
    """`arguments` is the raw JSON text, word for word; for a `custom` tool it is free text.

    `signature` is opaque, as that of `Reasoning` is: Gemini signs its calls and refuses them without it.
    """

    id: str
    name: str
    arguments: str
    custom: bool = False
    signature: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult(Part):
    call_id: str
    parts: tuple[AnyPart, ...]
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Refusal(Part):
    text: str


@dataclass(frozen=True, slots=True)
class Opaque(Part):
    """A part that only the format `origin` knows, as it came."""

    origin: str
    document: Mapping[str, Any]


AnyPart = Text | Image | Document | Audio | Reasoning | ToolCall | ToolResult | Refusal | Opaque


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. A tool's result is a `ToolResult` part of a user message, in every format."""

    role: Role
    parts: tuple[AnyPart, ...]
    name: str | None = None
    path: str = field(default="", compare=False, repr=False)


# The rest of a request ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the client runs. `schema` None means that the caller gave none. `unknown` is the rest of the entry."""

    name: str
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    cache: CacheMark | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)
    path: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NativeTool:
    """A tool entry that only the format `origin` knows (a server's own search, a custom grammar), as it came."""

    origin: str
    document: Mapping[str, Any]
    name: str | None = None
    path: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`name` goes with "named". `allowed` limits "auto" and "required" to these tools; None is no limit."""

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None
    allowed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    kind: Literal["text", "json_object", "json_schema"]
    schema: Mapping[str, Any] | None = None
    name: str | None = None
    strict: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class ReasoningAsk:
    """What the caller asks about reasoning. `budget` is in tokens. `exclude` means: think, but do not show it."""

    mode: Literal["enabled", "adaptive", "disabled"] | None = None
    effort: Effort | None = None
    budget: int | None = None
    exclude: bool | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What the chosen target takes, where targets of one format differ. The relay sets it from provider data.

    The defaults are cautious: what some targets of the format refuse is left out (and named) unless data allows it.
    """

    reasoning: bool | None = None  # False: any reasoning field is a 400 there
    # The one form it takes. Messages: "budget" or "adaptive", None is both. Gemini: "budget" or "level", None is by its name
    thinking: Literal["budget", "adaptive", "level"] | None = None
    sampling: bool = True  # False: temperature, top_p and top_k are a 400 there
    mid_system: bool = False  # Messages: takes role "system" after the start
    cache_marks: bool = False  # Chat: takes cache_control on parts
    replays_reasoning: bool = False  # Chat: wants reasoning_content back in assistant messages
    max_tokens_name: str = "max_tokens"  # Chat: newer OpenAI models take only "max_completion_tokens"
    longest_user: int = 64  # Chat: longest `user` in characters


@dataclass(frozen=True, slots=True)
class Request:
    """`max_tokens` None means that the caller named no limit; `default_max_tokens` is then used where one is needed.

    `unknown` holds top-level fields that the ir has no place for, `unread` the paths of such members further down.
    `own` holds those that say something to the request's own format alone: elsewhere nothing is lost without them.
    `called` maps a field of this class to the client's own name for it, where that differs.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool | NativeTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    response_format: ResponseFormat | None = None
    reasoning: ReasoningAsk | None = None
    metadata: Mapping[str, Any] | None = None
    user: str | None = None
    service_tier: str | None = None
    stream: bool = False
    include_usage: bool = False
    cache: CacheMark | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)
    unread: tuple[str, ...] = field(default=(), compare=False)
    own: Mapping[str, Any] = field(default_factory=dict, compare=False)
    origin: str = field(default="", compare=False)
    called: Mapping[str, str] = field(default_factory=dict, compare=False)
    default_max_tokens: int | None = field(default=None, compare=False)
    target: Target = field(default=Target(), compare=False)

    def name_of(self, name: str) -> str:
        """What the client calls the field `name`."""
        return self.called.get(name, name)


# An answer ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. None: not told. 0: told, and zero.

    `input` is the total, including `cached` (read from a cache) and `cache_write`. `reasoning` is part of `output`.
    `fresh` is the rest of the input where the upstream counts it apart; it is here so that `merged` stays exact.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    fresh: int | None = field(default=None, compare=False, repr=False)

    def merged(self, later: Usage) -> Usage:
        """What is known after `later` has come too: what it tells wins, what it does not tell stays."""
        fresh = self.fresh if later.fresh is None else later.fresh
        cached = self.cached if later.cached is None else later.cached
        cache_write = self.cache_write if later.cache_write is None else later.cache_write
        total = self.input if later.input is None else later.input
        if fresh is not None:
            total = fresh + (cached or 0) + (cache_write or 0)
        return Usage(
            input=total,
            output=self.output if later.output is None else later.output,
            cached=cached,
            cache_write=cache_write,
            reasoning=self.reasoning if later.reasoning is None else later.reasoning,
            fresh=fresh,
        )


PartKind = Literal["text", "reasoning", "tool_call", "refusal", "opaque"]


@dataclass(frozen=True, slots=True)
class Started:
    """`id` and `model` are the upstream's, "" if it gave none; `created` is seconds since 1970."""

    id: str = ""
    model: str = ""
    created: int | None = None


@dataclass(frozen=True, slots=True)
class PartStarted:
    """`id`, `name`, `custom` and `signature` belong to a tool call, `data` to sealed reasoning, `opaque` to an opaque part.

    `origin` is the format that gave the signature or the data.
    """

    index: int
    kind: PartKind
    id: str = ""
    name: str = ""
    custom: bool = False
    data: str | None = None
    origin: str | None = None
    opaque: Opaque | None = None
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class SignatureSeen:
    """The whole signature of the open reasoning part; a later one replaces it."""

    index: int
    signature: str
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    """A fragment of a tool call's arguments, or of the input of an opaque part."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CitationSeen:
    index: int
    citation: Citation


@dataclass(frozen=True, slots=True)
class PartStopped:
    index: int


@dataclass(frozen=True, slots=True)
class UsageSeen:
    usage: Usage


@dataclass(frozen=True, slots=True)
class Finished:
    """`details` is what an Anthropic upstream says about a refusal, as it came."""

    stop_reason: StopReason
    stop_sequence: str | None = None
    details: Mapping[str, Any] | None = None


Delta = TextDelta | ReasoningDelta | SignatureSeen | ArgumentsDelta | RefusalDelta | CitationSeen
Event = Started | PartStarted | Delta | PartStopped | UsageSeen | Finished


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one stream event, or one whole answer, tells somebody who only looks on.

    `content`: text, reasoning, a tool call, a refusal or a finished answer is in it. `usage` is what this one tells:
    merge it into what was seen before. `last`: from here on an end of the stream is a clean end; `done`: nothing follows.
    `error` is the whole document of an error.
    """

    content: bool = False
    usage: Usage | None = None
    stop_reason: StopReason | None = None
    error: dict[str, Any] | None = None
    last: bool = False
    done: bool = False
    model: str | None = None
    id: str | None = None
