"""What only shows with a real server: several workers, bodies without a length, requests that can be read in two ways."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.gateway import Gateway, running_gateway


def raw(url: str, request: bytes) -> int:
    """The status of a request that is sent as it is; 0 when the server hung up without one."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(request)
        answer = connection.recv(65536)
    return int(answer.split(b" ", 2)[1]) if answer else 0


def get(key: str, path: str = "/v1/models") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n".encode()


def test_a_key_works_on_every_worker_at_once_and_ends_on_every_worker_at_once(gateway: Callable[..., Gateway]) -> None:
    here = gateway(workers=2, REQUIRE_API_KEY="true")
    for _ in range(3):
        made = here.api("POST", "/api/keys", {"name": "k"})
        assert {raw(here.url, get(made["key"])) for _ in range(8)} == {200}
        here.api("DELETE", f"/api/keys/{made['id']}")
        assert {raw(here.url, get(made["key"])) for _ in range(8)} == {401}


POST = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as started:
        yield started


def test_a_body_without_a_length_has_the_same_limit(here: Gateway) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = f"{POST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    assert raw(here.url, head + chunk * 40) in (413, 0)
    assert raw(here.url, head + b"2\r\n{}\r\n0\r\n\r\n") == 400  # small enough: then only the password is missing


def test_the_server_itself_believes_no_forwarded_header(here: Gateway) -> None:
    """gunicorn would take X-Forwarded-Proto from 127.0.0.1 by default; only PROXY_HOPS may decide that."""
    with urlopen(Request(f"{here.url}/login", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"})) as answer:
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize(
    "smuggled",
    [
        f"{POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"{POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}\r\n",
        f"{POST}Content-Length: +2\r\n\r\n{{}}",
        f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n folded\r\n\r\n",
        f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-A: {'a' * 20000}\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\n" + "".join(f"X-{n}: a\r\n" for n in range(300)) + "Host: localhost\r\n\r\n",
    ],
    ids=["two lengths", "lengths differ", "signed", "unknown coding", "bare CR", "space", "two hosts", "folded", "long", "many"],
)
def test_a_request_of_two_readings_is_refused(here: Gateway, smuggled: str) -> None:
    assert raw(here.url, smuggled.encode()) in (0, 400, 411, 413, 431, 501)
