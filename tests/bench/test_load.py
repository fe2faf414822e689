"""Load generator, fast upstream and bare relay agree on what they sent and saw."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.processes import PYTHON, ROOT, Server, free_port, get_json
from bench.run import start_bare, start_upstream
from tests.upstream.client import Upstream, until

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
APIS = pytest.mark.parametrize(("api", "path", "events"), [("openai", CHAT, 5 + 3), ("anthropic", MESSAGES, 5 + 6)])


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_upstream(tmp_path_factory.mktemp("fast") / "log", ["--chunks", "5"]) as server:
        yield server.wait_until_up("/stats")


@pytest.fixture(scope="module")
def bare(fast: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_bare(tmp_path_factory.mktemp("bare") / "log", fast.url) as server:
        yield server.wait_until_up("/healthz")
    assert "Traceback" not in server.output()


def load(url: str, *options: str) -> Any:
    done = subprocess.run([PYTHON, str(ROOT / "bench" / "load.py"), url, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@APIS
@pytest.mark.parametrize("through", ["fast", "bare"])
def test_all_that_was_asked_is_answered(
    request: pytest.FixtureRequest, fast: Server, through: str, api: str, path: str, events: int
) -> None:
    server: Server = request.getfixturevalue(through)
    before = get_json(f"{fast.url}/stats")
    plain = load(server.url + path, "--api", api, "-c", "4", "-n", "50")
    streamed = load(server.url + path, "--api", api, "-c", "4", "-n", "50", "--stream")
    after = get_json(f"{fast.url}/stats")
    for seen in (plain, streamed):
        assert (seen["n"], seen["status"], seen["failed"], seen["lost"]) == (50, {"200": 50}, {}, 0)
    assert (streamed["events"], streamed["events_per_stream"], streamed["unfinished"]) == (50 * events, [events, events], 0)
    assert streamed["first_p50_ms"] <= streamed["p50_ms"]
    assert after["requests"] - before["requests"] == 101  # the loads, and the stats themselves
    assert after["streams_done"] - before["streams_done"] == 50


def test_the_bare_relay_keeps_its_upstream_connections(fast: Server, bare: Server) -> None:
    before = get_json(f"{fast.url}/stats")["connections"]
    load(bare.url + CHAT, "-c", "1", "-n", "50", "--stream")
    assert get_json(f"{fast.url}/stats")["connections"] - before <= 3


@pytest.mark.parametrize(
    ("script", "failed", "unfinished", "status"),
    [
        ("cut", {"cut": 3}, 0, {}),
        ("close", {}, 0, {"200": 3}),
        ("reset", {"closed without an answer": 3}, 0, {}),
        ("hang", {"timeout": 3}, 0, {}),
        ("no-done", {}, 3, {"200": 3}),
        ("error-later", {}, 3, {"200": 3}),
        ("500", {}, 0, {"500": 3}),
    ],
)
def test_what_does_not_end_well_is_counted(
    upstream: Upstream, script: str, failed: dict[str, int], unfinished: int, status: dict[str, int]
) -> None:
    upstream.always(script)
    seen = load(upstream.url + CHAT, "-c", "2", "-n", "3", "--stream", "--timeout", "0.3")
    assert (seen["failed"], seen["unfinished"], seen["status"]) == (failed, unfinished, status)
    assert seen["lost"] == (0 if script == "close" else 3)


@pytest.mark.parametrize("script", ["split", "bytewise", "crlf", "comments"])
def test_events_are_counted_right_however_they_are_cut(upstream: Upstream, script: str) -> None:
    upstream.always(script)
    seen = load(upstream.url + CHAT, "-c", "1", "-n", "2", "--stream")
    assert seen["events_per_stream"] == [8, 8]


def test_nobody_there(tmp_path: Path) -> None:
    seen = load(f"http://127.0.0.1:{free_port()}{CHAT}", "-n", "2", "-c", "1")
    assert (seen["failed"], seen["lost"]) == ({"ConnectionRefusedError": 2}, 2)


def test_it_leaves_other_machines_alone() -> None:
    command = [PYTHON, str(ROOT / "bench" / "load.py"), "http://192.0.2.1/v1/chat/completions"]
    assert "loopback only" in subprocess.run(command, capture_output=True, text=True).stderr


def test_a_paced_stream_keeps_its_pace_and_notices_who_leaves(tmp_path: Path) -> None:
    with start_upstream(tmp_path / "log", ["--interval", "0.01", "--chunks", "10"]) as paced:
        paced.wait_until_up("/stats")
        seen = load(paced.url + CHAT, "-c", "5", "-n", "5", "--stream", "--spread", "0.1")
        assert seen["lost"] == 0
        assert seen["p50_ms"] >= 100
        assert seen["seconds"] >= 0.18
        assert seen["first_p50_ms"] >= 10
        left = load(paced.url + CHAT, "-c", "2", "-n", "2", "--stream", "--timeout", "0.03")
        assert left["failed"] == {"timeout": 2}
        until(lambda: get_json(f"{paced.url}/stats")["streams_cut_by_client"] == 2, 5, lambda: "two streams noticed as cut")
        stats = get_json(f"{paced.url}/stats")
        assert (stats["streams_open"], stats["streams_done"]) == (0, 5)


def test_with_relay_only_claude_code_is_admitted(tmp_path: Path) -> None:
    with start_upstream(tmp_path / "log", ["--relay"]) as relay:
        relay.wait_until_up("/stats")
        wire = ["--header", "User-Agent: claude-cli/2.1.158 (external, sdk-cli)", "--header", "x-app: cli"]
        wire += ["--header", "anthropic-beta: claude-code-20250219"]
        assert load(relay.url + MESSAGES, "--api", "anthropic", "-n", "1", *wire)["status"] == {"200": 1}
        assert load(relay.url + MESSAGES, "--api", "anthropic", "-n", "1", *wire[:2])["status"] == {"403": 1}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_an_answer_must_say_what_it_is_asked_to(fast: Server, streamed: bool) -> None:
    options = ["-c", "2", "-n", "20", *(["--stream"] if streamed else []), "--says"]
    right = ['"word "', "--times", "5"] if streamed else ["How can I help you"]
    seen = load(fast.url + CHAT, *options, *right)
    assert (seen["asked"], seen["lost"], seen["failed"]) == (20, 0, {})
    wrong = load(fast.url + CHAT, *options, right[0], "--times", "6")
    assert (wrong["lost"], wrong["failed"]) == (20, {"other content" if streamed else "not an answer": 20})


def test_what_is_cut_in_two_is_counted_once(bare: Server) -> None:
    """The bare relay cuts a stream wherever it likes."""
    seen = load(
        bare.url + MESSAGES, "--api", "anthropic", "-c", "8", "-n", "100", "--stream", "--says", '"word "', "--times", "5"
    )
    assert (seen["lost"], seen["failed"]) == (0, {})


def test_after_the_seconds_nothing_is_begun(fast: Server) -> None:
    seen = load(fast.url + CHAT, "-c", "2", "-n", "1000000", "--seconds", "0.2")
    assert 0 < seen["asked"] == seen["n"] < 1_000_000 and seen["lost"] == 0
