"""The transport over real sockets: statuses, lines that break in every way, live reading, reuse."""

from __future__ import annotations

import gzip
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest

from omniroute.address_guard import AddressGuard
from omniroute.errors import AddressRefused, UpstreamNetwork, UpstreamNotJson, UpstreamRedirect
from omniroute.http import Transport
from tests.upstream.client import until

Script = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def server(*scripts: Script) -> Iterator[str]:
    """One connection per script, in order."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def run() -> None:
        for script in scripts:
            client, _ = listener.accept()
            with client:
                script(client)

    threads.append(threading.Thread(target=run, daemon=True))
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/messages"
    finally:
        threads[0].join(10)
        listener.close()


def read_request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(*answers: bytes) -> Script:
    def script(client: socket.socket) -> None:
        for answer in answers:
            read_request(client)
            client.sendall(answer)

    return script


def transport(private: bool = True) -> Transport:
    return Transport(AddressGuard(private=private), connect_seconds=2)


def post(url: str, sender: Transport | None = None, seconds: float = 5.0) -> tuple[int, bytes]:
    answer = (sender or transport()).send("POST", url, [("Content-Type", "application/json")], b"{}", seconds=seconds)
    return answer.status, answer.read(seconds)


def test_request_is_sent_as_given() -> None:
    seen: list[bytes] = []

    def script(client: socket.socket) -> None:
        seen.append(read_request(client))
        client.sendall(OK)

    with server(script) as url:
        answer = transport().send(
            "POST", url + "?beta=true", [("X-App", "cli"), ("Accept-Encoding", "identity")], b'{"a":1}', seconds=5
        )
        assert (answer.status, answer.read(5)) == (200, b"{}")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/messages?beta=true HTTP/1.1"
    assert body == b'{"a":1}'
    names = [line.partition(b":")[0].lower() for line in lines[1:]]
    assert sorted(names) == [b"accept-encoding", b"content-length", b"host", b"x-app"]


@pytest.mark.parametrize("value", ["a\r\nX-More: b", "a\nb", "a\rb", "a\0b"], ids=["line", "lf", "cr", "nul"])
def test_a_header_with_a_line_break_never_goes_out(value: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(ValueError, match="line break"):
            transport().send("POST", url, [("X-App", value)], b"{}", seconds=5)
        with pytest.raises(BlockingIOError):  # nobody has come
            listener.accept()


def test_a_head_is_read_as_it_may_be_written() -> None:
    """Names in any case, twice, without a space, over two lines; what is no header is passed over, interim answers too."""

    def script(client: socket.socket) -> None:
        read_request(client)
        client.sendall(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 200\r\nX-ONE:a\r\nx-one:  b \r\nnothing\r\nLong: c\r\n  d\r\n"
            b"Name : e\r\nUmlaut: \xfc\r\ncontent-LENGTH: 2\r\n\r\n{}"
        )

    with server(script) as url:
        answer = transport().send("POST", url, [], b"{}", seconds=5)
        assert answer.read(5) == b"{}"
    told = {name: answer.headers.get(name) for name in ("x-one", "LONG", "name", "umlaut", "Link")}
    assert told == {"x-one": "a, b", "LONG": "c d", "name": "e", "umlaut": "\xfc", "Link": None}


def test_idle_connections_that_the_upstream_has_closed_are_let_go() -> None:
    sender = transport()
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(3) as pool, ExitStack() as stack:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        asked = [pool.submit(post, url, sender) for _ in range(3)]
        lines = [stack.enter_context(listener.accept()[0]) for _ in asked]
        for line in lines:
            read_request(line)
        for line in lines:
            line.sendall(OK)
        assert [each.result(10) for each in asked] == [(200, b"{}")] * 3
        *ended, kept = lines
        for line in ended:
            line.shutdown(socket.SHUT_WR)

        def let_go() -> bool:
            sender.close_dropped()
            return len(select.select(ended, [], [], 0.1)[0]) == len(ended)

        until(let_go, 10, lambda: "both to be closed")
        assert [line.recv(1) for line in ended] == [b"", b""]
        kept.setblocking(False)
        with pytest.raises(BlockingIOError):  # open, and nothing to read
            kept.recv(1)
        sender.close()


CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, b"hello"),
        (b"200 OK\r\ntransfer-encoding:  Chunked\r\nContent-Length: 2\r\n\r\n" + CHUNKS, b"hello"),
        (b"200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"200 OK\r\nContent-Length: 0, 0\r\n\r\n", b""),
        (b"101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b""),
        (b"204 No Content\r\n\r\n", b""),
    ],
    ids=["chunked twice", "chunked and a length", "a length twice", "no length twice", "101", "204"],
)
def test_the_end_of_a_body_is_found_at_once(answer: bytes, body: bytes) -> None:
    def script(client: socket.socket) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 " + answer)
        assert client.recv(1) == b""  # kept open until the other side closes it

    with server(script) as url:
        sender = transport()
        assert post(url, sender, seconds=5)[1] == body
        sender.close()  # also the line that is kept for the next request


def test_two_lengths_that_differ_are_no_answer() -> None:
    with server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}")) as url:
        with pytest.raises(UpstreamNetwork) as broken:
            post(url)
        assert broken.value.fault == "protocol"


def test_control_characters_of_an_upstream_go_no_further() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Request-Id: a\rX-Evil: 1\r\nContent-Type: a/b\x07\0;\tc\x7f\r\nContent-Length: 0\r\n\r\n"
    with server(answering(head)) as url:
        headers = transport().send("POST", url, [], b"{}", seconds=5).headers
    assert (headers["x-request-id"], headers["content-type"]) == ("a X-Evil: 1", "a/b  ;\tc ")


@pytest.mark.parametrize("url", ["http://ho%st/v1", "ftp://example.com/", "http:///v1", "http://a:port/"])
def test_an_address_that_is_none_is_a_failed_attempt(url: str) -> None:
    with pytest.raises(UpstreamNetwork) as broken:
        transport().send("POST", url, [], b"{}", seconds=5)
    assert broken.value.fault == "protocol"


def test_an_error_that_trickles_is_left() -> None:
    noticed = threading.Event()

    def script(client: socket.socket) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n")
        pause = threading.Event()
        with suppress(OSError):
            while not pause.wait(0.02):
                client.sendall(b"1\r\nx\r\n")
        noticed.set()

    with server(script) as url:
        answer = transport().send("POST", url, [], b"{}", seconds=5)
        assert set(answer.read_error(seconds=0.2)) == {ord("x")}
        assert noticed.wait(10)  # while the answer is still held here
        assert answer.status == 500


def test_connection_is_reused_and_a_dead_one_is_replaced_unseen() -> None:
    with server(answering(OK, OK), answering(OK)) as url:
        sender = transport()
        assert [post(url, sender)[0] for _ in range(3)] == [200, 200, 200]


class Counting:
    """A body in pieces that counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0

    def __len__(self) -> int:
        return 300_000

    def __iter__(self) -> Iterator[bytes]:
        self.begun += 1
        yield from (bytes([number]) * 100_000 for number in range(3))


def test_a_body_in_pieces_is_sent_with_its_length_and_again_from_its_start() -> None:
    seen: list[bytes] = []

    def script(client: socket.socket) -> None:
        seen.append(read_request(client))
        client.sendall(OK)

    body, sender = Counting(), transport()
    with server(script, script) as url:
        for _ in range(2):  # the second time the connection has died, and another one is made unseen
            answer = sender.send("POST", url, [], body, seconds=5)
            assert (answer.status, answer.read(5)) == (200, b"{}")
    for each in seen:
        head, _, sent = each.partition(b"\r\n\r\n")
        assert sent == b"".join(body) and b"content-length: 300000" in head.lower() and b"chunked" not in head.lower()
    assert len(seen) == 2 and body.begun >= 2


def test_environment_and_netrc_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with server(answering(OK)) as url:
        assert post(url)[0] == 200


def test_redirect_is_not_followed() -> None:
    with server(answering(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n")) as url:
        with pytest.raises(UpstreamRedirect) as refused:
            post(url)
        assert refused.value.location == "http://elsewhere.example/"


def test_gzip_is_decoded() -> None:
    body = gzip.compress(b'{"a":1}')
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with server(answering(head + body)) as url:
        assert post(url) == (200, b'{"a":1}')


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until close"])
def test_bytes_are_there_when_they_come(chunked: bool) -> None:
    """The second piece is only sent after the first was read: a transport that gathers would wait for ever."""
    first_read = threading.Event()

    def script(client: socket.socket) -> None:
        read_request(client)
        head = b"HTTP/1.1 200 OK\r\n" + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Connection: close\r\n\r\n")
        client.sendall(head + (b"3\r\none\r\n" if chunked else b"one"))
        assert first_read.wait(10)
        client.sendall(b"3\r\ntwo\r\n0\r\n\r\n" if chunked else b"two")

    with server(script) as url:
        answer = transport().send("POST", url, [], b"{}", seconds=10)
        assert answer.read1() == b"one"
        first_read.set()
        assert answer.read1() == b"two"
        assert answer.read1() == b""


def test_a_chunked_body_that_is_cut_is_no_end() -> None:
    with server(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")) as url:
        answer = transport().send("POST", url, [], b"{}", seconds=5)
        assert answer.read1() == b"hello"
        with pytest.raises(UpstreamNetwork) as broken:
            answer.read1()
        assert (broken.value.fault, broken.value.early) == ("reset", False)


def test_a_body_shorter_than_said_is_no_end() -> None:
    with server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")) as url, pytest.raises(UpstreamNetwork):
        post(url)


def nothing(client: socket.socket) -> None:
    read_request(client)


def silence(client: socket.socket) -> None:
    read_request(client)
    client.recv(1)  # until the other side gives up


def garbage(client: socket.socket) -> None:
    read_request(client)
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize(("script", "fault"), [(nothing, "reset"), (silence, "timeout"), (garbage, "protocol")])
def test_lines_that_break_before_an_answer(script: Script, fault: str) -> None:
    with server(script) as url:
        with pytest.raises(UpstreamNetwork) as broken:
            post(url, seconds=0.3)
        assert (broken.value.fault, broken.value.early) == (fault, True)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(UpstreamNetwork) as broken:
        post(f"http://127.0.0.1:{port}/")
    assert (broken.value.fault, broken.value.port) == ("refused", port)


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(UpstreamNetwork) as broken:
        post("http://no-such-host.invalid/")
    assert broken.value.fault == "dns"


def test_tls_with_a_server_that_has_none() -> None:
    with server(lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as url:
        with pytest.raises(UpstreamNetwork) as broken:
            post(url.replace("http://", "https://"))
        assert broken.value.fault == "tls"


def test_the_guard_is_asked_before_a_byte_is_sent() -> None:
    with pytest.raises(AddressRefused) as refused:
        post("http://127.0.0.1:9/", transport(private=False))
    assert "ALLOW_PRIVATE_UPSTREAMS" in str(refused.value)


def test_an_endless_body_is_stopped() -> None:
    def script(client: socket.socket) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        try:
            while True:
                client.sendall(b"x" * 65536)
        except OSError:
            return

    with server(script) as url:
        answer = transport().send("POST", url, [], b"{}", seconds=5)
        with pytest.raises(UpstreamNotJson):
            answer.read(5, limit=1_000_000)


def test_an_error_about_an_error_is_not_raised() -> None:
    with server(answering(b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf of it")) as url:
        answer = transport().send("POST", url, [], b"{}", seconds=5)
        assert (answer.status, answer.read_error()) == (500, b"half of it")


def test_closing_closes_the_socket() -> None:
    closed = threading.Event()

    def script(client: socket.socket) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        client.settimeout(10)
        if client.recv(1) == b"":
            closed.set()

    with server(script) as url:
        answer = transport().send("POST", url, [], b"{}", seconds=5)
        assert answer.read1() == b"x"
        answer.close()
        assert closed.wait(10)


def test_a_body_of_known_length_on_a_closing_connection() -> None:
    """The transport closes its socket as the last byte comes; the next look at its timeout must not mind."""
    with server(answering(OK.replace(b"Content-Type", b"Connection: close\r\nContent-Type"))) as url:
        assert post(url) == (200, b"{}")


SIZES = (3, 1, 20, 2, 5, 300)


def test_chunks_that_came_together_are_given_out_together() -> None:
    """Wherever what comes is cut, in a size, a chunk or its end: what is whole is there at once, and nothing waits for more."""
    chunks = [b"%x;note=1\r\n%s\r\n" % (size, b"a" * size) for size in SIZES]
    whole = b"".join(chunks)
    begins = len(chunks[0]) - 2 - SIZES[0]  # where the data of the first chunk begin
    for cut in range(begins + 1, len(whole)):
        complete = sum(size for n, size in enumerate(SIZES) if len(b"".join(chunks[: n + 1])) - 2 <= cut)
        expected = complete or cut - begins
        go = threading.Event()

        def script(client: socket.socket, cut: int = cut, go: threading.Event = go) -> None:
            read_request(client)
            client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + whole[:cut])
            go.wait(10)
            client.sendall(whole[cut:] + b"0\r\n\r\n")

        with server(script) as url:
            answer = transport().send("POST", url, [], b"{}", seconds=5)
            first = answer.read1()
            go.set()
            assert first == b"a" * expected, cut
            assert first + b"".join(iter(answer.read1, b"")) == b"a" * sum(SIZES)
