from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.security.redaction import MASK, redact, redact_values, secret_name

SECRET = "Zq9xKfP2vLw8sTn4"


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: sk-{SECRET}.",
        f"sk-ant-{SECRET} sk-or-{SECRET} sk-proj-{SECRET}",
        f"gsk_{SECRET} xai-{SECRET} AIza{SECRET} hf_{SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"authorization={SECRET}",
        f"Proxy-Authorization: Basic {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}', 'x': 1}}",
        f'{{"x-api-key": "{SECRET}"}}',
        f'{{\\"api_key\\": \\"{SECRET}\\"}}',
        f"x-goog-api-key:{SECRET}",
        f"X-Api-Key : {SECRET}",
        f"password={SECRET}&x=1",
        f"Cookie: a={SECRET}; b={SECRET}\r\nHost: x",
        f"Set-Cookie: session={SECRET}; HttpOnly",
        f"bearer {SECRET}",
        f"https://user:{SECRET}@host/path",
        f"postgresql+psycopg://user:{SECRET}@host/db",
        f"GET https://host/v1beta/models?key={SECRET}&alt=sse",
        f"/v1?access_token={SECRET}",
        f"eyJhbGciOiJIUzI1NiJ9.eyJ{SECRET}.{SECRET}",
        f"gAAAAABl{SECRET}{SECRET}{SECRET}",
        f"invalid key (无效的令牌): sk-{SECRET}",
    ],
)
def test_what_looks_like_a_secret(text: str) -> None:
    masked = redact(text)
    assert SECRET not in masked and MASK in masked
    assert redact(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "无效的令牌",
        "API key: not found",
        "unauthorized client detected, contact support",
        "model claude-opus-4-6 is not in your plan",
        "The password must have at least 10 characters",
        "task-management-agent risk-assessment-model desk-lamp-number-1",
        "https://agentrouter.org/v1/messages?beta=true",
        "me@example.com",
        "max_tokens: 100, input_tokens=12",
    ],
)
def test_what_does_not(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_whatever_they_look_like() -> None:
    assert redact("the key is hunter22, they say", ["hunter22"]) == f"the key is {MASK}, they say"
    assert redact("a b c", ["b", ""]) == "a b c"  # too short to be told from text


def test_values() -> None:
    given = {
        "apiKey": "x",
        "token": ["sk-0123456789"],
        "input_tokens": 12,
        "nested": [{"Password": "x", "text": f"Bearer {SECRET}"}, ("a", None, True, 1.5)],
        "secret": "",
    }
    assert redact_values(given) == {
        "apiKey": MASK,
        "token": [f"sk-{MASK}"],
        "input_tokens": 12,
        "nested": [{"Password": MASK, "text": f"Bearer {MASK}"}, ["a", None, True, 1.5]],
        "secret": "",
    }
    assert redact_values({"note": "hunter22"}, ["hunter22"]) == {"note": MASK}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((name, True) for name in ("x-api-key", "Authorization", "X-Auth-Token", "cookie", "client_secret")),
        *((name, False) for name in ("X-Team", "monkey", "anthropic-beta", "max_tokens_count", "keyboard", "require_api_key")),
    ],
)
def test_names(name: str, is_one: bool) -> None:
    assert secret_name(name) is is_one


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_bearer_is_masked_wherever_it_stands(before: str, after: str) -> None:
    assert SECRET not in redact(f"{before} Bearer {SECRET} {after}")


@pytest.mark.parametrize("piece", ["bearer ", "a" * 50, "://", "authorization=", "sk-", "cookie: ", "?key=", "\\\"'", "eyJ"])
def test_long_texts_take_no_detours(piece: str) -> None:
    redact((piece * 65536)[:65536])  # a pattern that backtracks would not come back within the test's time
