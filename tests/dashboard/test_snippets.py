"""The lines to paste: they hold the real address, model and key, each is read whole by what it is for, and no name breaks out."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import tomllib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import yaml

from omniroute.dashboard.place import Block
from omniroute.dashboard.snippets import CLIENTS, Place, Snippet, known_model, snippets
from omniroute.formats import FORMATS
from omniroute.providers.values import Model, Traits
from tests.dashboard.conftest import Desk

ALL = frozenset(FORMATS)
KNOWN = Model(
    "claude-opus-4-6",
    "Claude Opus 4.6",
    context_window=200_000,
    input_price=Decimal("5"),
    output_price=Decimal("25"),
    modalities=("text", "image"),
    tools=True,
    traits=Traits(max_output=64_000),
)
PLACE = Place("http://localhost:20128", "agentrouter/claude-opus-4-6", "sk-or-made-up", KNOWN)
# Quotes of every kind, a comment, a substitution, what tools fill in, a line's end that only some see, and a key press.
HOSTILE_MODEL = (
    "relay/x'; rm -rf / #\"\\ $(id) `id` ’‘ %PATH% {env:HOME}{file:~/.ssh/id_rsa} ${{ secrets.A }} \u2028\x85\x7f\x03\u202e😀"
)
HOSTILE = replace(PLACE, model=HOSTILE_MODEL)
BOTH = pytest.mark.parametrize("place", [PLACE, HOSTILE], ids=["plain", "hostile"])
EVERY = [snippet.id for snippet in snippets(PLACE, ALL)]


def snippet(client: str, place: Place = PLACE) -> Snippet:
    return next(each for each in snippets(place, ALL) if each.id == client)


def text(client: str, place: Place = PLACE, where: str = "") -> str:
    """The client's first lines, or those that go to `where`."""
    return next(block.text for block in snippet(client, place).blocks if where in ("", block.where))


def blocks(language: str, place: Place) -> list[tuple[str, Block]]:
    return [(each.id, block) for each in snippets(place, ALL) for block in each.blocks if block.language == language]


def in_bash(lines: str, tell: str) -> str:
    """What `tell` prints after these lines ran; their last command is only defined, so nothing is started."""
    told = subprocess.run(
        ["bash", "-c", f"claude() {{ :; }}; aider() {{ :; }}; codex() {{ :; }}; opencode() {{ :; }}\n{lines}\n{tell}"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    return told.stdout


def test_all_the_clients_that_are_promised_are_there() -> None:
    assert [
        *("curl", "openai-python", "openai-js", "anthropic-python", "anthropic-js", "genai-python"),
        *("claude-code", "codex", "cline", "continue", "aider", "opencode", "openai"),
    ] == EVERY
    assert len({client for _, client, _, _, _ in CLIENTS}) == len(CLIENTS)


@pytest.mark.parametrize("client", EVERY)
def test_each_holds_address_model_and_key_and_says_where_it_goes(client: str) -> None:
    made = snippet(client)
    whole = "\n".join([*(block.text for block in made.blocks), *(entry.value for entry in made.entries)])
    assert "http://localhost:20128" in whole
    assert "agentrouter/claude-opus-4-6" in whole
    assert "sk-or-made-up" in whole
    assert all(block.where for block in made.blocks)


def test_a_path_in_the_home_folder_is_told_for_windows_too() -> None:
    paths = {block.where: block.windows for each in snippets(PLACE, ALL) for block in each.blocks if block.where.startswith("~/")}
    assert set(paths) == {
        "~/.claude/settings.json",
        "~/.codex/config.toml",
        "~/.continue/config.yaml",
        "~/.aider.conf.yml",
        "~/.aider.model.metadata.json",
        "~/.config/opencode/opencode.json",
    }
    for path, windows in paths.items():
        assert windows == "%USERPROFILE%" + path.removeprefix("~").replace("/", "\\")


def test_only_clients_whose_format_is_spoken() -> None:
    spoken = [each.id for each in snippets(PLACE, frozenset({"anthropic_messages"}))]
    assert spoken == ["anthropic-python", "anthropic-js", "claude-code"]
    assert snippets(PLACE, frozenset()) == ()


def test_openai_clients_get_v1_and_anthropic_and_google_clients_the_root() -> None:
    assert '"http://localhost:20128/v1"' in text("openai-python")
    assert '"http://localhost:20128"' in text("anthropic-python")
    assert '"http://localhost:20128"' in text("genai-python")
    assert "ANTHROPIC_BASE_URL=http://localhost:20128\n" in text("claude-code")


def test_curl_goes_without_a_key_where_none_is_needed_but_sdks_never_do() -> None:
    keyless = replace(PLACE, key=None)
    assert "Authorization" not in text("curl", keyless)
    assert "YOUR_KEY" in text("openai-python", keyless)


@BOTH
def test_curl_is_one_command_with_a_json_body(place: Place) -> None:
    words = shlex.split(text("curl", place).replace("\\\n", ""))
    assert words[:4] == ["curl", "-X", "POST", "http://localhost:20128/v1/chat/completions"]
    assert json.loads(words[words.index("-d") + 1])["model"] == place.model


@BOTH
def test_shells_read_every_name_as_one_word(place: Place) -> None:
    for _, block in blocks("sh", place):
        subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", block.text) is None  # a terminal may act on what is pasted
    assert in_bash(text("claude-code", place), 'printf %s "$ANTHROPIC_DEFAULT_HAIKU_MODEL"') == place.model
    asked = in_bash(text("claude-code", place).replace("claude --model", "set -- "), 'printf "%s|%s" $# "$1"')
    assert asked == f"1|{place.model}"
    asked = in_bash(text("aider", place).replace("aider --model", "set -- "), 'printf "%s|%s" $# "$1"')
    assert asked == f"1|openai/{place.model}"
    assert in_bash(text("codex", place, "Shell"), 'printf %s "$OMNIROUTE_KEY"') == "sk-or-made-up"
    assert in_bash(text("openai", place), 'printf %s "$OPENAI_BASE_URL"') == "http://localhost:20128/v1"


def powershell_reads(expression: str) -> str:
    """The value of a string as PowerShell reads it: any single quote ends one, two of the same are one."""
    told, rest = "", expression.strip("()") if expression.startswith("(") else expression
    while rest:
        piece = re.match(r"'((?:[^'\u2018-\u201b]|(['\u2018-\u201b])\2)*)'|\[char\]0x([0-9a-f]+)", rest)
        assert piece is not None, rest
        told += chr(int(piece[3], 16)) if piece[3] else re.sub(r"(['\u2018-\u201b])\1", r"\1", piece[1])
        rest = rest[piece.end() :].removeprefix(" + ")
    return told


@BOTH
def test_powershell_gets_its_own_quotes(place: Place) -> None:
    for _, block in blocks("powershell", place):
        assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", block.text) is None
    *variables, command = text("claude-code", place, "PowerShell").split("\n")
    values = dict(line.removeprefix("$env:").split(" = ", 1) for line in variables)
    assert powershell_reads(values["ANTHROPIC_BASE_URL"]) == "http://localhost:20128"
    assert powershell_reads(values["ANTHROPIC_API_KEY"]) == ""
    assert powershell_reads(values["ANTHROPIC_DEFAULT_HAIKU_MODEL"]) == place.model
    assert powershell_reads(command.removeprefix("claude --model ")) == place.model


@pytest.mark.parametrize("client", ["openai-python", "anthropic-python", "genai-python"])
def test_python_reads_the_model_as_one_string(client: str) -> None:
    strings = [node.value for node in ast.walk(ast.parse(text(client, HOSTILE))) if isinstance(node, ast.Constant)]
    assert HOSTILE.model in strings


@pytest.mark.parametrize("client", ["openai-js", "anthropic-js"])
def test_javascript_reads_the_model_as_one_string(client: str) -> None:
    literal = re.search(r"model: (\".*\"),", text(client, HOSTILE))
    assert literal is not None
    assert json.loads(literal[1]) == HOSTILE.model


@BOTH
def test_files_are_read_by_their_formats_own_parsers(place: Place) -> None:
    parsers: dict[str, Any] = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
    read = {block.where: parse(block.text) for language, parse in parsers.items() for _, block in blocks(language, place)}
    assert len(read) == 6
    claude = read["~/.claude/settings.json"]["env"]
    assert (claude["ANTHROPIC_MODEL"], claude["ANTHROPIC_API_KEY"]) == (place.model, "")
    codex = read["~/.codex/config.toml"]
    assert (codex["model"], codex["model_context_window"]) == (place.model, 200_000)
    assert codex["model_providers"]["omniroute"]["base_url"] == "http://localhost:20128/v1"
    (model,) = read["~/.continue/config.yaml"]["models"]
    assert (model["model"], model["provider"], model["apiKey"]) == (place.model, "openai", "sk-or-made-up")
    assert model["defaultCompletionOptions"] == {"contextLength": 200_000, "maxTokens": 64_000}
    assert model["capabilities"] == ["tool_use", "image_input"]
    assert read["~/.aider.conf.yml"]["model"] == f"openai/{place.model}"
    facts = read["~/.aider.model.metadata.json"][f"openai/{place.model}"]
    assert (facts["max_input_tokens"], facts["max_output_tokens"]) == (200_000, 64_000)
    assert (facts["input_cost_per_token"], facts["output_cost_per_token"]) == (0.000_005, 0.000_025)
    opencode = read["~/.config/opencode/opencode.json"]
    assert opencode["model"] == f"omniroute/{place.model}"
    provider = opencode["provider"]["omniroute"]
    assert provider["options"] == {"baseURL": "http://localhost:20128/v1", "apiKey": "sk-or-made-up"}
    assert provider["models"][place.model]["limit"] == {"context": 200_000, "output": 64_000}


def test_a_name_is_never_a_placeholder_that_a_tool_fills_in_from_the_readers_machine() -> None:
    # OpenCode: opencode.ai/v1/docs/config.md; Continue: docs.continue.dev/reference; both 2026-11-27.
    assert not re.search(r"\{(env|file):", text("opencode", HOSTILE))
    assert "${{" not in text("continue", HOSTILE)


def test_cline_is_told_field_by_field() -> None:
    entries = {entry.field: entry.value for entry in snippet("cline").entries}
    assert entries == {
        "API Provider": "OpenAI Compatible",
        "Base URL": "http://localhost:20128/v1",
        "API Key": "sk-or-made-up",
        "Model ID": "agentrouter/claude-opus-4-6",
        "Context Window": "200000",
        "Max Output Tokens": "64000",
        "Image Support": "on",
        "Input Price": "5",
        "Output Price": "25",
    }
    assert snippet("cline").blocks == ()


def test_nothing_is_said_of_a_model_that_is_not_known() -> None:
    place = replace(PLACE, known=None)
    whole = "\n".join(block.text for each in snippets(place, ALL) for block in each.blocks)
    for name in ("window", "limit", "contextLength", "max_input_tokens", "capabilities", "cost"):
        assert name not in whole
    assert [entry.field for entry in snippet("cline", place).entries] == ["API Provider", "Base URL", "API Key", "Model ID"]


def test_what_is_known_comes_from_the_models_entry(desk: Desk) -> None:
    desk.connection("agentrouter")
    configuration = desk.services.configuration.current()
    known = known_model(configuration, "agentrouter/glm-5.1")
    assert known is not None
    assert known.id == "glm-5.1"
    assert known_model(configuration, "agentrouter/never-heard-of") is None
    assert known_model(configuration, "my-combo") is None
