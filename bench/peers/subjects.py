"""Who is measured: each with two workers, its own defaults, and nothing that only helps in finding faults.

| Subject | How it runs |
| --- | --- |
| OmniRoute | gunicorn with 2 workers; a client key is asked for, log rows and usage on, SQLite |
| bare relay | Flask and requests under gunicorn with 2 workers: this stack's limit, it does nothing but pass on |
| LiteLLM | `--num_workers 2`, patience with a slow worker, a master key, "Production Best Practices" of its documentation
  (2026-10): no debug, errors only, LITELLM_MODE=PRODUCTION; without its database, so it keeps no log rows and no spend |
| Portkey | its server for node, NODE_ENV=production and --headless (no page that shows logs), in 2 workers of node:cluster:
  it has no setting for more than one process; it asks for no key of its own and keeps no log |
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import gateway
from bench.peers import install
from bench.processes import Server, family, free_port
from bench.run import WORKERS, start_bare
from omniroute import __version__

KEY = "sk-bench"
MASTER = "sk-bench-master"
WAYS = ("chat", "messages", "paced")


@dataclass(frozen=True, slots=True)
class Way:
    """How a load comes through a subject: where it goes, and what it must bring. `server` is what answers there, None for the
    upstream's own.
    """

    url: str
    server: Server | None
    model: str = "bench-model"
    key: str = KEY
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """One that runs. `ways` has a way for each of "chat", "messages" and "paced". `ready_s`: from the command to an answer
    of its health page.
    """

    title: str
    ways: Mapping[str, Way]
    ready_s: float | None = None

    def pids(self, way: str) -> list[int]:
        """All processes that are behind that way."""
        server = self.ways[way].server
        return [] if server is None else family(server.pid)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subject starts: `upstreams` has the URLs of the fast and the paced one."""

    stack: ExitStack
    folder: Path
    upstreams: Mapping[str, str]


def direct(place: Place) -> Subject:
    fast, paced = place.upstreams["fast"], place.upstreams["paced"]
    return Subject("upstream alone", {"chat": Way(fast, None), "messages": Way(fast, None), "paced": Way(paced, None)})


def bare(place: Place) -> Subject:
    """One for each upstream: it knows one only."""
    started = {
        name: place.stack.enter_context(start_bare(place.folder / f"bare-{name}.log", url)).wait_until_up("/healthz")
        for name, url in place.upstreams.items()
    }
    ways = {name: Way(server.url, server) for name, server in started.items()}
    return Subject("bare relay", {"chat": ways["fast"], "messages": ways["fast"], "paced": ways["paced"]})


def omniroute(place: Place) -> Subject:
    began = time.monotonic()
    server = place.stack.enter_context(gateway.start(place.folder, workers=WORKERS, env={"REQUIRE_API_KEY": "true"}))
    ready = time.monotonic() - began
    management = gateway.Management(server.url)
    management.log_in()
    fast, paced = (f"{place.upstreams[name]}/v1" for name in ("fast", "paced"))
    for name, base, kind in (
        ("chat", fast, "openai-compatible"),
        ("messages", fast, "anthropic-compatible"),
        ("paced", paced, "openai-compatible"),
    ):
        management.add_connection(management.add_node(name, base, kind), KEY)
    key = management.add_key("bench")
    ways = {name: Way(server.url, server, f"{name}/bench-model", key) for name in WAYS}
    return Subject(f"OmniRoute {__version__}", ways, ready)


LITELLM_CONFIG = """\
model_list:
  - model_name: chat
    litellm_params: {{model: openai/bench-model, api_base: "{fast}/v1", api_key: sk-bench}}
  - model_name: messages
    litellm_params: {{model: anthropic/bench-model, api_base: "{fast}", api_key: sk-bench}}
  - model_name: paced
    litellm_params: {{model: openai/bench-model, api_base: "{paced}/v1", api_key: sk-bench}}
litellm_settings: {{set_verbose: false, json_logs: true, request_timeout: 600}}
general_settings: {{master_key: {master}}}
"""
LITELLM_SETTINGS = {
    "LITELLM_MODE": "PRODUCTION",  # reads no .env
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else its price list is fetched at every start
}


def litellm(place: Place) -> Subject:
    """Telemetry is off unless it is configured (docs.litellm.ai/docs/proxy/telemetry, 2026-10-21)."""
    program = install.litellm()
    config = place.folder / "config.yaml"
    config.write_text(LITELLM_CONFIG.format(**place.upstreams, master=MASTER))
    port = free_port()
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    # Its server ends a worker that says nothing for 5 s, as at the start on a slow machine, and begins another.
    command += ["--num_workers", str(WORKERS), "--timeout_worker_healthcheck", "60"]
    title = f"LiteLLM {install.versions()['litellm']}"
    began = time.monotonic()
    server = _start(place, title, command, port, LITELLM_SETTINGS).wait_until_up("/health/readiness", 180)
    ready = time.monotonic() - began
    return Subject(title, {name: Way(server.url, server, name, MASTER) for name in WAYS}, ready)


def portkey(place: Place) -> Subject:
    """Upstreams are named by each request's headers; it lets loopback addresses pass of itself."""
    program = install.portkey()
    port = free_port()
    command = ["node", str(install.PINNED / "portkey.mjs"), str(program), str(port), str(WORKERS)]
    title = f"Portkey {install.versions()['portkey']}"
    began = time.monotonic()
    server = _start(place, title, command, port, {"NODE_ENV": "production"}).wait_until_up("/", 60)
    ready = time.monotonic() - began
    asked = {"chat": ("openai", "fast"), "messages": ("anthropic", "fast"), "paced": ("openai", "paced")}
    ways = {
        name: Way(
            server.url,
            server,
            headers=(f"x-portkey-provider: {provider}", f"x-portkey-custom-host: {place.upstreams[upstream]}/v1"),
        )
        for name, (provider, upstream) in asked.items()
    }
    return Subject(title, ways, ready)


def _start(place: Place, title: str, command: list[str], port: int, settings: Mapping[str, str]) -> Server:
    """In an environment without this project's modules."""
    env = {**settings, "HOME": str(place.folder), "PYTHONPATH": os.devnull}
    log = place.folder / "output.log"
    return place.stack.enter_context(Server(title, command, log, f"http://127.0.0.1:{port}", env, cwd=place.folder))


SUBJECTS: dict[str, Callable[[Place], Subject]] = {
    "omniroute": omniroute,
    "bare": bare,
    "litellm": litellm,
    "portkey": portkey,
    "direct": direct,
}
OURS, PEERS = "omniroute", ("litellm", "portkey")
