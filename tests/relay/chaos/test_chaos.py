"""Every fault, client and format, streamed or not: the next target answers, or the right error; and how often each was asked."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.relay.chaos.conftest import CHAT, FIRST, MODEL, PASSAGES, SECOND, Passage, asked, classes, forgiven, hits, logged
from tests.relay.chaos.workers import at_once
from tests.relay.test_failures import FAULTS as PLAIN_FAULTS
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer
from tests.upstream.script import TEXT
from tests.upstream.untrusted import UntrustedTls

# Script -> the client's status when that is all there is, the class. What takes a second of silence is in SILENCES.
FAULTS = {name: told for name, told in PLAIN_FAULTS.items() if name != "hang"} | {
    "429-long": (429, "rate_limited"),
    "bad-chunk-first": (502, "stream_cut"),
    "cut-first": (502, "stream_cut"),
}
STREAM_FAULTS: dict[str, tuple[int, str]] = {"error-first": (529, "overloaded"), "cut-early": (502, "stream_cut")}
SILENCES: dict[str, tuple[int, str]] = {"hang": (504, "network_error"), "silence": (504, "stream_stalled")}
STREAM_SILENCES: dict[str, tuple[int, str]] = {"stall-early": (504, "stream_stalled")}
ALL_FAULTS = FAULTS | STREAM_FAULTS
# What goes wrong after part of the answer is out.
LATER: dict[str, str] = {"cut": "stream_cut", "bad-chunk": "stream_cut", "stall": "stream_stalled", "error-later": "overloaded"}
ODD = ["gzip", "close", "crlf", "bom", "comments", "nulls", "malformed", "no-last-blank", "bytewise"]
ELSEWHERE_ONLY = {"400", "403", "413", "422", "reset", "redirect"}  # another connection of the same node is not asked


CASES = [(False, fault) for fault in FAULTS] + [(True, fault) for fault in FAULTS | STREAM_FAULTS]
NATIVE = [PASSAGES[name] for name in ("chat", "messages", "responses")]


def named(cases: list[tuple[bool, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("streamed", "fault"), cases, ids=[f"{'streamed' if streamed else 'whole'} {fault}" for streamed, fault in cases]
    )


natives = pytest.mark.parametrize("passage", NATIVE, ids=[each.format for each in NATIVE])


@named(CASES)
def test_the_next_target_answers(here: Gateway, upstream: Upstream, passage: Passage, streamed: bool, fault: str) -> None:
    _, kind = ALL_FAULTS[fault]
    upstream.hang_up()
    upstream.always(fault, key=FIRST, model=MODEL)
    answer = passage.ask(here, "pair", stream=streamed)
    assert passage.answered(answer, streamed) == TEXT
    assert [len(asked(upstream, key)) for key in (FIRST, SECOND)] == [1, 1]
    assert answer.headers["x-omniroute-provider"] == f"second-{passage.format}"
    assert answer.headers["x-omniroute-decision"].endswith("attempts=2")
    if passage is CHAT and not streamed:  # rows are written a moment later: some are enough
        assert classes(here, answer) == [kind, "ok"]


@natives
@named(CASES)
def test_when_that_is_everybodys_fault(here: Gateway, upstream: Upstream, passage: Passage, streamed: bool, fault: str) -> None:
    status, kind = ALL_FAULTS[fault]
    upstream.hang_up()
    for key, name in ((FIRST, "first"), (SECOND, "second")):
        upstream.always({"name": fault, **_said(fault, name)}, key=key, model=MODEL)
    answer = passage.ask(here, "pair", stream=streamed)
    assert (answer.status, answer.json["omniroute"]["class"]) == (status, kind), answer.body
    assert [len(asked(upstream, key)) for key in (FIRST, SECOND)] == [1, 1]
    attempts = answer.json["omniroute"]["attempts"]
    assert [(each["target"], each["class"]) for each in attempts] == [
        (f"{name}-{passage.format}/{MODEL}", kind) for name in ("first", "second")
    ]
    if status in (400, 413):  # the client can act on it: the first one's words, as they are
        assert passage.way.error(answer.json)["message"].startswith("first says")
    if passage is CHAT and not streamed:
        row = logged(here, answer)
        assert (row["status"], row["class"]) == (status, kind)


@pytest.mark.parametrize("fault", SILENCES | STREAM_SILENCES)
def test_nobody_waits_for_ever(here: Gateway, upstream: Upstream, fault: str) -> None:
    """All clients at once, since each has to wait for a second."""
    upstream.always(fault, key=FIRST, model=MODEL)
    cases = [(each, stream) for each in PASSAGES.values() for stream in (False, True) if stream or fault in SILENCES]
    answers = at_once([partial(passage.ask, here, "pair", stream=stream) for passage, stream in cases])
    for (passage, stream), answer in zip(cases, answers, strict=True):
        assert passage.answered(answer, stream) == TEXT
        assert answer.headers["x-omniroute-decision"].endswith("attempts=2")
    assert hits(upstream) == [len(cases), len(cases), 0]
    assert all(upstream.closed(each.id) for each in asked(upstream, FIRST)), "a connection that nobody reads is still open"
    assert classes(here, answers[0]) == [SILENCES.get(fault, (0, "stream_stalled"))[1], "ok"]


def test_all_are_silent(here: Gateway, upstream: Upstream) -> None:
    upstream.always("hang", model=MODEL)
    cases = [(each, stream) for each in NATIVE for stream in (False, True)]
    answers = at_once([partial(passage.ask, here, "pair", stream=stream) for passage, stream in cases])
    for (passage, _), answer in zip(cases, answers, strict=True):
        told = answer.json["omniroute"]
        assert (answer.status, told["class"], len(told["attempts"])) == (504, "network_error", 2)
        passage.way.error(answer.json)
    assert hits(upstream) == [len(cases), len(cases), 0]


def _said(fault: str, name: str) -> dict[str, Any]:
    return {"message": f"{name} says: prompt is too long"} if fault == "context" else {"message": f"{name} says no"}


@pytest.mark.parametrize("combo", ["refused", "tls"])
def test_who_cannot_be_reached_is_passed_over(
    here: Gateway, upstream: Upstream, untrusted: UntrustedTls, passage: Passage, streamed: bool, combo: str
) -> None:
    before = untrusted.tried
    answer = passage.ask(here, combo, stream=streamed)
    assert passage.answered(answer, streamed) == TEXT
    assert untrusted.tried - before == (combo == "tls") and not untrusted.admitted
    assert len(asked(upstream)) == 1
    assert classes(here, answer) == ["network_error", "ok"]


@natives
@named(CASES)
def test_another_connection_of_the_node(here: Gateway, upstream: Upstream, passage: Passage, streamed: bool, fault: str) -> None:
    status, kind = ALL_FAULTS[fault]
    upstream.hang_up()
    upstream.always(fault, key=FIRST, model=MODEL)
    answer = passage.ask(here, "twin", stream=streamed)
    if fault in ELSEWHERE_ONLY or fault == "context":
        assert (answer.status, answer.json["omniroute"]["class"]) == (status, kind), answer.body
        assert [len(asked(upstream, key)) for key in (FIRST, SECOND)] == [1, 0]
        return
    assert passage.answered(answer, streamed) == TEXT
    assert [len(asked(upstream, key)) for key in (FIRST, SECOND)] == [1, 1]
    assert answer.headers["x-omniroute-decision"].endswith("attempts=2")


def ask_each(gateway: Gateway, fault: str, *, stream: bool) -> list[tuple[Passage, Answer]]:
    """All passages, at once where each has to wait for a second. Else the first failure would have the others go elsewhere."""
    if fault == "stall":
        answers = at_once([partial(passage.ask, gateway, "pair", stream=stream) for passage in PASSAGES.values()])
    else:
        answers = [passage.ask(forgiven(gateway), "pair", stream=stream) for passage in PASSAGES.values()]
    return list(zip(PASSAGES.values(), answers, strict=True))


@pytest.mark.parametrize("fault", LATER)
def test_after_content_it_ends_in_the_clients_error_event(here: Gateway, upstream: Upstream, fault: str) -> None:
    upstream.always(fault, key=FIRST, model=MODEL)
    for passage, answer in ask_each(here, fault, stream=True):
        assert passage.failed(answer)["class"] == LATER[fault]
        text = passage.way.text(answer, True)
        assert text and TEXT.startswith(text), "what was said before must reach the client"
        row = logged(here, answer)
        assert (row["status"], row["class"]) == (200, LATER[fault])
    assert hits(upstream) == [len(PASSAGES), 0, 0]


def test_a_kept_connection_that_dies_is_replaced_once_unseen(here: Gateway, upstream: Upstream, passage: Passage) -> None:
    passage.ask(here, "pair")
    upstream.queue("reset", key=FIRST)
    answer = passage.ask(here, "pair")
    assert passage.answered(answer, False) == TEXT and classes(here, answer) == ["ok"]
    assert [each.how for each in asked(upstream, FIRST)] == ["complete", "reset", "complete"]


@pytest.mark.parametrize("fault", ["cut", "bad-chunk", "stall"])
def test_part_of_a_whole_answer_is_none(here: Gateway, upstream: Upstream, fault: str) -> None:
    upstream.always(fault, key=FIRST, model=MODEL)
    for passage, answer in ask_each(here, fault, stream=False):
        assert passage.answered(answer, False) == TEXT
        assert classes(here, answer) == [LATER[fault], "ok"]
    assert hits(upstream) == [len(PASSAGES), len(PASSAGES), 0]


def test_what_is_odd_but_readable_is_an_answer(here: Gateway, upstream: Upstream, passage: Passage, streamed: bool) -> None:
    for oddity in ODD if streamed else ("gzip", "close"):
        upstream.reset()
        upstream.always(oddity, key=FIRST, model=MODEL)
        answer = passage.ask(here, "pair", stream=streamed)
        assert passage.answered(answer, streamed) == TEXT, oddity
        assert [len(asked(upstream, key)) for key in (FIRST, SECOND)] == [1, 0], oddity
