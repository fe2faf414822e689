"""The real Claude Code and the real Codex through a gateway of their own: `make clients`.

    python -m tests.clients.run [--client claude|codex] [--upstream messages] [--only TEXT] [--version 2.1.330] [--list]

They are fetched from npm into .venv/clients the first time (about 600 MB; they stay there). The upstreams in turn: one that
speaks Messages, a relay that admits Claude Code only, one that speaks Chat, Responses, Gemini. One line a check; the exit
status is 0 when all went well, 1 when one failed, 2 when a client or the gateway can't be started.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.processes import NotStarted
from tests.clients import checks, claude_code, codex, codex_checks
from tests.clients.checks import Scene
from tests.clients.place import FORMATS, Place, settings
from tests.clients.programs import NotInstalled
from tests.gateway import running_gateway
from tests.upstream.client import Upstream
from tests.upstream.relay import Relay

UPSTREAMS = {"claude": ("messages", "relay", "chat", "responses", "gemini"), "codex": FORMATS}
PACKAGES = {"claude": claude_code.PACKAGE, "codex": codex.PACKAGE}
CHECKS = {"claude": checks.CHECKS, "codex": codex_checks.CHECKS}


def main(arguments: Sequence[str] | None = None) -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--client", choices=CHECKS, help="only this one")
    asked.add_argument("--upstream", action="append", choices=UPSTREAMS["claude"], help="only this one; may be given again")
    asked.add_argument("--only", default="", help="only checks whose name holds this")
    asked.add_argument("--version", help="of the client that --client names; default: the pinned one")
    asked.add_argument("--list", action="store_true", help="name the checks and stop")
    given = asked.parse_args(arguments)
    if given.version and not given.client:
        asked.error("--version needs --client")
    clients = [given.client] if given.client else list(CHECKS)
    if given.list:
        print("\n".join(f"{client}: {name}" for client in clients for name in CHECKS[client]))
        return 0
    results: list[bool] = []
    try:
        versions = {name: given.version or package.pinned for name, package in PACKAGES.items()}
        programs = {name: PACKAGES[name].install(versions[name] if name in clients else PACKAGES[name].pinned) for name in CHECKS}
        with scenes(programs, given.upstream or UPSTREAMS["claude"]) as made:
            for client in clients:
                results += play(client, [scene for scene in made if scene.speaks in UPSTREAMS[client]], given.only)
    except (NotInstalled, NotStarted) as exc:
        print(exc, file=sys.stderr)
        return 2
    told = ", ".join(f"{PACKAGES[client].name} {versions[client]}" for client in clients)
    print(f"{told}: {sum(results)} of {len(results)} checks passed")
    return 0 if results and all(results) else 1


def play(client: str, made: Sequence[Scene], only: str) -> Iterator[bool]:
    """Run the checks whose names hold `only`, upstream by upstream."""
    for scene in made:
        scene.requests = 0
        for name, check in CHECKS[client].items():
            if only in name:
                yield passed(client, name, check, scene)
        print(f"      {client:<7} {scene.speaks:<9} looked through {scene.requests} upstream requests", flush=True)


@contextmanager
def scenes(programs: Mapping[str, Path], upstreams: Sequence[str]) -> Iterator[list[Scene]]:
    """The gateway with its upstreams, which all end with the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clients-")))
        plain = stack.enter_context(Upstream(folder))
        relay = stack.enter_context(Relay(folder, "relay"))
        gateway = stack.enter_context(running_gateway(folder, **settings(plain)))
        key = gateway.make_key("the clients")
        claude = claude_code.ClaudeCode(programs["claude"], gateway.url, key)
        codes = codex.Codex(programs["codex"], gateway.url, key)
        places = {each: Place(gateway, relay if each == "relay" else plain, key) for each in upstreams}
        yield [Scene(claude, codes, place, each, folder) for each, place in places.items()]


def passed(client: str, name: str, check: Callable[[Scene], None], scene: Scene) -> bool:
    """Run one check and print its line."""
    began = time.monotonic()
    why = ""
    try:
        check(scene)
        scene.end()
    except (AssertionError, LookupError) as exc:
        why = f"{type(exc).__name__}: {exc}" if isinstance(exc, LookupError) else str(exc)
    seconds = time.monotonic() - began
    print(f"{'FAIL' if why else 'ok':<5} {client:<7} {scene.speaks:<9} {name:<34} {seconds:5.1f} s  {why}".rstrip(), flush=True)
    return not why


if __name__ == "__main__":
    sys.exit(main())
