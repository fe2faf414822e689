"""What is said when nothing could be tried: one status, the reasons, and when it is worth another try."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.clock import Clock
from omniroute.relay.ask import Ask
from omniroute.relay.exhausted import none_available
from omniroute.relay.ledger import Entry
from omniroute.routing.candidates import LeftOut
from omniroute.routing.plan import Plan
from tests.parts import START

NONE = Plan((), (), "made up")


def entry() -> Entry:
    ask = Ask("id", "/v1/chat/completions", "openai_chat", b"", {}, "best", False, {}, 0.0)
    return Entry(ask, lambda record, parent: None, Clock())


def left(why: str, kind: str, until: float | None = None) -> LeftOut:
    return LeftOut(f"alpha/{kind}", why, kind, until=until)


@pytest.mark.parametrize(
    ("given", "status", "kind", "wait"),
    [
        ([left("cooling", "rate_limited", START + 9), left("cooling", "rate_limited", START + 4)], 429, "rate_limited", 4),
        ([left("cooling", "rate_limited", START + 9), left("cooling", "quota_exhausted", START + 60)], 429, "rate_limited", 9),
        ([left("over quota", "over_quota", START + 900), left("over quota", "over_quota", START + 90.5)], 429, "over_quota", 91),
        ([left("over quota", "over_quota", START + 900), left("cooling", "rate_limited", START + 9)], 429, "rate_limited", 9),
        ([left("over quota", "over_quota", START + 900), left("busy", "busy")], 503, "no_target_available", 900),
        ([left("cooling", "rate_limited", START + 9), left("key refused", "error")], 503, "no_target_available", 9),
        ([left("busy", "busy")], 503, "no_target_available", 1),
        ([left("disabled", "disabled")], 503, "no_target_available", None),
        ([left("its provider is gone", "not_there"), left("no connection", "not_there")], 404, "no_connection", None),
        ([left("does not fit", "does_not_fit")], 400, "context_too_long", None),
    ],
    ids=[
        "limits",
        "limits of two sorts",
        "quotas",
        "a quota and a limit",
        "a quota and busy",
        "one in error",
        "busy",
        "disabled",
        "gone",
        "too long",
    ],
)
def test_the_status_says_what_would_help(given: list[LeftOut], status: int, kind: str, wait: Any) -> None:
    told = none_available(tuple(given), entry(), NONE, START)
    assert (told.status, told.kind, told.retry_after) == (status, kind, wait)
    assert told.remedy and all(each.named in told.message for each in given)
    assert [note["class"] for note in told.beside()["left_out"]] == [each.kind for each in given]


def test_the_reason_of_a_terminal_status_is_the_operators() -> None:
    told = none_available((left("sk-... of account 42 at api.example.com was refused", "error"),), entry(), NONE, START)
    assert "example.com" not in str(told) and "in error" in told.message
