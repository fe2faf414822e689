"""deploy/nginx.conf in front of a real gateway: what docs/operations.md says of it is seen here."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.processes import ROOT, Server, free_port
from tests.deploy.certificates import self_signed
from tests.gateway import PASSWORD, Gateway, running_gateway
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client

CONF = ROOT / "deploy" / "nginx.conf"
NAME = "gateway.example.com"
CHAT = "/v1/chat/completions"
NEAR, FAR = "127.0.0.7", "127.0.0.8"  # two callers: every address of 127/8 is this machine's


@dataclass
class Front:
    """nginx, running, and the gateway behind it."""

    port: int
    plain: int
    gateway: Gateway
    certificate: Path
    key: str = ""

    def client(self, source: str = NEAR) -> Client:
        """A TLS connection from that address, made as `Client` makes a plain one."""
        made = Client(f"http://127.0.0.1:{self.port}", timeout=30)
        made.socket.close()
        context = ssl.create_default_context(cafile=str(self.certificate))
        plain = socket.create_connection(("127.0.0.1", self.port), 30, source_address=(source, 0))
        made.socket = context.wrap_socket(plain, server_hostname=NAME)
        return made

    def headers(self, **more: str) -> dict[str, str]:
        host = f"{NAME}:{self.port}"
        return {
            "Host": host,
            "Authorization": f"Bearer {self.key}",
            **{name.replace("_", "-"): text for name, text in more.items()},
        }

    def ask(self, client: Client, **fields: Any) -> Client:
        return client.post(CHAT, {"model": "chat/m", "messages": [{"role": "user", "content": "hi"}], **fields}, self.headers())

    def log_in(self, password: str, source: str, **headers: str) -> Any:
        with self.client(source) as client:
            origin = {"Origin": f"https://{NAME}:{self.port}", "Host": f"{NAME}:{self.port}"}
            return client.post("/api/auth/login", {"password": password}, origin | headers).read()


def documented(folder: Path, gateway: str, port: int, plain: int, certificate: Path, key: Path) -> Path:
    """The file as it is shipped, with this test's ports and certificate, below an nginx.conf of our own."""
    text = CONF.read_text()
    live = f"/etc/letsencrypt/live/{NAME}"
    changes = {
        "server 127.0.0.1:20128;": f"server {gateway};",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        f"{live}/fullchain.pem": str(certificate),
        f"{live}/privkey.pem": str(key),
    }
    for there, here in changes.items():
        assert text.count(there) - text.count(f"`{there}") == 1, there
        text = text.replace(there, here, 1)
    (folder / "site.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""  # whose folder this is
    temporary = "".join(f"{each}_temp_path {each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    around = f"""
    {user} daemon off; pid nginx.pid; error_log error.log; worker_processes 1;
    events {{ worker_connections 1024; }}
    http {{ access_log off; {temporary} include site.conf; }}
    """
    (folder / "nginx.conf").write_text(around)
    return folder / "nginx.conf"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Front]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "install nginx: apt-get install --no-install-recommends nginx-light"
    folder = tmp_path_factory.mktemp("nginx")
    certificate, key = self_signed(folder, NAME)
    with running_gateway(folder, PROXY_HOPS="1", PUBLIC_URL=f"https://{NAME}", ALLOW_PRIVATE_UPSTREAMS="true") as gateway:
        gateway.add_upstream("chat", upstream_process.v1)
        made = Front(free_port(), free_port(), gateway, certificate, gateway.make_key())
        address = gateway.url.removeprefix("http://")
        conf = documented(folder, address, made.port, made.plain, certificate, key)
        command = [program, "-p", f"{folder}/", "-c", str(conf), "-e", "error.log"]
        with Server("nginx", command, folder / "nginx.log", f"https://{NAME}:{made.port}") as server:
            until(lambda: answers(made.port), 20, lambda: server.tail() + (folder / "error.log").read_text())
            yield made


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_events_pass_while_the_upstream_still_speaks(front: Front, upstream: Upstream) -> None:
    """Its role, three words, and then nothing: what a buffer held back would never come."""
    upstream.queue({"text": "word " * 4, "pieces": 4, "stall_after": 4})
    with front.client() as client:
        front.ask(client, stream=True)
        seen = client.read_until(b"\r\n\r\n")
        while seen.count(b"word") < 3 and b"keep-alive\n" not in seen:
            seen += client.receive()
        assert seen.count(b"word") == 3 and b"text/event-stream" in seen
        assert upstream.last().how is None  # nothing has ended yet


def test_a_client_that_leaves_nginx_ends_the_upstream(front: Front, upstream: Upstream) -> None:
    upstream.queue({"text": "word " * 2000, "pieces": 2000, "gap": 0.02})
    with front.client() as client:
        front.ask(client, stream=True, model="chat/leaving")
        client.read_until(b"word")
    assert upstream.closed(upstream.last().id, within=30)
    assert front.gateway.log_rows(1, within=30, model="leaving")[0]["class"] == "client_gone"


def test_a_stream_and_a_whole_answer_come_whole(front: Front, upstream: Upstream) -> None:
    with front.client() as client:  # on one connection
        streamed = front.ask(client, stream=True).read()
        assert streamed.status == 200 and streamed.whole and streamed.body.rstrip().endswith(b"data: [DONE]")
        assert front.ask(client).read().json["choices"][0]["message"]["content"]


def test_a_large_body_passes_and_a_larger_one_is_refused(front: Front, upstream: Upstream) -> None:
    text = "x" * 12_000_000
    with front.client() as client:
        assert front.ask(client, messages=[{"role": "user", "content": text}]).read().status == 200
    assert upstream.last().json["messages"][0]["content"] == text
    with front.client() as client:
        assert client.send(f"POST {CHAT}", front.headers(Content_Length=str(65 * 1024 * 1024))).read().status == 413


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(front: Front, upstream: Upstream) -> None:
    body = json.dumps({"model": "chat/m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    with front.client() as client:
        more = {"Content-Length": str(len(body)), "Content-Type": "application/json", "Expect": "100-continue"}
        client.send(f"POST {CHAT}", front.headers() | more)
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.socket.sendall(body)
        assert client.read().status == 200


def test_the_callers_own_address_counts_and_not_what_he_says(front: Front) -> None:
    for number in range(4):
        assert front.log_in("wrong", FAR, **{"X-Forwarded-For": f"203.0.113.{number}"}).status == 401
    refused = front.log_in("wrong", FAR, **{"X-Forwarded-For": "203.0.113.99", "Forwarded": "for=203.0.113.99"})
    assert refused.status == 401  # the fifth costs a second, the next one comes too early
    assert front.log_in(PASSWORD, FAR, **{"X-Forwarded-For": "203.0.113.100"}).status == 429
    assert front.log_in(PASSWORD, NEAR).status == 200  # of another machine
    rows = front.gateway.api("GET", "/api/audit")["entries"]
    assert {row["address"] for row in rows if row["action"].startswith("login")} >= {NEAR, FAR}
    assert "203.0.113" not in json.dumps(rows)


def test_what_a_browser_gets_is_secure(front: Front) -> None:
    cookie = front.log_in(PASSWORD, NEAR).headers["set-cookie"]
    assert cookie.startswith("__Host-") and "Secure" in cookie and "HttpOnly" in cookie
    with front.client() as client:
        page = client.get("/login", front.headers()).read()
    assert page.status == 200 and page.headers["strict-transport-security"].startswith("max-age=")
    assert page.framed.count(b"Strict-Transport") == 0
    with Client(f"http://127.0.0.1:{front.plain}") as client:
        moved = client.get("/login?next=/x", {"Host": NAME}).read()
    assert (moved.status, moved.headers["location"]) == (301, f"https://{NAME}/login?next=/x")


def test_nobody_comes_without_a_key_or_by_another_name(front: Front) -> None:
    with front.client() as client:
        assert client.get("/v1/models", {"Host": f"{NAME}:{front.port}"}).read().status == 401
    with front.client() as client:
        assert client.get("/v1/models", {"Host": "evil.example", "Authorization": f"Bearer {front.key}"}).read().status == 400
