from __future__ import annotations

import threading

import pytest

from omniroute.errors import Throttled
from omniroute.security.throttle import FORGET, RULES, Rule
from tests.parts import Parts


def fail(parts: Parts, times: int, address: str = "203.0.113.7") -> None:
    """As many tries, each as soon as it is let in."""
    for _ in range(times):
        try:
            parts.throttle.admit(address, "admin")
        except Throttled as exc:
            parts.clock.move(exc.retry_after)
            parts.throttle.admit(address, "admin")


def wait(parts: Parts, address: str = "203.0.113.7") -> float:
    try:
        parts.throttle.admit(address, "admin")
    except Throttled as exc:
        return exc.retry_after
    return 0.0


def test_delays_double_up_to_a_limit() -> None:
    rule = Rule(free=2, longest=10)
    assert [rule.delay(n) for n in range(1, 8)] == [0, 0, 1, 2, 4, 8, 10]
    assert rule.delay(10_000) == 10


@pytest.mark.parametrize(("failures", "delay"), [(4, 0), (5, 1), (6, 2), (8, 8), (14, 512), (15, 900), (16, 900)])
def test_an_address(parts: Parts, failures: int, delay: float) -> None:
    fail(parts, failures)
    assert wait(parts) == delay


def test_a_try_that_is_refused_makes_it_no_longer(parts: Parts) -> None:
    fail(parts, 6)
    assert [wait(parts) for _ in range(5)] == [2.0] * 5
    parts.clock.move(1.5)
    assert wait(parts) == 0.5


def test_an_account_from_many_addresses(parts: Parts) -> None:
    free = RULES["account"].free
    for number in range(free):
        fail(parts, 1, f"198.51.100.{number}")
    assert wait(parts, "192.0.2.1") == 0.0
    assert wait(parts, "192.0.2.2") == 1.0
    for number in range(20):
        fail(parts, 1, f"198.51.100.{100 + number}")
    assert wait(parts, "192.0.2.2") == RULES["account"].longest


def test_success_wipes_the_slate(parts: Parts) -> None:
    fail(parts, 6)
    parts.database.write(lambda session: parts.throttle.succeeded(session, "203.0.113.7", "admin"))
    assert [wait(parts) for _ in range(4)] == [0.0] * 4


def test_time_does_too(parts: Parts) -> None:
    fail(parts, 15)
    parts.clock.move(FORGET + 1)
    assert [wait(parts) for _ in range(4)] == [0.0] * 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unix:", "unix:"),
        ("x" * 200, "x" * 201),
    ],
)
def test_what_counts_as_one_address(parts: Parts, one: str, other: str) -> None:
    fail(parts, 5, one)
    assert wait(parts, other) == 1.0
    assert wait(parts, "2001:db8:1:3::1") == 0.0


def test_tries_at_the_same_time_are_all_counted(parts: Parts) -> None:
    let_in: list[bool] = []

    def attempt() -> None:
        let_in.append(wait(parts) == 0.0)

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let_in) == RULES["address"].free + 1
