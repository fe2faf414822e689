"""What went over the line for one request that somebody looks at: each attempt as it was sent, and as it came back.

Real traffic has no witness. Nothing of this is written anywhere: it lives as long as the page that shows it, cut to size, and
what is told of it has its secrets masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from omniroute.errors import UpstreamError
from omniroute.http import Answer, Body, Transport
from omniroute.providers.catalog import Provider
from omniroute.providers.outgoing import hides, masked
from omniroute.routing.candidates import Candidate
from omniroute.security.redaction import redact, secret_name, without

ROOM = 256 * 1024  # bytes of one side that are kept
EDGE = 4096  # bytes kept beyond, so that a secret which is cut through by the limit is still known as one
# From the start of a run on only: so a body without any is gone through once.
_LONG, _LEFT = 1000, 60  # characters of base64 that are a picture's, and how many of them are left
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{%d,}={0,2}" % _LONG)
# Headers of answers that hold numbers although "token" is in their names, and such a number: 149,984; 6m0s; 20ms; a time.
_COUNTS = re.compile(r"rate-?limit|tokens-(in|out)", re.IGNORECASE)
_COUNT = re.compile(r"-?\d[\d,.]*|(?:\d+(?:\.\d+)?(?:ms|us|ns|[smhd]))+|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")
_BETWEEN = re.compile(r"[\s;,]+")  # of what a header's value is made up: a scheme and its secret, cookies
SHORTEST = 8  # characters of a piece of a secret that is masked by itself

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A body as people may see it, without the data of pictures. `cut`: the end of it is missing here."""

    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One attempt. `status` is None where no answer came; then `failure` says why, also where the answer broke off."""

    target: str
    connection: str
    method: str
    url: str
    sent_headers: Headers
    sent: Text
    status: int | None
    headers: Headers
    came: Text
    failure: str


def without_data(body: bytes) -> bytes:
    """`body` with the middle of long base64, a picture's, left out: of what is kept, the words matter."""
    return _BASE64.sub(lambda found: found[0][:_LEFT] + f"... [{len(found[0]):,} characters of base64]".encode(), body)


class Witness:
    """Given along with an `Ask`, it is shown every attempt, and in the end the request's log row."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._watched: list[_Watched] = []
        self.row: Mapping[str, Any] | None = None

    def sender(self, transport: Transport, candidate: Candidate, credential: str) -> Sender:
        """What stands in for `transport` in one attempt. `credential` is masked in all that is told."""
        return Sender(self, transport, candidate, credential)

    def settled(self, row: Mapping[str, Any]) -> None:
        """The request is over; this is its log row."""
        self.row = row

    def exchanges(self) -> tuple[Exchange, ...]:
        """The attempts so far that were sent, in order."""
        return tuple(each.told() for each in self._watched)

    def kept(self) -> Kept:
        return Kept(self._room)

    def secrets(self) -> frozenset[str]:
        """All that is masked in the exchanges: an upstream may have told it to the client, too."""
        return frozenset().union(*(each.secrets for each in self._watched))

    def shown(self, headers: Headers) -> Headers:
        """Headers of the client's answer as people may see them."""
        return _shown(headers, self.secrets())

    def note(self, watched: _Watched) -> None:
        self._watched.append(watched)


class Kept:
    """Bytes on their way, as many as there is room for."""

    def __init__(self, room: int = ROOM) -> None:
        self._room, self._parts, self._size = room, list[bytes](), 0

    def add(self, data: bytes) -> None:
        if self._size < self._room + EDGE:
            self._parts.append(data[: self._room + EDGE - self._size])
        self._size += len(data)

    def text(self, secrets: Iterable[str] = ()) -> Text:
        """Secrets are masked before the end is cut off."""
        shown = redact(without_data(b"".join(self._parts)).decode("utf-8", "replace"), tuple(secrets))
        return Text(shown[: self._room], True) if self._size > self._room else Text(shown)


def told(body: bytes, secrets: Iterable[str] = ()) -> Text:
    """A whole body as people may see it."""
    kept = Kept()
    kept.add(without_data(body))
    return kept.text(secrets)


def secrets_of(provider: Provider, credential: str) -> frozenset[str]:
    """What nobody may see of an attempt: the credential, and the values of the node's own headers that are secret by their name,
    whole, in their pieces, and as they stand within JSON.
    """
    found = {credential}
    for name, value in provider.custom_headers:
        if not value:
            continue
        if secret_name(name):
            found.add(value)
        if hides(name):  # short ones could be any word
            pieces = (value, *_BETWEEN.split(value))
            found.update(each for piece in pieces for each in (piece, piece.partition("=")[2]) if len(each) >= SHORTEST)
    found |= {json.dumps(each, ensure_ascii=ascii)[1:-1] for each in found for ascii in (True, False)}
    # Of a very long one the beginning alone is left by `without_data`.
    return frozenset(found | {each[:_LEFT] for each in found if len(each) >= _LONG})


def _shown(headers: Iterable[tuple[str, str]], secrets: frozenset[str]) -> Headers:
    return tuple((name, _value(name, value, secrets, came=True)) for name, value in headers)


def _value(name: str, value: str, secrets: frozenset[str], *, credential: str = "", came: bool = False) -> str:
    """A credential as its first and last characters, which tell one from another; a number that came back as it is."""
    if came and _COUNTS.search(name) and _COUNT.fullmatch(value):
        return without(value, secrets)
    if came and (hidden := without(value, secrets - {credential})) != value:
        return redact(hidden, secrets)
    [(_, shown)] = masked([(name, value)], credential)
    return without(shown, secrets) if shown != value else redact(value, secrets)


@dataclass(slots=True)
class _Watched:
    """One attempt while it runs."""

    candidate: Candidate
    credential: str = field(repr=False)
    secrets: frozenset[str] = field(repr=False)
    method: str
    url: str
    sent_headers: list[tuple[str, str]] = field(repr=False)
    sent: Kept
    came: Kept
    status: int | None = None
    headers: Headers = ()
    failure: str = ""

    def told(self) -> Exchange:
        return Exchange(
            target=self.candidate.target.shown,
            connection=self.candidate.connection.name,
            method=self.method,
            url=redact(self.url, self.secrets),
            sent_headers=self._told(self.sent_headers, came=False),
            sent=self.sent.text(self.secrets),
            status=self.status,
            headers=self._told(self.headers, came=True),
            came=self.came.text(self.secrets),
            failure=redact(self.failure, self.secrets),
        )

    def _told(self, headers: Iterable[tuple[str, str]], *, came: bool) -> Headers:
        return tuple((name, _value(name, value, self.secrets, credential=self.credential, came=came)) for name, value in headers)


class Sender:
    """`send` as `Transport` has it, under the eyes of the witness."""

    def __init__(self, witness: Witness, transport: Transport, candidate: Candidate, credential: str) -> None:
        self._witness, self._transport, self._candidate, self._credential = witness, transport, candidate, credential

    def send(self, method: str, url: str, headers: list[tuple[str, str]], body: Body | None, *, seconds: float) -> Answer:
        """Raises like `Transport.send`."""
        kept, new = self._witness.kept(), self._witness.kept
        if isinstance(body, bytes):
            kept.add(without_data(body))
        secrets = secrets_of(self._candidate.target.provider, self._credential)
        watched = _Watched(self._candidate, self._credential, secrets, method, url, headers, kept, new())
        self._witness.note(watched)
        try:
            answer = self._transport.send(method, url, headers, body, seconds=seconds)
        except UpstreamError as exc:
            watched.failure = str(exc)
            raise
        watched.status, watched.headers = answer.status, tuple(answer.headers.items())
        return _SeenAnswer(answer, watched)


class _SeenAnswer(Answer):
    """An answer of which a copy is kept while it is read. `Answer.read` and `read_error` read by `read1` too."""

    __slots__ = ("_watched",)

    def __init__(self, answer: Answer, watched: _Watched) -> None:
        for name in Answer.__slots__:
            setattr(self, name, getattr(answer, name))
        self._watched = watched

    def read1(self) -> bytes:
        try:
            data = super().read1()
        except UpstreamError as exc:
            self._watched.failure = str(exc)
            raise
        self._watched.came.add(data)
        return data
