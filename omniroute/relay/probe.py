"""Check (before saving) and Test (a saved connection): the model list for its ids, then the smallest message for the verdict.

A list alone proves neither key nor wire, so the message always goes out; its answer decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from omniroute.clock import Clock
from omniroute.connections.operations import Connections
from omniroute.errors import (
    FeatureOff,
    Missing,
    UpstreamError,
    UpstreamErrorEvent,
    UpstreamNetwork,
    UpstreamNotJson,
    UpstreamStatus,
    UpstreamTrouble,
)
from omniroute.formats import FORMATS, ir, sse
from omniroute.formats.upstream_error import page_title, require_json
from omniroute.http import Transport
from omniroute.providers.catalog import Catalog, Provider
from omniroute.providers.nodes import Node, as_provider
from omniroute.providers.outgoing import upstream_headers
from omniroute.providers.traits import asks_stream, traits
from omniroute.providers.urls import chat_url, models_url
from omniroute.relay.answers import looks_streamed, read_answer
from omniroute.relay.masking import hidden
from omniroute.routing.configuration import Configuration, Connection
from omniroute.routing.failures import Failure, classify
from omniroute.routing.resolve import CC_FLAG
from omniroute.routing.verdict import Diagnosis, Verdict
from omniroute.security.audit import SYSTEM, Actor
from omniroute.security.redaction import redact
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard

PROBE_SECONDS = 30.0
LISTED = 2000  # model ids taken from one list


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a failure class means for a Check. `valid`: wire and key are right all the same."""

    type: str
    valid: bool
    says: str
    remedy: str = ""  # "" keeps the failure's own


MEANINGS: dict[str, Meaning] = {
    "upstream_auth_error": Meaning(
        "upstream_auth_error",
        False,
        "The wire is right, but the API key is refused.",
        "Make a new key in the upstream's dashboard and update the connection.",
    ),
    "relay_client_rejected": Meaning("relay_client_rejected", False, "The relay answered, but not to this client."),
    "account_banned": Meaning("account_banned", False, "The upstream has closed or suspended this account."),
    "content_blocked": Meaning(
        "content_blocked",
        True,
        "Connected, but the relay's moderation refused the probe's text, or the plan lacks the model.",
        "Name a model that your plan covers.",
    ),
    "model_not_in_plan": Meaning("model_not_in_plan", True, "Connected, but this key's plan does not cover the model."),
    "model_not_found": Meaning(
        "model_not_found", True, "Connected, but the upstream has no such model.", "Name a model that it has."
    ),
    "quota_exhausted": Meaning("quota_exhausted", True, "The key works, but its credit is used up."),
    "rate_limited": Meaning("upstream_rate_limited", True, "The key works; the upstream is limiting it now."),
    "bad_request": Meaning("bad_request", True, "Connected, but the upstream refused the probe's body."),
    "unsupported_param": Meaning("bad_request", True, "Connected, but the upstream refused the probe's body."),
    "context_too_long": Meaning("bad_request", True, "Connected, but the upstream refused the probe's body."),
    "client_error": Meaning("upstream_refused", False, "The upstream refused the probe.", "Check base URL, chat path and type."),
    "upstream_not_json": Meaning("upstream_not_json", False, "The address answered with something else than its API."),
    "upstream_empty": Meaning(
        "upstream_not_json", False, "The address answered with an empty body.", "Check base URL, chat path and type."
    ),
    "upstream_redirect": Meaning("upstream_redirect", False, "The address redirects, and redirects are never followed."),
    "address_refused": Meaning("address_refused", False, "This address is not allowed as an upstream."),
    "network_error": Meaning("network_error", False, "The address can't be reached."),
}
_HI = [{"role": "user", "content": "hi"}]
# The least that a format lets one ask. Responses: 16 tokens are the fewest that OpenAI takes (openai-python 3.54.0).
SMALLEST: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": _HI, "max_tokens": 1},
    "anthropic_messages": {"messages": _HI, "max_tokens": 1},
    "openai_responses": {"input": "hi", "max_output_tokens": 16, "store": False},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 1}},
}
UNAVAILABLE = Meaning("upstream_unavailable", False, "The upstream has trouble of its own now.", "Try again later.")


@dataclass(frozen=True, slots=True)
class Probe:
    """`credential` opens a connection's key."""

    catalog: Catalog
    transport: Transport
    configuration: ConfigurationStore
    connections: Connections
    credential: Callable[[Connection], str]
    board: HealthBoard
    clock: Clock

    def check(self, node: Node, api_key: str | None, model: str | None = None) -> Verdict:
        """Whether a node that is not saved yet would work with this key."""
        return self._verdict(as_provider(node, self.catalog), api_key or "", model, succeeded=False)

    def check_native(self, provider: Provider, api_key: str | None, model: str | None = None) -> Verdict:
        """Whether a native provider would work with this key."""
        return self._verdict(provider, api_key or "", model, succeeded=False)

    def test(self, connection_id: str, model: str | None = None, by: Actor = SYSTEM) -> Verdict:
        """Test a saved connection and record the verdict. Raises Missing, FeatureOff, VaultError."""
        provider, connection, configuration = self._find(connection_id)
        listed = tuple(row.id for row in configuration.models.get(provider.id, ()) if not row.hidden)
        verdict = self._verdict(provider, self.credential(connection), model, succeeded=connection.succeeded, known=listed)
        if verdict.diagnosis.type == "ok":
            self.board.reset(connection.id)
        self.connections.record_test(connection.id, verdict, by=by, tested=connection.sealed)
        return verdict

    def models(self, connection_id: str) -> tuple[str, ...]:
        """The ids that the connection's upstream lists. Raises Missing, FeatureOff, UpstreamTrouble, VaultError."""
        provider, connection, _ = self._find(connection_id)
        key = self.credential(connection)
        try:
            return self._listed(provider, key)
        except UpstreamError as exc:
            failure = classify(exc, provider.failures, succeeded=connection.succeeded, now=self.clock.now())
            failure = hidden(failure, provider, key)
            refused = _refused(failure, exc, "", 0, ())
            raise UpstreamTrouble(f"{refused.diagnosis.message} {refused.diagnosis.remedy}") from exc

    def _find(self, connection_id: str) -> tuple[Provider, Connection, Configuration]:
        configuration = self.configuration.current()
        connection = configuration.connection(connection_id)
        if connection is None:  # made a moment ago, perhaps by another worker
            self.configuration.refresh()
            configuration = self.configuration.current()
            connection = configuration.connection(connection_id)
        if connection is None or connection.provider_id not in configuration.providers:
            raise Missing("There is no such connection.")
        provider = configuration.providers[connection.provider_id]
        if provider.cc and not configuration.cc_enabled:
            raise FeatureOff(f"{provider.name} is a Claude Code compatible node: set {CC_FLAG}=true and start again.")
        return connection.at(provider), connection, configuration

    def _listed(self, provider: Provider, key: str) -> tuple[str, ...]:
        headers = self._headers(provider, key)
        answer = self.transport.send("GET", models_url(provider), headers, None, seconds=PROBE_SECONDS)
        if answer.status >= 400:
            raise UpstreamStatus(answer.status, answer.headers, answer.read_error())
        body = answer.read(PROBE_SECONDS)
        require_json(answer.status, answer.headers, body)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise UpstreamNotJson(answer.status, answer.headers.get("content-type", ""), "broken JSON") from exc
        rows = document.get("data", document.get("models")) if isinstance(document, dict) else document
        ids = [row.get("id") or row.get("name") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        texts = (text.removeprefix("models/") for text in ids if isinstance(text, str) and text)  # as Gemini lists its own
        return tuple(dict.fromkeys(texts))[:LISTED]

    def _verdict(
        self, provider: Provider, key: str, model: str | None, *, succeeded: bool, known: tuple[str, ...] = ()
    ) -> Verdict:
        try:
            listed = self._listed(provider, key)
        except UpstreamError:
            listed = ()  # many relays have no list; the message decides
        asked = model or _choose(provider, listed, known)
        began = self.clock.tick()
        try:
            status = self._smallest_message(provider, key, asked)
        except UpstreamError as exc:
            seen = _as_page(exc)
            failure = classify(seen, provider.failures, succeeded=succeeded, now=self.clock.now())
            failure = hidden(failure, provider, key)
            return _refused(failure, seen, asked, self._ms(began), listed)
        says = f"Connected: '{asked}' answered" + (f", {len(listed)} models listed." if listed else ".")
        return Verdict(True, Diagnosis("ok", "upstream", says), "message", self._ms(began), status, models=listed)

    def _smallest_message(self, provider: Provider, key: str, model: str) -> int:
        body = dict(SMALLEST[provider.format])
        if provider.format != "gemini":  # whose address names the model
            body["model"] = model
        if asks_stream(traits(provider, model), False):
            body["stream"] = True
        try:
            return self._send(provider, key, model, body)
        except UpstreamStatus as exc:
            if exc.status != 400 or b"max_completion_tokens" not in exc.body:
                raise
        del body["max_tokens"]  # newer OpenAI models take only the newer name, and need room to think
        return self._send(provider, key, model, body | {"max_completion_tokens": 16})

    def _send(self, provider: Provider, key: str, model: str, body: dict[str, Any]) -> int:
        url, headers = chat_url(provider, model), self._headers(provider, key)
        answer = self.transport.send("POST", url, headers, orjson.dumps(body), seconds=PROBE_SECONDS)
        if answer.status >= 400:
            raise UpstreamStatus(answer.status, answer.headers, answer.read_error())
        _require_message(provider.format, answer.status, answer.headers, answer.read(PROBE_SECONDS))
        return answer.status

    def _headers(self, provider: Provider, key: str) -> list[tuple[str, str]]:
        return upstream_headers(
            provider, self.catalog.wires, key, {}, stream=False, timeout=PROBE_SECONDS, caller_format=provider.format
        )

    def _ms(self, began: float) -> int:
        return round((self.clock.tick() - began) * 1000)


def _choose(provider: Provider, listed: tuple[str, ...], known: tuple[str, ...]) -> str:
    """A model to ask: one of the catalogue's that is listed upstream, else the first known anywhere."""
    own = [model.id for model in provider.models]
    both = [model for model in own if model in listed]
    return next(iter([*both, *own, *known, *listed]), "claude-opus-4-6" if provider.cc else "default")


def _require_message(format: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise UpstreamEmpty, UpstreamNotJson or UpstreamErrorEvent unless `body` answers a message.

    With one token to spend it may hold no text; then it says at least why it ended.
    """
    for seen in _sightings(format, status, headers, body):
        if seen.error is not None:
            raise UpstreamErrorEvent(seen.error)
        if seen.content or seen.stop_reason is not None:
            return
    raise UpstreamNotJson(status, headers.get("content-type", ""), "JSON, but no answer to a message")


def _sightings(format: str, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[ir.Sighting]:
    if looks_streamed(body):  # though nobody asked
        decoder = sse.Decoder()
        for event in decoder.feed(body) + decoder.flush():
            seen = FORMATS[format].sight(event)
            if seen is not None:
                yield seen
        return
    document = read_answer(status, headers, body)
    if document.get("error"):
        yield ir.Sighting(error=document)
    else:
        yield FORMATS[format].inspect(document)


def _as_page(exc: UpstreamError) -> UpstreamError:
    """A web page says by its title what is wrong, whatever its status; in traffic a 5xx stays one."""
    if isinstance(exc, UpstreamStatus) and exc.body.lstrip()[:1] == b"<":
        return UpstreamNotJson(exc.status, exc.headers.get("content-type") or "", page_title(exc.body))
    return exc


def _refused(failure: Failure, exc: UpstreamError, model: str, ms: int, listed: tuple[str, ...]) -> Verdict:
    meaning = MEANINGS.get(failure.kind, UNAVAILABLE)
    message = f"{meaning.says} {_evidence(failure, exc, model)}".strip()
    told = Diagnosis(
        type=meaning.type,
        source="network" if isinstance(exc, UpstreamNetwork) else "gateway" if failure.kind == "address_refused" else "upstream",
        message=redact(message),
        remedy=meaning.remedy or failure.remedy,
        code=str(failure.told.code) if failure.told.code is not None else failure.told.type,
    )
    return Verdict(
        valid=meaning.valid,
        diagnosis=told,
        method="message",
        latency_ms=ms,
        status_code=failure.upstream_status,
        error=None if meaning.valid else told.message,
        warning=told.message if meaning.valid else None,
        models=listed,
    )


def _evidence(failure: Failure, exc: UpstreamError, model: str) -> str:
    """What was seen, in the upstream's words where it spoke. The operator may read hosts here."""
    said = f"It said: {failure.told.message[:300]}" if failure.told.message else failure.detail[:300]
    if isinstance(exc, UpstreamNetwork) and exc.fault == "refused" and exc.host in ("localhost", "127.0.0.1", "::1"):
        said += " In a container, localhost is the container itself: use the host's name."
    if failure.retry_after:
        said += f" Free again in {round(failure.retry_after)} s."
    return f"{said} (model '{model}')" if failure.kind in ABOUT_A_MODEL else said


ABOUT_A_MODEL = frozenset({"content_blocked", "model_not_in_plan", "model_not_found"})
