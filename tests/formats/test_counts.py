from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.formats.counts import count, whole_number
from omniroute.formats.ir import Usage
from omniroute.formats.openai_chat import usage as chat
from omniroute.formats.openai_completions import reading, writing
from omniroute.formats.openai_responses import usage as responses

COUNT = st.integers(0, 10**9)
CHAT = ("prompt_tokens", "completion_tokens")
READERS = {
    "chat": (chat.read_usage, chat.write_usage, *CHAT),
    "completions": (reading.read_usage, writing.write_usage, *CHAT),
    "responses": (responses.read_usage, responses.write_usage, "input_tokens", "output_tokens"),
}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (5.0, 5),
        (0, 0),
        (-3, 0),
        (10**12, 10**12),
        (10**12 + 1, None),
        (1.8446744073709552e19, None),
        (-1e300, None),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
        ("5", None),
        (None, None),
    ],
)
def test_what_counts_as_a_count(value: Any, number: int | None) -> None:
    assert whole_number(value) == number
    assert count({"x": value}, "x") == number


def told(name: str, input: int, output: int, reasoning: int, total: int) -> dict[str, Any]:
    _, _, given, made = READERS[name]
    return {given: input, made: output, f"{made}_details": {"reasoning_tokens": reasoning}, "total_tokens": total}


@pytest.mark.parametrize("name", READERS)
@given(input=COUNT, output=COUNT, reasoning=COUNT)
def test_reasoning_beside_the_output_is_output(name: str, input: int, output: int, reasoning: int) -> None:
    """The sum says where an upstream counts its reasoning, and what is written on adds up in either case."""
    read, write, given, made = READERS[name]
    usage = read(told(name, input, output, reasoning, input + output + reasoning))
    assert usage == Usage(input, output + reasoning, reasoning=reasoning)
    written = write(usage)
    assert written["total_tokens"] == input + output + reasoning == written[given] + written[made]
    assert written[f"{made}_details"]["reasoning_tokens"] == reasoning
    again = read(written)
    assert again is not None and (again.input, again.output, again.reasoning) == (input, output + reasoning, reasoning)


@pytest.mark.parametrize("name", READERS)
@given(input=COUNT, output=COUNT, reasoning=COUNT, total=COUNT)
def test_any_other_sum_leaves_the_output_as_it_is(name: str, input: int, output: int, reasoning: int, total: int) -> None:
    read = READERS[name][0]
    for other in {total, input + output} - {input + output + reasoning}:
        assert read(told(name, input, output, reasoning, other)) == Usage(input, output, reasoning=reasoning)


def test_what_xai_tells() -> None:
    """Counts of Grok's that were billed by `cost_in_usd_ticks` (Wei-Shaw/sub2api#5771)."""
    usage = chat.read_usage(told("chat", 10120, 1499, 2809, 14428) | {"prompt_tokens_details": {"cached_tokens": 128}})
    assert usage == Usage(10120, 4308, 128, reasoning=2809)


@pytest.mark.parametrize("missing", ["prompt_tokens", "completion_tokens", "total_tokens"])
def test_without_all_three_nothing_is_added(missing: str) -> None:
    usage = chat.read_usage({name: value for name, value in told("chat", 0, 0, 7, 7).items() if name != missing})
    assert usage is not None and not usage.output
