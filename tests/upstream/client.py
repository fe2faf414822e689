"""A test's hand on the scripted upstream: what it shall answer, what it was asked, and how each connection ended."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.error import HTTPError
from urllib.request import Request

from bench.processes import PYTHON, Server, direct, free_port

POLL = 0.01
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came, and what became of it so far. Times are time.monotonic(), which all processes share."""

    id: int
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]  # order, case and repetitions as they came
    body: bytes
    key: str | None  # the credential: x-api-key, else the bearer token
    began: float
    status: int | None  # None: no answer has begun
    events: int  # sent so far
    sent: bytes  # the answer's body, before chunking and compression
    how: str | None  # complete, peer left, cut, reset; None: not over
    ended: float | None
    note: dict[str, Any]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def model(self) -> str | None:
        """As the body has it, or, where there it is not, the path: .../models/{model}:verb."""
        _, found, call = self.path.partition("/models/")
        return (self.json.get("model") if self.body else None) or (call.rpartition(":")[0] if found else None)

    def header(self, name: str) -> str | None:
        """The value; raises AssertionError when the name came more than once."""
        values = self.header_values(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times: {values}"
        return values[0] if values else None

    def header_values(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each.lower() == name.lower()]


class Upstream:
    """Starts the process and talks to its control side. `url` is its root, `v1` the same with /v1."""

    options: tuple[str, ...] = ()

    def __init__(self, folder: Path, name: str = "upstream") -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.v1 = f"{self.url}/v1"
        command = [PYTHON, "-m", "tests.upstream", "--port", str(port), *self.options]
        self.server = Server(f"the scripted {name}", command, folder / f"{name}.log", self.url)
        self.server.wait_until_up("/__control/health")

    def stop(self) -> None:
        """End the process. Raises AssertionError if it had printed a traceback."""
        self.server.stop()
        assert "Traceback" not in self.server.output(), self.server.tail(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What it shall answer

    def queue(self, *scripts: Any, **when: str) -> None:
        """One script for each of the next requests, in order: a name, a dict of fields (both of script.py) or a Script.

        `when` narrows it: key="sk-...", model="..." (as it arrives upstream), path="/messages" (by its ending).
        """
        self._control("rules", {"scripts": [plain(each) for each in scripts], "when": when})

    def always(self, script: Any, **when: str) -> None:
        """The script for every request that `when` fits and nothing is queued for, until `reset`."""
        self._control("rules", {"scripts": [plain(script)], "when": when, "once": False})

    def reset(self) -> None:
        """As if just started: nothing queued, nothing recorded; whoever waits for an answer is cut off."""
        self._control("reset", {})

    def hang_up(self) -> None:
        """Close the connections that are kept open between requests, so that the next request comes on a new one."""
        self._control("hang-up", {})

    # What it was asked

    def requests(self, path: str | None = None, *, key: str | None = None, model: str | None = None) -> list[Seen]:
        """All since the reset, oldest first; `path` by its ending."""
        found = [read(each) for each in self._control("requests?since=0")]
        return [
            each
            for each in found
            if (path is None or each.path.endswith(path)) and key in (None, each.key) and (model is None or each.model == model)
        ]

    def last(self, path: str | None = None) -> Seen:
        found = self.requests(path)
        assert found, f"no request to {path or 'anything'} has come"
        return found[-1]

    def request(self, id: int) -> Seen:
        return next(each for each in self.requests() if each.id == id)

    def wait_for(self, count: int = 1, path: str | None = None, *, events: int = 0, within: float = 10.0) -> Seen:
        """The `count`-th request, once it has come and so many events of its answer are out."""

        def come() -> Seen | None:
            found = self.requests(path)[count - 1 :]
            return found[0] if found and found[0].events >= events else None

        return until(come, within, lambda: f"{count} requests, {events} events out; there are {self.requests(path)}")

    def closed(self, id: int, within: float = 1.0) -> Seen:
        """The request, once its peer has closed the connection before the answer was over.

        Raises AssertionError after `within` seconds.
        """

        def left() -> Seen | None:
            seen = self.request(id)
            return seen if seen.how == "peer left" else None

        return until(left, within, lambda: f"the peer of request {id} to leave; it is {self.request(id)}")

    def ended(self, id: int, within: float = 10.0) -> Seen:
        """The request, once it is over in whatever way."""

        def over() -> Seen | None:
            seen = self.request(id)
            return seen if seen.how else None

        return until(over, within, lambda: f"the end of request {id}; it is {self.request(id)}")

    def _control(self, verb: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        try:
            with direct.open(Request(f"{self.url}/__control/{verb}", data=body), timeout=10) as answer:
                return json.load(answer)
        except HTTPError as exc:
            with exc:
                raise ValueError(json.load(exc)["error"]) from None


def until(look: Callable[[], T | None], within: float, awaited: Callable[[], str]) -> T:
    """What `look` returns as soon as it is something; raises AssertionError saying what was awaited after `within` seconds."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within:g} s for {awaited()}")
        time.sleep(POLL)
    return found


def plain(script: Any) -> Any:
    return script.as_dict() if hasattr(script, "as_dict") else script


def read(record: dict[str, Any]) -> Seen:
    headers = tuple((name, value) for name, value in record["headers"])
    decoded = {name: base64.b64decode(record[name]) for name in ("body", "sent")}
    return Seen(**{**record, **decoded, "headers": headers})
