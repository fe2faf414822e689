"""The gateway fixture: a real one, its log rows, and what it makes of a gateway that misbehaves."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.gateway import start
from bench.processes import NotStarted
from tests.gateway import Gateway, prepared_data, running_gateway
from tests.upstream.client import Upstream, until
from tests.upstream.raw import post


def test_a_chat_goes_through_and_is_logged(gateway: Callable[..., Gateway], upstream: Upstream) -> None:
    here = gateway(REQUIRE_API_KEY="true")
    here.add_upstream("scripted", upstream.v1)
    key = here.make_key()
    answer = post(here.url, "/v1/chat/completions", {"Authorization": f"Bearer {key}"}, model="scripted/scripted-large")
    assert answer.status == 200
    assert upstream.last().key == "sk-good-1"
    assert len(here.log_rows(1)) == 1


def test_a_refusal_is_handed_over(gateway: Callable[..., Gateway]) -> None:
    refused = gateway().refused("POST", "/api/provider-nodes", {})
    assert refused.status == 400
    assert refused.error["message"]


def test_a_gateway_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotStarted, match="PROXY_HOPS"), running_gateway(tmp_path, PROXY_HOPS="many"):
        pass


def test_a_gateway_that_dies_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the gateway died"), running_gateway(tmp_path) as here:
        os.kill(here.server.pid, signal.SIGKILL)
        until(lambda: not here.server.alive, 5, lambda: "its end")


def test_a_traceback_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="printed a traceback"), running_gateway(tmp_path) as here:
        here.server.log.write_text(here.output() + "Traceback (most recent call last):\n")


def test_a_port_that_is_taken_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = tmp_path / "second"
        folder.mkdir()
        with pytest.raises(NotStarted) as caught:
            start(folder, env={"PORT": str(port)}, prepared=prepared_data())
    assert f"HOST=127.0.0.1 PORT={port} can't be used: Address already in use; set another" in str(caught.value)
    assert "Traceback" not in str(caught.value)
