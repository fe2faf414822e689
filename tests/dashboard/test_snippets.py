"""The lines to paste: they hold the real address, model and key, and no name breaks out of its quotes."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib

import pytest

from omniroute.dashboard.snippets import Place, snippets

ALL = frozenset({"openai_chat", "openai_responses", "anthropic_messages"})
PLACE = Place("http://localhost:20128", "agentrouter/claude-opus-4-6", "sk-or-made-up")
HOSTILE = Place("http://localhost:20128", "relay/x'; rm -rf / #\"\\ $(id) `id`", "sk-or-made-up")


def text(client: str, place: Place = PLACE) -> str:
    return next(line.text for line in snippets(place, ALL) if line.id == client)


@pytest.mark.parametrize("line", snippets(PLACE, ALL), ids=lambda line: line.id)
def test_each_holds_address_and_model(line) -> None:  # type: ignore[no-untyped-def]
    assert "http://localhost:20128" in line.text
    assert "agentrouter/claude-opus-4-6" in line.text


def test_only_clients_whose_format_is_spoken() -> None:
    assert [line.id for line in snippets(PLACE, frozenset({"anthropic_messages"}))] == [
        "anthropic-python",
        "anthropic-js",
        "claude-code",
    ]
    assert snippets(PLACE, frozenset()) == ()


def test_openai_clients_get_v1_and_anthropic_clients_the_root() -> None:
    assert '"http://localhost:20128/v1"' in text("openai-python")
    assert '"http://localhost:20128"' in text("anthropic-python")
    assert "ANTHROPIC_BASE_URL=http://localhost:20128\n" in text("claude-code")


def test_curl_goes_without_a_key_where_none_is_needed_but_sdks_never_do() -> None:
    keyless = Place(PLACE.root, PLACE.model, None)
    assert "Authorization" not in text("curl", keyless)
    assert "YOUR_KEY" in text("openai-python", keyless)


@pytest.mark.parametrize("place", [PLACE, HOSTILE], ids=["plain", "hostile"])
def test_the_shell_reads_one_command_with_a_json_body(place: Place) -> None:
    words = shlex.split(text("curl", place).replace("\\\n", ""))
    assert words[:4] == ["curl", "-X", "POST", "http://localhost:20128/v1/chat/completions"]
    assert json.loads(words[words.index("-d") + 1])["model"] == place.model
    last = shlex.split(text("claude-code", place).splitlines()[-1])
    assert last == ["claude", "--model", place.model]


@pytest.mark.parametrize("client", ["openai-python", "anthropic-python"])
def test_python_reads_the_model_as_one_string(client: str) -> None:
    strings = [node.value for node in ast.walk(ast.parse(text(client, HOSTILE))) if isinstance(node, ast.Constant)]
    assert HOSTILE.model in strings


@pytest.mark.parametrize("client", ["openai-js", "anthropic-js"])
def test_javascript_reads_the_model_as_one_string(client: str) -> None:
    literal = re.search(r"model: (\".*\"),", text(client, HOSTILE))
    assert literal is not None
    assert json.loads(literal[1]) == HOSTILE.model


def test_codex_gets_a_file_that_reads_as_toml() -> None:
    read = tomllib.loads(text("codex", HOSTILE))
    assert read["model"] == HOSTILE.model
    assert read["model_providers"]["omniroute"]["base_url"] == "http://localhost:20128/v1"
