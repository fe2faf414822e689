"""What the catalogue is made of: frozen values. `catalog.load` makes the native ones, `nodes.as_provider` the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from types import MappingProxyType

from omniroute.errors import BadCatalog

# Wire formats that an upstream may speak; each is (or will be) one module of that name in omniroute/formats.
FORMATS = ("openai_chat", "anthropic_messages", "openai_responses", "gemini")

# Named request edits that a provider's data may switch on, for bodies that an upstream takes only in its own way. None yet.
QUIRKS: frozenset[str] = frozenset()

MODALITIES = ("text", "image", "audio", "video", "file")

# The failure classes that a row of data may give. What each one does to health is said in routing/failures.py.
FAILURE_KINDS = (
    "account_banned",
    "bad_request",
    "content_blocked",
    "context_too_long",
    "model_not_found",
    "model_not_in_plan",
    "overloaded",
    "quota_exhausted",
    "rate_limited",
    "relay_client_rejected",
    "server_error",
    "unsupported_param",
    "upstream_auth_error",
)

# The endpoints beside the main one, by name: the end of the path where OpenAI and those like it have them.
ENDPOINTS: dict[str, str] = {
    "completions": "completions",
    "embeddings": "embeddings",
    "images": "images/generations",
    "speech": "audio/speech",
    "transcriptions": "audio/transcriptions",
    "translations": "audio/translations",
    "moderations": "moderations",
    "rerank": "rerank",
}

STREAMS = ("only", "never")

# How an upstream may name the limit of an answer, and the forms in which it takes thinking: "level" is Gemini's.
MAX_TOKENS_NAMES = ("max_tokens", "max_completion_tokens")
THINKING = ("adaptive", "budget", "level")

# What a connection's field may be in the address of its requests: see addresses.py.
FILLS = ("address", "label", "segment")

# What stands before the slash in a model id and is no provider's.
RESERVED_PREFIXES = ("auto", "combo")


@dataclass(frozen=True, slots=True)
class Traits:
    """What an upstream takes in a request, for requests that are translated to it. None: nothing is said of it.

    A listed model, a family of models and a provider may say each of these; traits.py tells which of them is heard.
    """

    sampling: bool | None = None  # False: temperature, top_p and top_k are a 400
    reasoning: bool | None = None  # False: any reasoning field is a 400
    thinking: str | None = None  # adaptive | budget | level: the one form that is taken
    max_output: int | None = None  # tokens; also what is asked for where a limit must be named and the caller names none
    max_tokens_name: str | None = None  # max_tokens | max_completion_tokens
    longest_user: int | None = None  # characters of `user`
    cache_marks: bool | None = None  # Chat: cache_control on parts
    replays_reasoning: bool | None = None  # Chat: reasoning_content in assistant messages
    mid_system: bool | None = None  # Messages: role "system" after the start
    think_tags: bool | None = None  # the text may begin with <think>...</think>, which is reasoning
    streams: str | None = None  # only | never: the one way in which it answers

    def over(self, other: Traits) -> Traits:
        """These, and the other's where these say nothing."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(other, **{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Family:
    """What holds for models by the pattern of their ids (`*`, `?`, `[ab]`; lower case), listed or not."""

    match: tuple[str, ...]
    traits: Traits

    def covers(self, model_id: str) -> bool:
        return any(fnmatchcase(model_id.lower(), pattern) for pattern in self.match)


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a provider. Prices in USD per million tokens; None is not known, 0 is free.

    Where a price has steps (by prompt length, hour or date) it is the one that a budget can rely on: the standing one,
    for a prompt below the long-context step. `modalities` are those of the input.
    """

    id: str
    name: str
    context_window: int | None = None
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    cache_read_price: Decimal | None = None
    cache_write_price: Decimal | None = None
    modalities: tuple[str, ...] = ("text",)
    tools: bool | None = None
    free: bool = False
    traits: Traits = Traits()

    @property
    def max_output(self) -> int | None:
        """The longest answer in tokens."""
        return self.traits.max_output


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a connection's form. A secret is stored sealed and never shown; left blank it is kept.

    `fills` says which part of the address it is ("" for none), `default` what holds there when it is left blank.
    """

    name: str
    label: str
    secret: bool = False
    required: bool = False
    placeholder: str = ""
    help: str = ""
    fills: str = ""  # "" | address | label | segment
    default: str = ""


@dataclass(frozen=True, slots=True)
class FailureRow:
    """How one upstream says one thing, and what it means. Rows are tried in order; the first that matches wins.

    `statuses`, and `succeeded` (whether the connection has ever answered), must hold where they are given; then, of
    `types`, `codes` and `texts` (lower-case pieces of the whole body) together, one is enough. An empty part asks nothing.

    `status` is the client's, `remedy` what the client is told to do, and with `same_provider` false nothing of the same
    provider is tried with this request again.
    """

    kind: str
    statuses: frozenset[int] = frozenset()
    types: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    succeeded: bool | None = None
    status: int | None = None
    remedy: str = ""
    same_provider: bool = True

    def matches(self, status: int | None, type: str | None, code: str | int | None, text: str, succeeded: bool) -> bool:
        """Whether an error of this status, type, code and body text, on a connection of that history, is this row's."""
        if self.statuses and status not in self.statuses:
            return False
        if self.succeeded is not None and self.succeeded is not succeeded:
            return False
        if not (self.types or self.codes or self.texts):
            return True
        if type in self.types or (code is not None and str(code) in self.codes):
            return True
        body = text.lower()
        return any(piece in body for piece in self.texts)


@dataclass(frozen=True, slots=True)
class WireProfile:
    """The header set that some upstreams ask for. `notice` is what a form must say before it is used.

    A value may be "{timeout}": the request's timeout in whole seconds.
    """

    id: str
    name: str
    notice: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who answers: a native provider of the catalogue or a node that a user made. Both are used alike.

    `prefix` is what is shown and typed before the slash, `aliases` what may be typed as well. `key_field` is the input
    for the credential, None where there is no such thing; `fields` are the inputs beside it. In `custom_headers` a None
    takes the header out. `endpoints` are (name, path) of what the upstream has beside its main endpoint; None where nobody
    said: urls.endpoint_url tells what is taken for granted then. `cc` marks the nodes behind
    ENABLE_CC_COMPATIBLE_PROVIDER. `traits` are those of every model that nothing else is said of, `families` those of
    models by name.
    """

    id: str
    name: str
    kind: str  # native | node
    format: str
    base_url: str
    chat_path: str = "/v1/chat/completions"
    models_path: str = "/v1/models"
    count_tokens_path: str | None = None  # None: the chat path's own, where the format has one
    endpoints: tuple[tuple[str, str], ...] | None = None
    auth: str = "bearer"
    wire: str | None = None
    custom_headers: tuple[tuple[str, str | None], ...] = ()
    quirks: frozenset[str] = frozenset()
    traits: Traits = Traits()
    families: tuple[Family, ...] = ()
    failures: tuple[FailureRow, ...] = ()
    aliases: tuple[str, ...] = ()
    prefix: str = ""
    fields: tuple[Field, ...] = ()
    models: tuple[Model, ...] = ()
    website: str = ""
    key_url: str = ""
    docs_url: str = ""
    notes: str = ""
    free_note: str = ""
    key_field: Field | None = None
    key_required: bool = False
    local: bool = False
    cc: bool = False
    limits_per_model: bool = False  # a 429 is about the model that was asked, not about the whole connection

    def model(self, model_id: str) -> Model | None:
        """The listed model of that id. Others may exist upstream: they are passed through."""
        return next((model for model in self.models if model.id == model_id), None)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that the data files say. `failure_sets` and `family_sets` hold the named lists that providers refer to."""

    providers: Mapping[str, Provider]
    wires: Mapping[str, WireProfile]
    failure_sets: Mapping[str, tuple[FailureRow, ...]] = field(default_factory=dict)
    family_sets: Mapping[str, tuple[Family, ...]] = field(default_factory=dict)

    def get(self, provider_id: str) -> Provider | None:
        return self.providers.get(provider_id)

    def find(self, name: str) -> Provider | None:
        """The native provider with this id, prefix or alias, in any case."""
        wanted = name.lower()
        for provider in self.providers.values():
            if wanted == provider.prefix.lower() or wanted == provider.id.lower() or wanted in provider.aliases:
                return provider
        return None

    def moved(self, base_urls: Iterable[tuple[str, str]]) -> Catalog:
        """The same with other addresses for some native providers. Raises BadCatalog for one that does not exist."""
        providers = dict(self.providers)
        for provider_id, base_url in base_urls:
            if provider_id not in providers:
                raise BadCatalog(
                    f"PROVIDER_BASE_URLS: there is no provider {provider_id!r}; there are {', '.join(sorted(providers))}"
                )
            providers[provider_id] = replace(providers[provider_id], base_url=base_url)
        return replace(self, providers=MappingProxyType(providers))

    def all(self) -> tuple[Provider, ...]:
        """Every native provider, by name."""
        return tuple(sorted(self.providers.values(), key=lambda provider: provider.name.lower()))

    def offering(self, model_id: str) -> tuple[Provider, ...]:
        """The native providers that list this very model id."""
        return tuple(provider for provider in self.all() if provider.model(model_id))
