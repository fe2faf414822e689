"""The search that every test's gateway goes through in the end finds what it is to find, and says where without saying what."""

from __future__ import annotations

import base64
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

import psycopg
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis

from omniroute.clock import Clock
from omniroute.security import client_keys
from tests.canaries import MARK, Leaked, find, marked, marked_storage_key
from tests.gateway import running_gateway
from tests.left_behind import look_over, look_through_postgres, look_through_redis, look_through_sqlite, metrics_of, watched
from tests.redis_server import RedisServer
from tests.upstream.raw import Client

SECRET = marked("an upstream's key", "wxyz")
KEY = client_keys.make(Clock())
SESSION = "omniroute_session=" + Clock().token()
SERVER_ENV = """\
# a comment
SECRET_KEY=made-by-the-server-itself-0001
STORAGE_ENCRYPTION_KEY=older-key-without-a-mark,newer-one-without-any
"""

WRITTEN: dict[str, bytes] = {
    "as it is": SECRET.encode(),
    "its first half": SECRET[: len(SECRET) // 2].encode(),
    "its second half": SECRET[len(SECRET) // 2 :].encode(),
    "in an address": quote(f"key/{SECRET}", safe="").encode(),
    "in hexadecimal": SECRET.encode().hex().encode(),
    "basic": base64.b64encode(f"me:{SECRET}".encode()),
    "base64, one on": base64.b64encode(f"x:{SECRET}".encode()),
    "base64, two on": base64.b64encode(f":{SECRET}".encode()),
    "base64 of an address": base64.urlsafe_b64encode(f"?>{SECRET}".encode()),
    "an upstream's key": b"sk-good-1",
    "another, in base64": base64.b64encode(b"Bearer sk-test-0001"),
    "a client key": KEY.encode(),
    "half a client key": KEY[:26].encode(),
    "a client key in base64": base64.b64encode(f"Bearer {KEY}".encode()),
    "a storage key": marked_storage_key().encode(),
    "a session": SESSION.partition("=")[2].encode(),
    "the server's own": b"made-by-the-server-itself-0001",
    "its older key": b"older-key-without-a-mark",
    "its newer key, in base64": base64.b64encode(b"newer-one-without-any"),
}
HARMLESS = {
    "what is shown of a key": b"sk-...wxyz sk-g... sk-or-Ab12...wxyz API key sk-*** ",
    "the beginning of a client key": " ".join(client_keys.shown(KEY)).encode(),
    "a word": b"canary Canary c4nary sk-goo sk- sk-or-",
}


@pytest.fixture
def left(tmp_path: Path, _sqlite_template: Path) -> Path:
    """The folder of a gateway that has stopped and left nothing."""
    data = tmp_path / "data"
    (data / "metrics").mkdir(parents=True)
    shutil.copyfile(_sqlite_template, data / "omniroute.db")
    data.joinpath("server.env").write_text(SERVER_ENV + f"# {SECRET}\n")
    data.joinpath("metrics", "counter_1.db").write_bytes(b"\0" * 4096)
    tmp_path.joinpath("gateway.log").write_text('{"event": "started"}\n')
    return tmp_path


def looked(folder: Path, metrics: bytes = b"", **env: str) -> str:
    """What it was refused for; empty for nothing."""
    try:
        look_over(folder / "gateway.log", folder / "data", env, metrics, [SESSION])
    except Leaked as exc:
        return str(exc)
    return ""


def test_a_gateway_that_left_nothing_passes(left: Path) -> None:
    assert looked(left) == ""


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_secret_is_found_however_it_is_written(left: Path, written: bytes) -> None:
    with left.joinpath("gateway.log").open("ab") as log:
        log.write(b'{"event": "' + written + b'"}\n')
    said = looked(left)
    at = left.joinpath("gateway.log").read_bytes().index(written)
    offset = int(said.partition("gateway.log, byte ")[2].partition(":")[0])
    assert at <= offset < at + len(written)
    assert SECRET not in said and written.decode() not in said


@pytest.mark.parametrize("written", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_is_none_is_not_found(left: Path, written: bytes) -> None:
    left.joinpath("gateway.log").write_bytes(written)
    assert looked(left, written) == ""


def test_what_ciphertext_may_look_like_is_not_found() -> None:
    sealed = Fernet(marked_storage_key()).encrypt(SECRET.encode())
    assert list(find("a row", sealed)) == []


def test_every_place_is_searched(left: Path) -> None:
    assert "/metrics, byte 1: a marked secret, plain" in looked(left, b" " + SECRET.encode())
    for name in ("omniroute.db", "omniroute.db-wal", "metrics/counter_1.db", "lock"):
        path = left / "data" / name
        before = path.read_bytes() if path.exists() else b""
        path.write_bytes(before + SECRET.encode())
        assert f"{name}, byte {len(before)}: a marked secret, plain" in looked(left)
        path.write_bytes(before)
    assert looked(left) == ""


def test_what_a_setting_holds_is_looked_for(left: Path) -> None:
    left.joinpath("gateway.log").write_text("signed with given-by-the-operator-0001")
    assert looked(left) == ""
    assert "SECRET_KEY, plain" in looked(left, SECRET_KEY="given-by-the-operator-0001")


def test_a_row_that_is_in_the_write_ahead_log_alone(left: Path) -> None:
    path = left / "data" / "omniroute.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE notes (text TEXT)")
        database.execute("INSERT INTO notes VALUES (?)", (SECRET,))
        database.commit()
        assert MARK.encode() not in path.read_bytes()
        with pytest.raises(Leaked, match=r"omniroute\.db-wal, byte \d+: a marked secret, plain"):
            look_through_sqlite(path)
        assert "omniroute.db-wal" in looked(left)


def test_a_row_that_was_deleted(left: Path) -> None:
    path = left / "data" / "omniroute.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA secure_delete=OFF")
        database.execute("CREATE TABLE notes (text TEXT)")
        database.execute("INSERT INTO notes VALUES (?)", (SECRET,))
        database.commit()
        database.execute("DELETE FROM notes")
        database.commit()
    with pytest.raises(Leaked, match=r"omniroute\.db, byte \d+"):
        look_through_sqlite(path)


def test_a_row_in_postgres(emptied_postgres_url: str, left: Path) -> None:
    address = emptied_postgres_url.replace("+psycopg", "")
    assert looked(left, DATABASE_URL=address) == ""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
        try:
            connection.execute("INSERT INTO notes VALUES ('one'), (%s)", (SECRET,))
            with pytest.raises(Leaked, match=r"table notes, byte \d+: a marked secret, plain"):
                look_through_postgres(emptied_postgres_url)
            assert "table notes" in looked(left, DATABASE_URL=address)
        finally:
            connection.execute("DROP TABLE notes")


def test_a_value_in_redis(redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url) as client:
        client.hset("a hash", "field", SECRET)
        with pytest.raises(Leaked, match="Redis, b'a hash'"):
            look_through_redis(redis_server.url)
        client.flushall()
        client.set("long", f"{'a' * 200}{SECRET}{'a' * 200}")  # such a text would be compressed
        with pytest.raises(Leaked, match="Redis, b'long'"):
            look_through_redis(redis_server.url)
        client.flushall()


# Metrics ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fails"), [("200 OK", False), ("401 Unauthorized", False), ("500 Oh", True), ("503 No", True)]
)
def test_metrics_that_fail_are_no_search(status: str, fails: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(metrics_of, f"http://127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\ntold".encode())
            with pytest.raises(HTTPError) if fails else nullcontext():
                assert asked.result(20) == b"told"


# Answers ------------------------------------------------------------------------------------------------


def test_a_secret_in_what_is_not_read_to_its_end() -> None:
    """Cut by pieces, on a bare socket; what the next answer on it begins with is not joined to it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Client(f"http://127.0.0.1:{server.getsockname()[1]}") as client,
        server.accept()[0] as connection,
    ):
        client.get("/one")
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\ndata: " + SECRET[:4].encode())
        assert client.read_until(b"data: ").endswith(SECRET[:4].encode())
        connection.sendall(SECRET[4 : len(SECRET) // 2].encode())
        with pytest.raises(Leaked, match="the answer to GET /one"):
            client.receive()
        client.get("/two")
        connection.sendall(b"harmless")
        assert client.receive() == b"harmless"


@pytest.fixture
def answering() -> Callable[..., Flask]:
    """Makes an application that says this, in these pieces, on every path."""

    def made(*pieces: str, **headers: str) -> Flask:
        app = Flask("answering")

        def said(**_: str) -> tuple[Iterator[str], dict[str, str]]:
            return iter(pieces), headers

        for rule in ("/", "/<path:path>"):
            app.add_url_rule(rule, rule, said, methods=["GET", "POST"])
        return watched(app)

    return made


@pytest.mark.parametrize("pieces", [[SECRET], ["a" * 5000, SECRET], ["a", SECRET[:4], SECRET[4:], "b"]])
def test_a_secret_in_an_answer(answering: Callable[..., Flask], pieces: list[str]) -> None:
    with pytest.raises(Leaked, match="the answer to GET /here, byte"):
        answering(*pieces).test_client().get("/here?x=1").get_data()


def test_a_secret_in_a_header_of_an_answer(answering: Callable[..., Flask]) -> None:
    with pytest.raises(Leaked, match="the answer to GET /"):
        answering("fine", Location=f"/next?key={SECRET}").test_client().get("/")


def test_the_cookie_of_whoever_asks_is_in_no_answer(answering: Callable[..., Flask]) -> None:
    name, _, token = SESSION.partition("=")
    client = answering(f"you are {token}").test_client()
    assert client.get("/").status_code == 200
    client.set_cookie(name, token)
    with pytest.raises(Leaked, match="a session, plain"):
        client.get("/")


def test_a_client_key_is_told_where_it_is_made_and_nowhere_else(answering: Callable[..., Flask]) -> None:
    client = answering(f'{{"key": "{KEY}"}}').test_client()
    for path in ("/api/keys", "/api/keys/some-id/rotate", "/dashboard/keys/add", "/dashboard/start/key"):
        assert client.post(path).status_code == 200
        with pytest.raises(Leaked):
            client.get(path)
    with pytest.raises(Leaked):
        client.post("/api/keys/some-id")
    with pytest.raises(Leaked):
        answering(SECRET).test_client().post("/api/keys")


# The fixture --------------------------------------------------------------------------------------------


def test_a_gateway_that_prints_a_secret_fails_its_test(tmp_path: Path) -> None:
    with pytest.raises(Leaked, match=r"gateway\.log, byte \d+: a marked secret, base64"), running_gateway(tmp_path) as here:
        here.server.log.write_bytes(base64.b64encode(SECRET.encode()))


def test_a_session_in_the_data_of_a_gateway_fails_its_test(tmp_path: Path) -> None:
    with pytest.raises(Leaked, match=r"notes, byte 0: a session, plain"), running_gateway(tmp_path) as here:
        here.api("GET", "/api/keys")
        assert here.cookie
        here.data_dir.joinpath("notes").write_text(here.cookie.partition("=")[2])
