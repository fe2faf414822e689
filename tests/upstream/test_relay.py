"""The fake relay admits Claude Code's wire image, and notices each single deviation from it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.upstream.raw import PROMPT, Answer, Client, post
from tests.upstream.relay import BETAS, ERRORS, MODELS, USER_AGENT, Relay
from tests.upstream.script import NAMES

PATH = "/v1/messages?beta=true"
IMAGE = {
    "Authorization": "Bearer sk-good-1",
    "User-Agent": USER_AGENT,
    "anthropic-version": "2023-06-01",
    "anthropic-beta": BETAS,
    "anthropic-dangerous-direct-browser-access": "true",
    "x-app": "cli",
    "X-Stainless-Lang": "js",
    "X-Stainless-Package-Version": "0.94.0",
    "X-Stainless-OS": "MacOS",
    "X-Stainless-Arch": "arm64",
    "X-Stainless-Runtime": "node",
    "X-Stainless-Runtime-Version": "v24.3.0",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Timeout": "600",
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
}
OWN = {
    **IMAGE,
    "User-Agent": "claude-cli/2.1.197 (external, sdk-cli)",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
    "X-Stainless-OS": "Linux",
    "X-Stainless-Arch": "x64",
    "X-Stainless-Runtime-Version": "v26.3.0",
    "X-Claude-Code-Session-Id": "a9d4c5f6-0000-4000-8000-000000000001",
}


def ask(relay: Relay, headers: Mapping[str, str], **fields: object) -> Answer:
    with Client(relay.url) as client:
        return client.post(PATH, {"model": "claude-opus-4-6", **PROMPT, **fields}, headers).read()


@pytest.mark.parametrize("headers", [IMAGE, OWN], ids=["the profile", "Claude Code itself"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_wire_image_is_admitted(relay: Relay, headers: dict[str, str], stream: bool) -> None:
    answer = ask(relay, {**headers, "Accept": "text/event-stream" if stream else "application/json"}, stream=stream)
    assert answer.status == 200
    assert relay.last().note["wrong"] == {}
    assert relay.last().target == PATH


@pytest.mark.parametrize("name", sorted(IMAGE))
@pytest.mark.parametrize("value", [None, "something else", ""])
def test_each_header_is_checked(relay: Relay, name: str, value: str | None) -> None:
    headers = {each: told for each, told in IMAGE.items() if each != name} | ({} if value is None else {name: value})
    if name == "Content-Type" and value is None:
        headers["Content-Type"] = ""  # the client here always sends one
    answer = ask(relay, headers)
    assert (answer.status, answer.json["error"]["message"].split(",")[0]) == (403, "unauthorized client detected")
    assert set(relay.last().note["wrong"]) == {name}


@pytest.mark.parametrize("name", ["anthropic-version", "anthropic-beta", "User-Agent"])
def test_a_header_sent_twice_is_wrong(relay: Relay, name: str) -> None:
    assert ask(relay, {**IMAGE, name.swapcase(): IMAGE[name]}).status == 403
    assert relay.last().note["wrong"] == {name: "sent 2 times"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("anthropic-beta", BETAS.replace("effort-2025-11-24,", "")),
        ("anthropic-version", "2023-06-01, 2023-06-01"),
        ("Accept-Encoding", "gzip, br"),
        ("User-Agent", "claude-cli/2.1.158"),
        ("Accept", "text/event-stream"),
    ],
)
def test_nearly_right_is_wrong(relay: Relay, name: str, value: str) -> None:
    assert ask(relay, {**IMAGE, name: value}).status == 403
    assert relay.last().note["wrong"] == {name: value}


@pytest.mark.parametrize("name", ["Cookie", "x-api-key", "X-Forwarded-For", "Origin", "X-OmniRoute-Connection"])
def test_what_is_the_callers_own_business_does_not_belong_there(relay: Relay, name: str) -> None:
    assert ask(relay, {**IMAGE, name: "anything"}).status == 403
    assert relay.last().note["wrong"] == {name: "anything"}


def test_betas_of_the_caller_may_follow(relay: Relay) -> None:
    assert ask(relay, {**IMAGE, "anthropic-beta": f"{BETAS},context-1m-2025-08-07"}).status == 200


def test_another_client_is_refused_before_its_key_is_looked_at(relay: Relay) -> None:
    answer = post(relay.url, "/v1/chat/completions", {"Authorization": "Bearer sk-bad", "User-Agent": "OpenAI/Python"})
    assert answer.json["error"]["type"] == "unauthorized_client_error"


def test_a_key_it_does_not_know(relay: Relay) -> None:
    answer = ask(relay, {**IMAGE, "Authorization": "Bearer sk-expired"})
    assert answer.status == 401
    assert answer.json == {"error": {"message": "无效的令牌", "type": "new_api_error"}}


def test_a_model_outside_the_plan(relay: Relay) -> None:
    relay.plan("claude-opus-4-6")
    assert ask(relay, IMAGE).status == 200
    refused = ask(relay, IMAGE, model="glm-5.1").json["error"]
    assert refused["type"] == "unauthorized_client_error"
    assert "unauthorized client detected" not in refused["message"]


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_each_of_its_errors_can_be_had(relay: Relay, name: str) -> None:
    relay.queue(name)
    answer = ask(relay, IMAGE)
    assert answer.status == NAMES[name].status
    assert answer.body.decode() == NAMES[name].raw


def test_it_lists_its_models_to_its_own_clients_only(relay: Relay) -> None:
    with Client(relay.url) as client:
        headers = {name: value for name, value in IMAGE.items() if name not in ("Content-Type", "Accept")}
        listed = client.get("/v1/models", headers).read().json["data"]
        assert tuple(each["id"] for each in listed) == MODELS
        assert client.get("/v1/models", {"Authorization": "Bearer sk-good-1"}).read().status == 403
