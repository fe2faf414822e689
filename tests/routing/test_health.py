"""Marks: how long, how they double, when they are one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import UpstreamStatus
from omniroute.routing.failures import MAX_COOLDOWN, Failure, classify
from omniroute.routing.health import Mark, after_failure

NOW = 1000.0


def limited(**headers: str) -> Failure:
    return classify(UpstreamStatus(429, headers, b"{}"), now=NOW)


def test_a_guess_doubles_to_its_most() -> None:
    mark: Mark | None = None
    lengths = []
    now = NOW
    for _ in range(10):
        mark = after_failure(limited(), mark, now)
        assert mark is not None and not mark.stated
        lengths.append(mark.until - now)
        now = mark.until + 1
    assert lengths == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120]


def test_a_hint_is_stated_and_capped() -> None:
    mark = after_failure(limited(**{"retry-after": "7"}), None, NOW)
    assert mark is not None and (mark.until, mark.stated) == (NOW + 7, True)
    capped = after_failure(limited(**{"retry-after": "999999"}), None, NOW)
    assert capped is not None and capped.until == NOW + MAX_COOLDOWN


def test_failures_at_the_same_moment_count_once() -> None:
    first = after_failure(limited(), None, NOW)
    assert after_failure(limited(), first, NOW + 0.5) is first
    second = after_failure(limited(), first, NOW + 1.5)
    assert second is not None and second.count == 2


def test_what_is_wrong_with_a_request_marks_nobody() -> None:
    assert after_failure(classify(UpstreamStatus(400, {}, b"{}")), None, NOW) is None


@given(st.floats(0, 1e9), st.integers(0, 60))
def test_no_mark_lasts_longer_than_its_rule(hint: float, repeats: int) -> None:
    mark: Mark | None = None
    for number in range(repeats + 1):
        failure = limited(**{"retry-after": f"{hint:.3f}"} if number % 2 else {})
        now = NOW + number * 2000
        mark = after_failure(failure, mark, now)
        assert mark is not None and now <= mark.until <= now + MAX_COOLDOWN
