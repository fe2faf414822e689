"""The three layers: how long, how they double, when failures are one, and what a success clears."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import StreamCut, UpstreamEmpty, UpstreamError, UpstreamNetwork, UpstreamNotJson, UpstreamStatus
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import MAX_COOLDOWN, Failure, classify
from omniroute.routing.health import (
    FINE,
    Breaker,
    Condition,
    Mark,
    Place,
    after_failure,
    after_success,
    harms,
    places,
    probes,
    standing,
)
from tests.routing.conftest import candidate

NOW = 1_800_000_000.0
HERE = candidate("c1")
CONNECTION, MODEL, NODE = places(HERE)


def failure(error: UpstreamError | int, **headers: str) -> Failure:
    if isinstance(error, int):
        error = UpstreamStatus(error, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")
    return classify(error, now=NOW)


def refused() -> UpstreamNetwork:
    return UpstreamNetwork("refused", "host", 443, "refused")


def told(condition: Condition, what: Failure, now: float, of: Candidate = HERE) -> Condition:
    """After one failure at the one place that suffers from it."""
    (harm,) = harms(what, of)
    return after_failure(condition, what, harm, now)


def mark(condition: Condition) -> Mark:
    assert condition.mark is not None
    return condition.mark


def breaker(condition: Condition) -> Breaker:
    assert condition.breaker is not None
    return condition.breaker


# Where ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "place", "marks", "counts"),
    [
        (429, CONNECTION, True, False),
        (402, CONNECTION, True, False),
        (401, CONNECTION, True, False),
        (529, MODEL, True, False),
        (503, MODEL, True, False),
        (500, MODEL, False, True),
        (408, MODEL, False, True),
        (UpstreamEmpty(""), MODEL, True, True),
        (StreamCut(""), MODEL, True, True),
        (UpstreamNotJson(200, "text/html", ""), MODEL, True, True),
        (refused(), NODE, False, True),
    ],
)
def test_who_suffers(error: UpstreamError | int, place: Place, marks: bool, counts: bool) -> None:
    assert [tuple(each) for each in harms(failure(error), HERE)] == [(place, marks, counts)]


def test_a_limit_by_model_locks_the_model_alone() -> None:
    by_model = replace(HERE, target=replace(HERE.target, provider=replace(HERE.target.provider, limits_per_model=True)))
    assert [each.place for each in harms(failure(429), by_model)] == [MODEL]
    assert [each.place for each in harms(failure(402), by_model)] == [CONNECTION]


@pytest.mark.parametrize("status", [status for status in range(400, 500) if status != 408])
def test_no_4xx_but_408_counts_on_a_breaker(status: int) -> None:
    assert not any(each.counts for each in harms(failure(status), HERE))


def test_what_is_wrong_with_a_request_harms_nobody() -> None:
    assert list(harms(failure(400), HERE)) == []


# Cooldowns and lockouts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "lengths"),
    [
        (429, [1, 2, 4, 8, 16, 32, 64, 120, 120]),
        (529, [1, 2, 4, 8, 16, 32, 64, 120, 120]),
        (402, [60, 120, 240, 480, 900, 900]),
        (401, [60, 60, 60]),
    ],
)
def test_a_guess_doubles_to_its_most(status: int, lengths: list[float]) -> None:
    condition, now, found = FINE, NOW, []
    for _ in lengths:
        condition = told(condition, failure(status), now)
        assert not mark(condition).stated and mark(condition).since == now
        found.append(mark(condition).until - now)
        now = mark(condition).until + 1
    assert found == lengths


def test_a_lockout_doubles_to_half_an_hour() -> None:
    missing = classify(UpstreamStatus(404, {}, b'{"error":{"code":"model_not_found","message":"no"}}'))
    condition, now, found = FINE, NOW, []
    for _ in range(6):
        condition = told(condition, missing, now)
        found.append(mark(condition).until - now)
        now = mark(condition).until
    assert found == [120, 240, 480, 960, 1800, 1800]


def test_a_hint_is_stated_and_capped_at_a_quarter_of_an_hour() -> None:
    assert mark(told(FINE, failure(429, retry_after="7"), NOW)) == Mark(
        "rate_limited", "The upstream answered 429 without a readable message.", NOW, NOW + 7, True
    )
    capped = mark(told(FINE, failure(429, retry_after="999999"), NOW))
    assert (capped.until, capped.stated) == (NOW + 15 * 60, True)


def test_the_reset_of_a_quota_is_believed_for_six_hours() -> None:
    assert mark(told(FINE, failure(402, retry_after="999999"), NOW)).until == NOW + 6 * 3600


def test_what_is_stated_counts_also_right_after_a_guess() -> None:
    guessed = told(FINE, failure(429), NOW)
    stated = told(guessed, failure(429, retry_after="30"), NOW + 0.1)
    assert (mark(stated).stated, mark(stated).until) == (True, NOW + 30.1)
    assert told(stated, failure(429), NOW + 5) == stated, "a guess does not shorten it"


def test_failures_at_the_same_moment_count_once() -> None:
    first = told(FINE, failure(429), NOW)
    for moment in (0.0, 0.4, 0.99):
        assert told(first, failure(429), NOW + moment) == first
    assert mark(told(first, failure(429), NOW + 1.0)).count == 2


def test_a_guess_does_not_cut_short_what_was_stated() -> None:
    stated = told(FINE, failure(429, retry_after="60"), NOW)
    assert told(stated, failure(429), NOW + 10) == stated
    assert mark(told(stated, failure(429), NOW + 60)).until == NOW + 62


@given(st.lists(st.tuples(st.sampled_from([401, 402, 429]), st.none() | st.floats(0, 1e9), st.floats(0, 4000)), max_size=40))
def test_no_mark_lasts_longer_than_its_rule(happened: list[tuple[int, float | None, float]]) -> None:
    condition, now = FINE, NOW
    for status, hint, later in happened:
        now += later
        given = failure(status) if hint is None else failure(status, retry_after=f"{hint:.3f}")
        condition = told(condition, given, now)
        longest = 6 * 3600 if mark(condition).kind == "quota_exhausted" else MAX_COOLDOWN
        assert mark(condition).since <= now and mark(condition).until <= mark(condition).since + longest + 0.001


# Breakers ---------------------------------------------------------------------------------------------


def failing(condition: Condition, times: int, start: float, every: float, error: UpstreamError | int = 500) -> Condition:
    for number in range(times):
        condition = told(condition, failure(error), start + number * every)
    return condition


@pytest.mark.parametrize("error", [500, 502, 504, 408, refused(), StreamCut("")])
def test_five_failures_within_a_minute_open_it_for_half_a_minute(error: UpstreamError | int) -> None:
    four = failing(FINE, 4, NOW, 10, error)
    assert breaker(four).state(NOW + 31) == "closed"
    five = told(four, failure(error), NOW + 40)
    assert breaker(five).state(NOW + 40) == breaker(five).state(NOW + 69.9) == "open"
    assert breaker(five).state(NOW + 70) == "half-open" and breaker(five).until == NOW + 70


def test_failures_further_apart_do_not_open_it() -> None:
    assert breaker(failing(FINE, 50, NOW, 15)).state(NOW + 49 * 15) == "closed"
    assert breaker(failing(FINE, 5, NOW, 14.9)).state(NOW + 4 * 14.9) == "open"


def test_a_success_between_begins_the_count_again() -> None:
    four = failing(FINE, 4, NOW, 1)
    assert after_success(four, NOW + 4) == FINE
    assert breaker(failing(after_success(four, NOW + 4), 4, NOW + 5, 1)).state(NOW + 9) == "closed"


def test_it_doubles_to_five_minutes_with_every_probe_that_fails() -> None:
    condition, found = failing(FINE, 5, NOW, 0.1), []
    for _ in range(6):
        opened = breaker(condition)
        found.append(opened.until - opened.since)
        condition = told(condition, failure(500), opened.until)  # the probe
    assert [round(each) for each in found] == [30, 60, 120, 240, 300, 300]


def test_while_it_is_open_nothing_is_counted() -> None:
    opened = failing(FINE, 5, NOW, 0.1)
    assert failing(opened, 20, NOW + 1, 1) == opened


def test_a_probe_that_succeeds_closes_it() -> None:
    opened = failing(FINE, 5, NOW, 0.1)
    assert after_success(opened, breaker(opened).until) == FINE


def test_half_open_places_ask_for_a_probe() -> None:
    health = {MODEL: failing(FINE, 5, NOW, 0.0), NODE: failing(FINE, 5, NOW, 0.0, refused())}
    assert probes(health, HERE, NOW + 29) == () and standing(health, HERE, NOW + 29) is not None
    assert probes(health, HERE, NOW + 30) == (MODEL, NODE) and standing(health, HERE, NOW + 30) is None
    assert probes(health, candidate("c2"), NOW + 30) == ()


# Successes --------------------------------------------------------------------------------------------


def test_a_success_clears_only_what_was_there_when_its_request_began() -> None:
    """A long answer that began before the limit says nothing about it."""
    limited = told(FINE, failure(429, retry_after="60"), NOW)
    assert after_success(limited, NOW - 1) == limited
    assert after_success(limited, NOW) == FINE
    opened = failing(FINE, 5, NOW, 1)
    assert after_success(opened, NOW + 3.9) == opened
    counted = failing(FINE, 4, NOW, 1)
    assert breaker(after_success(counted, NOW + 1)).failures == (NOW + 2, NOW + 3)


@given(st.lists(st.tuples(st.sampled_from([429, 500, 529]), st.floats(0, 20)), max_size=30), st.floats(-10, 700))
def test_a_success_after_everything_leaves_nothing(happened: list[tuple[int, float]], began: float) -> None:
    conditions, now = dict.fromkeys(places(HERE), FINE), NOW
    for status, later in happened:
        now += later
        for harm in harms(failure(status), HERE):
            conditions[harm.place] = after_failure(conditions[harm.place], failure(status), harm, now)
    assert all(after_success(each, now) == FINE for each in conditions.values())
    for each in conditions.values():
        left = after_success(each, NOW + began)
        assert left.mark in (None, each.mark)
        if each.breaker is not None and each.breaker.count and each.breaker.since > NOW + began:
            assert left.breaker == each.breaker


# What it means for a candidate ------------------------------------------------------------------------


def test_the_stated_outweighs_guesses_and_the_longer_the_shorter() -> None:
    guessed, stated = Mark("overloaded", "full", NOW, NOW + 90), Mark("rate_limited", "slow", NOW, NOW + 5, stated=True)
    opened = Condition(breaker=Breaker((), "network_error", "refused", NOW, NOW + 300, 1))
    health = {CONNECTION: Condition(stated), MODEL: Condition(guessed), NODE: opened}
    found = standing(health, HERE, NOW)
    assert found is not None and (found.why, found.kind, found.reason, found.stated) == ("cooling", "rate_limited", "slow", True)
    later = standing(health, HERE, NOW + 6)
    assert later is not None and (later.why, later.until, later.stated) == ("breaker open", NOW + 300, False)
    assert standing({MODEL: Condition(guessed)}, HERE, NOW) == replace(
        later, why="model locked", kind="overloaded", reason="full", until=NOW + 90
    )
    assert standing(health, HERE, NOW + 301) is None and standing(health, candidate("c2"), NOW) is None
