"""A client on a bare socket: what really comes over the wire, and leaving at a moment of one's own choosing."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.left_behind import OVERLAP, look_through_answer

PROMPT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}


@dataclass(frozen=True, slots=True)
class Answer:
    """`framed` is the body as it came, `body` the same without chunks; `whole` says that its end came too."""

    status: int
    headers: dict[str, str]
    framed: bytes
    body: bytes
    whole: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str | None, Any]]:
        """(event, data) of an SSE body; data that is not JSON stays text."""
        blocks = self.body.replace(b"\r\n", b"\n").removeprefix(b"\xef\xbb\xbf").decode().split("\n\n")
        found = []
        for block in blocks:
            lines = [line.partition(": ") for line in block.split("\n")]
            told = {name: value for name, _, value in lines if name}
            if "data" in told:
                found.append((told.get("event"), parsed(told["data"])))
        return found


class Client:
    """One connection. `read` takes the answer to its end; `leave` closes without reading on. Whatever comes is searched, also
    of an answer that is not read to its end: each raises Leaked if a secret is in it.
    """

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        self.address = urlsplit(url)
        self.socket = socket.create_connection((self.address.hostname, self.address.port), timeout)
        self.asked = ""
        self.before = b""  # the end of the last piece: a secret may be cut by pieces

    def post(self, path: str, document: Any, headers: Mapping[str, str] | None = None) -> Self:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        lines = {
            "Host": self.address.netloc,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }
        return self.send(f"POST {path}", lines, body)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Self:
        return self.send(f"GET {path}", {"Host": self.address.netloc, **(headers or {})})

    def send(self, request: str, headers: Mapping[str, str], body: bytes = b"") -> Self:
        self.asked, self.before = request, b""
        lines = [f"{request} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + body)
        return self

    def read(self) -> Answer:
        """The answer, however its body is framed. Raises ConnectionError when the connection ends before the headers do."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        framed, whole = self.read_body(headers, rest)
        body = unchunked(framed) if headers.get("transfer-encoding") == "chunked" else framed
        look_through_answer(self.asked, head.partition(b"\r\n")[2] + body)
        return Answer(int(first.split()[1]), headers, framed, body, whole)

    def read_body(self, headers: Mapping[str, str], data: bytes) -> tuple[bytes, bool]:
        def over() -> bool:
            if headers.get("transfer-encoding") == "chunked":
                return data.endswith(b"0\r\n\r\n")
            return "content-length" in headers and len(data) >= int(headers["content-length"])

        while not over():
            try:
                data += self.receive()
            except ConnectionError:
                return data, "content-length" not in headers and "transfer-encoding" not in headers
        return data, True

    def read_until(self, wanted: bytes) -> bytes:
        """Everything up to and with the first piece that completes `wanted`."""
        data = b""
        while wanted not in data:
            data += self.receive()
        return data

    def receive(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the connection was closed")
        look_through_answer(self.asked, self.before + data)
        self.before = (self.before + data)[-OVERLAP:]
        return data

    def leave(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()


def post(url: str, path: str, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
    """One request that says hello, with these fields of the body, and its answer."""
    with Client(url) as client:
        return client.post(path, {"model": "scripted-large", **PROMPT, **fields}, headers).read()


def unchunked(data: bytes) -> bytes:
    """The payload of all chunks that came whole."""
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        if not length or len(rest) < length + 2:
            break
        body, data = body + rest[:length], rest[length + 2 :]
    return body


def parsed(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data
