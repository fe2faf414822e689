"""The real Claude Code, headless: installed from npm when it is needed, and run with nobody's settings but those given here.

A green exit proves little: after a malformed stream it asks again without streaming and says nothing. So that is switched
off here, and callers look at the stop reason, the usage and the upstream's requests (docs/clients.md, B).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

from bench.processes import ROOT, end_with_parent

PACKAGE = "@anthropic-ai/claude-code"
PINNED = Path(__file__).parent / "npm"  # package.json and its lock, with a hash for each platform's binary
CACHE = ROOT / ".venv" / "clients"
NEEDED = "'make clients' needs node and npm: 'apt-get install -y npm' on Debian, nodejs.org elsewhere"

QUIET = {
    "TERM": "dumb",
    "LANG": "C.UTF-8",
    "IS_SANDBOX": "1",  # it may be root here
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    "CLAUDE_CODE_MAX_RETRIES": "1",
}


class NotInstalled(Exception):
    """It can't be had here. The message is one line that says what is missing."""


def pinned_version() -> str:
    version: str = json.loads((PINNED / "package.json").read_text())["dependencies"][PACKAGE]
    return version


def install(version: str) -> Path:
    """The program of that version, from npm the first time. Raises NotInstalled.

    The pinned version is checked against the hashes of its lock.
    """
    folder = CACHE / f"claude-code-{version}"
    program = folder / "node_modules" / ".bin" / "claude"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NotInstalled(NEEDED)
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", f"{PACKAGE}@{version}"]
    if version == pinned_version():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PINNED / name, folder / name)
        command = [npm, "ci"]
    with tempfile.TemporaryDirectory(prefix="npm-") as cache:  # else npm keeps the whole download a second time
        quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--cache", cache]
        made = subprocess.run([*command, *quiet], cwd=folder, capture_output=True, text=True)
    if made.returncode or not program.exists():
        raise NotInstalled(f"npm could not install {PACKAGE}@{version}: {(made.stderr or made.stdout).strip()[-500:]}")
    return program


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one run. `said` is its own account of it, `events` the upstream's events as it passed them on."""

    status: int
    said: dict[str, Any]
    events: list[dict[str, Any]] = field(repr=False)

    @property
    def text(self) -> str:
        return str(self.said.get("result", ""))

    @property
    def failed(self) -> bool:
        return bool(self.said.get("is_error"))

    @property
    def tokens(self) -> tuple[int, int]:
        """Of the prompt, cached ones included, and of the answer."""
        usage = self.said["usage"]
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        return sum(usage.get(name) or 0 for name in names), usage["output_tokens"]

    def deltas(self, kind: str) -> list[str]:
        """The pieces of all deltas of a kind, such as "text" for text_delta."""
        found = [event["delta"] for event in self.events if event["type"] == "content_block_delta"]
        return [delta[kind] for delta in found if delta.get("type") == f"{kind}_delta"]


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """`program` with `url` for its API and `key` for its key, as a user would set it up."""

    program: Path
    url: str
    key: str
    seconds: float = 90.0

    def ask(
        self,
        prompt: str,
        model: str,
        *options: str,
        env: Mapping[str, str | None] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> Turn:
        """One run in an empty home and an empty folder. `env` adds variables, None takes one out.

        `on_event` gets the upstream's events as they arrive. Raises AssertionError when there is no result in time.
        """
        given = {
            "PATH": os.environ["PATH"],
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": self.key,
            **QUIET,
            **(env or {}),
        }
        command = [str(self.program), "-p", prompt, "--model", model, "--dangerously-skip-permissions", *options]
        command += ["--output-format", "stream-json", "--verbose", "--include-partial-messages"]
        with tempfile.TemporaryDirectory(prefix="claude-", ignore_cleanup_errors=True) as home:
            (work := Path(home) / "work").mkdir()
            given |= {"HOME": home}
            process = subprocess.Popen(
                command,
                cwd=work,
                env={name: value for name, value in given.items() if value is not None},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
            return self._follow(process, on_event)

    def _follow(self, process: subprocess.Popen[str], on_event: Callable[[dict[str, Any]], None] | None) -> Turn:
        said: dict[str, Any] | None = None
        events: list[dict[str, Any]] = []
        other: list[str] = []
        clock = Timer(self.seconds, os.killpg, (process.pid, signal.SIGKILL))  # its own group: it, and what it runs
        clock.start()
        try:
            for line in process.stdout or ():
                message = parsed(line)
                if message is None:
                    other.append(line)
                elif message.get("type") == "result":
                    said = message
                elif message.get("type") == "stream_event":
                    events.append(message["event"])
                    if on_event is not None:
                        on_event(message["event"])
            status = process.wait()
        finally:
            clock.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if said is None:
            raise AssertionError(f"Claude Code ended with status {status} and no result: {''.join(other)[-500:]}")
        return Turn(status, said, events)


def parsed(line: str) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
