from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.formats.ir import Reasoning
from omniroute.formats.openai_chat.details import read_details, write_details
from tests.formats.strategies import JSON, REASONING

CLAUDE = "anthropic-claude-v1"


@pytest.mark.parametrize(
    ("details", "text", "parts"),
    [
        ([], "Hm.", [Reasoning("Hm.")]),
        ([], "", []),
        ([{"type": "reasoning.text", "text": "Hm."}], "Hm.", [Reasoning("Hm.")]),
        ([{"type": "reasoning.summary", "summary": "Short."}], "", [Reasoning("Short.")]),
        (
            [{"type": "reasoning.text", "text": "Hm.", "signature": "U0lH", "format": CLAUDE}],
            "Hm.",
            [Reasoning("Hm.", signature="U0lH", origin="anthropic_messages")],
        ),
        (
            [{"type": "reasoning.text", "text": "Hm.", "signature": "U0lH"}],
            "",
            [Reasoning("Hm.", signature="U0lH", origin="anthropic_messages")],
        ),
        (
            [{"type": "reasoning.encrypted", "data": "RU5D", "format": "openai-responses-v1"}],
            "Hm.",
            [Reasoning("Hm."), Reasoning("", data="RU5D", origin="openai_responses")],
        ),
        ([{"type": "reasoning.encrypted", "data": "RU5D", "format": "unknown"}], "", [Reasoning("", data="RU5D")]),
        (
            [  # a stream's fragments, as a client without an accumulator of its own collects them
                {"type": "reasoning.text", "text": "H", "index": 0},
                {"type": "reasoning.text", "text": "m.", "index": 0},
                {"type": "reasoning.text", "signature": "U0lH", "index": 0, "format": CLAUDE},
            ],
            "",
            [Reasoning("Hm.", signature="U0lH", origin="anthropic_messages")],
        ),
    ],
)
def test_reads_what_clients_and_upstreams_send(details: list[Any], text: str, parts: list[Reasoning]) -> None:
    assert read_details(details, text) == parts


@given(st.lists(REASONING, max_size=4))
def test_signatures_and_data_come_back_byte_for_byte(parts: list[Reasoning]) -> None:
    details: list[dict[str, Any]] = []
    for part in parts:
        details += write_details(part, len(details))
    assert [detail["index"] for detail in details] == list(range(len(parts)))
    assert read_details(details, "") == parts


def test_reasoning_without_anything_to_send_back_has_no_details() -> None:
    assert write_details(Reasoning("Hm."), 0) == []


@given(st.lists(JSON))
def test_no_details_make_it_fail(details: list[Any]) -> None:
    read_details(details, "Hm.")
