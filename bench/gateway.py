"""The gateway as a benchmark or a test meets it: real gunicorn on a data directory of its own, set up over its own API."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from bench.processes import ROOT, SERVED_BY, NotStarted, Server, direct, environment, free_port

# Nobody's: it guards made-up keys in a temporary directory. With the marks of tests/canaries.py, by which tests search for it.
PASSWORD = "c4naryQ-password-of-the-admin-c4naryQ-end"


class Refused(Exception):
    """A management call was answered with an error. `status` and `body` are what came."""

    def __init__(self, call: str, status: int, body: str) -> None:
        super().__init__(f"{call}: {status} {body[:2000]}")
        self.status, self.body = status, body

    @property
    def error(self) -> dict[str, Any]:
        """The `error` member: message, code, details."""
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


def start(
    folder: Path, *, workers: int = 1, env: Mapping[str, str] | None = None, prepared: Path | None = None, seconds: float = 20.0
) -> Server:
    """Start the gateway on `folder`/data and a free port; it is ready when this returns.

    The data directory is made by `omniroute prepare`, or as a copy of `prepared` if it is not there yet. The working
    directory is `folder`, so that nobody's `.env` is read. Raises NotStarted with the last output.
    """
    port = free_port()
    given = settings(folder) | {"PORT": str(port), "WEB_CONCURRENCY": str(workers)} | dict(env or {})
    data = Path(given["DATA_DIR"])
    if prepared is not None and not data.exists():
        shutil.copytree(prepared, data)
    else:
        prepare(folder, given)
    return serve(folder, given).wait_until_up("/readyz", seconds)


def serve(folder: Path, given: Mapping[str, str]) -> Server:
    """gunicorn with these settings, as it was just started."""
    gunicorn = [SERVED_BY, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    return Server("the gateway", gunicorn, folder / "gateway.log", f"http://127.0.0.1:{given['PORT']}", given, cwd=folder)


def settings(folder: Path) -> dict[str, str]:
    return {"HOST": "127.0.0.1", "DATA_DIR": str(folder / "data"), "HOME": str(folder), "INITIAL_PASSWORD": PASSWORD}


def prepare(folder: Path, given: Mapping[str, str]) -> None:
    """Secrets, tables and the admin's password, as a first start makes them. Raises NotStarted."""
    command = [SERVED_BY, "-m", "omniroute", "prepare"]
    made = subprocess.run(command, cwd=folder, env=environment(given), capture_output=True, text=True, timeout=60)
    if made.returncode:
        raise NotStarted(f"'omniroute prepare' ended with status {made.returncode}:\n{made.stdout}{made.stderr}")


@dataclass(slots=True)
class Management:
    """The `/api` side of a running gateway, with a session or a key of scope `manage`."""

    url: str
    key: str | None = None
    cookie: str | None = field(default=None, repr=False)

    def log_in(self, password: str = PASSWORD) -> None:
        headers = self._send("POST", "/api/auth/login", {"password": password})[1]
        self.cookie = "; ".join(value.partition(";")[0] for name, value in headers if name.lower() == "set-cookie")

    def call(self, method: str, path: str, document: Any = None) -> Any:
        """The answer's JSON, or None for an empty one. Raises Refused for a status >= 400."""
        return self._send(method, path, document)[0]

    def add_node(self, name: str, base_url: str, type: str = "openai-compatible", **more: Any) -> str:
        """A node and its id; `name` is its prefix too unless `prefix` is given."""
        given = {"name": name, "prefix": name, "type": type, "baseUrl": base_url, **more}
        if type == "openai-compatible":
            given.setdefault("apiType", "chat")
        node_id: str = self.call("POST", "/api/provider-nodes", given)["node"]["id"]
        return node_id

    def add_connection(self, provider: str, api_key: str = "sk-good-1", name: str = "first", **more: Any) -> str:
        given = {"provider": provider, "name": name, "apiKey": api_key, **more}
        connection_id: str = self.call("POST", "/api/providers", given)["connection"]["id"]
        return connection_id

    def add_key(self, name: str = "a key", **more: Any) -> str:
        """A new client key, in full."""
        key: str = self.call("POST", "/api/keys", {"name": name, **more})["key"]
        return key

    def add_combo(self, name: str, *models: str, **more: Any) -> str:
        """A combo of these models; its id."""
        combo_id: str = self.call("POST", "/api/combos", {"name": name, "steps": list(models), **more})["combo"]["id"]
        return combo_id

    def _send(self, method: str, path: str, document: Any) -> tuple[Any, list[tuple[str, str]]]:
        headers = {"Content-Type": "application/json", "Origin": self.url}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        elif self.cookie is not None:
            headers["Cookie"] = self.cookie
        body = None if document is None else json.dumps(document).encode()
        try:
            with direct.open(Request(self.url + path, data=body, headers=headers, method=method), timeout=30) as answer:
                raw = answer.read()
                return (json.loads(raw) if raw else None), answer.getheaders()
        except HTTPError as exc:
            with exc:
                raise Refused(f"{method} {path}", exc.code, exc.read().decode(errors="replace")) from exc
