"""The real Claude Code through a gateway of its own: `make clients`.

    python -m tests.clients.run [--upstream messages|relay|chat] [--only TEXT] [--version 2.1.330] [--list]

Claude Code is fetched from npm into .venv/clients the first time (about 180 MB; it stays there). Three upstreams in turn:
one that speaks Messages, a relay that admits Claude Code only, and one that speaks Chat. One line a check; the exit status is
0 when all went well, 1 when one failed, 2 when Claude Code or the gateway can't be started.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.processes import NotStarted
from tests.clients.checks import CHECKS, Scene
from tests.clients.claude_code import ClaudeCode, NotInstalled, install, pinned_version
from tests.clients.place import SETTINGS, Place
from tests.gateway import running_gateway
from tests.upstream.client import Upstream
from tests.upstream.relay import Relay

UPSTREAMS = ("messages", "relay", "chat")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--upstream", action="append", choices=UPSTREAMS, help="only this one; may be given again")
    asked.add_argument("--only", default="", help="only checks whose name holds this")
    asked.add_argument("--version", default=pinned_version(), help="of Claude Code; default: %(default)s")
    asked.add_argument("--list", action="store_true", help="name the checks and stop")
    given = asked.parse_args(arguments)
    if given.list:
        print("\n".join(CHECKS))
        return 0
    try:
        program = install(given.version)
    except NotInstalled as exc:
        print(exc, file=sys.stderr)
        return 2
    names = [name for name in CHECKS if given.only in name]
    results: list[bool] = []
    try:
        with scenes(program, given.upstream or UPSTREAMS) as made:
            for scene in made:
                results += [passed(name, scene) for name in names]
                print(f"      {scene.speaks:<9} looked through {scene.requests} upstream requests", flush=True)
    except NotStarted as exc:
        print(exc, file=sys.stderr)
        return 2
    print(f"Claude Code {given.version}: {sum(results)} of {len(results)} checks passed")
    return 0 if results and all(results) else 1


@contextmanager
def scenes(program: Path, upstreams: Sequence[str]) -> Iterator[list[Scene]]:
    """The gateway with its upstreams, which all end with the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clients-")))
        plain = stack.enter_context(Upstream(folder))
        relay = stack.enter_context(Relay(folder, "relay"))
        gateway = stack.enter_context(running_gateway(folder, **SETTINGS))
        key = gateway.make_key("Claude Code")
        claude = ClaudeCode(program, gateway.url, key)
        yield [Scene(claude, Place(gateway, relay if each == "relay" else plain, key), each, folder) for each in upstreams]


def passed(name: str, scene: Scene) -> bool:
    """Run one check and print its line."""
    began = time.monotonic()
    why = ""
    try:
        CHECKS[name](scene)
        scene.end()
    except (AssertionError, LookupError) as exc:
        why = f"{type(exc).__name__}: {exc}" if isinstance(exc, LookupError) else str(exc)
    seconds = time.monotonic() - began
    print(f"{'FAIL' if why else 'ok':<5} {scene.speaks:<9} {name:<34} {seconds:5.1f} s  {why}".rstrip(), flush=True)
    return not why


if __name__ == "__main__":
    sys.exit(main())
