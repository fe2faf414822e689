"""The real gateway in tests: its own gunicorn, port and data directory, stopped and looked over in the end.

    def test_something(gateway, upstream):
        here = gateway(ENABLE_CC_COMPATIBLE_PROVIDER="true")
        here.add_upstream("chat", upstream.v1)
        key = here.add_key()
        ... requests to here.url ...
        row = here.log_rows(1)[0]

A gateway that died, that printed a traceback, or that left a secret in its output, its data or its metrics fails its test
even if nothing else did.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bench.gateway import PASSWORD, Management, Refused, prepare, settings, start
from bench.processes import Server
from tests.canaries import SECRET_KEY, marked_storage_key
from tests.left_behind import look_over, look_through_answer, metrics_of
from tests.upstream.client import until

__all__ = ["PASSWORD", "Gateway", "Refused", "gateway", "running_gateway"]


LOG_LEVEL = os.environ.get("TESTS_LOG_LEVEL", "INFO")  # of the gateways that say nothing else; `make canary` says DEBUG


class Gateway(Management):
    """A running gateway: `url`, its management calls, its log rows, its output."""

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(server.url)
        self.server, self.folder = server, folder
        self.data_dir = folder / "data"

    def api(self, method: str, path: str, document: Any = None) -> Any:
        """A management call; a session is opened on first use. Raises Refused for a status >= 400."""
        return self.call(method, path, document)

    def refused(self, method: str, path: str, document: Any = None) -> Refused:
        """The same for a call that must fail: what it was refused with. Raises AssertionError when it is not."""
        try:
            answer = self.api(method, path, document)
        except Refused as exc:
            return exc
        raise AssertionError(f"{method} {path} was not refused but answered {answer}")

    def add_upstream(
        self, name: str, base_url: str, type: str = "openai-compatible", api_key: str = "sk-good-1", **more: Any
    ) -> str:
        """A node called `name`, which is its prefix too, with one connection. Returns the node's id."""
        node_id = self.add_node(name, base_url, type, **more)
        self.add_connection(node_id, api_key)
        return node_id

    def make_key(self, name: str = "a key", **more: Any) -> str:
        """A new client key, in full."""
        return self.add_key(name, **more)

    def log_rows(self, count: int = 1, within: float = 5.0, **filters: Any) -> list[dict[str, Any]]:
        """The log rows, newest first, once there are at least `count`: they are written a moment after the answer."""
        path = "/api/usage/logs" + (f"?{urlencode(filters)}" if filters else "")

        def written() -> list[dict[str, Any]] | None:
            rows: list[dict[str, Any]] = self.api("GET", path)["logs"]
            return rows if len(rows) >= count else None

        return until(written, within, lambda: f"{count} log rows; there are {self.api('GET', path)['logs']}")

    def output(self) -> str:
        """All that the gateway printed so far."""
        return self.server.output()

    def _send(self, method: str, path: str, document: Any) -> Any:
        if self.key is None and self.cookie is None and path != "/api/auth/login":
            self.log_in()
        asked = f"{method} {path}"
        try:
            answer, headers = super()._send(method, path, document)
        except Refused as exc:
            look_through_answer(asked, exc.body.encode())
            raise
        look_through_answer(asked, json.dumps(answer).encode())
        return answer, headers


@functools.cache
def prepared_data() -> Path:
    """A data directory as a first start leaves it. Made once and copied, since preparing takes as long as starting."""
    folder = Path(tempfile.mkdtemp(prefix="prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    given = settings(folder)
    data = Path(given["DATA_DIR"])
    data.mkdir(mode=0o700)
    data.joinpath("server.env").write_text(f"SECRET_KEY={SECRET_KEY}\nSTORAGE_ENCRYPTION_KEY={marked_storage_key()}\n")
    prepare(folder, given)
    return data


@contextmanager
def running_gateway(folder: Path, *, workers: int = 1, tracebacks: bool = False, **env: str) -> Iterator[Gateway]:
    """One gateway on `folder`/data (kept, so a second one may go on with it). `env` are its settings.

    It ends open streams 1 s after it was told to stop, unless DRAIN_SECONDS says otherwise. Raises AssertionError at the
    end if it had died, or, unless `tracebacks` are expected, had printed one, and Leaked if it left a secret somewhere.
    """
    made_new = env.keys().isdisjoint(("DATABASE_URL", "DATA_DIR", "INITIAL_PASSWORD", "SECRET_KEY", "STORAGE_ENCRYPTION_KEY"))
    env.setdefault("DRAIN_SECONDS", "1")
    env.setdefault("LOG_LEVEL", LOG_LEVEL)
    server = start(folder, workers=workers, env=env, prepared=prepared_data() if made_new else None)
    gateway, metrics = Gateway(server, folder), b""
    try:
        yield gateway
        assert server.alive, f"the gateway died with status {server.process.returncode}:\n{server.tail(60)}"
        metrics = metrics_of(server.url)
    finally:
        server.stop()
    look_over(server.log, Path(env.get("DATA_DIR", gateway.data_dir)), env, metrics, [gateway.cookie] if gateway.cookie else [])
    assert tracebacks or "Traceback" not in server.output(), f"the gateway printed a traceback:\n{server.tail(80)}"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """`gateway(workers=1, **settings)` starts one; each call has a data directory of its own unless `folder` is given."""
    with ExitStack() as stack:
        started = 0

        def factory(folder: Path | None = None, *, workers: int = 1, tracebacks: bool = False, **env: str) -> Gateway:
            nonlocal started
            started += 1
            place = folder or tmp_path / f"gateway-{started}"
            place.mkdir(parents=True, exist_ok=True)
            return stack.enter_context(running_gateway(place, workers=workers, tracebacks=tracebacks, **env))

        yield factory
