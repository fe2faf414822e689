"""Headers as upstreams send them (omniroute/limits/upstream.py names the sources), and what they tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from omniroute.limits.upstream import FURTHEST, HEADERS, KEPT, Learned, learned

NOW = datetime(2026, 9, 17, 9, 0, tzinfo=UTC).timestamp()
DAY = 86_400
USUAL = {
    "Date": "Thu, 17 Sep 2026 09:00:00 GMT",
    "Content-Type": "application/json",
    "X-Request-Id": "req_1",
    "Retry-After": "7",
    "server": "cloudflare",
}


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


RECORDED: dict[str, tuple[dict[str, str], list[Learned]]] = {
    "nobody tells": ({}, []),
    "anthropic": (
        {
            "anthropic-ratelimit-requests-limit": "4000",
            "anthropic-ratelimit-requests-remaining": "3999",
            "anthropic-ratelimit-requests-reset": "2026-09-17T08:59:48Z",  # full again by now
            "anthropic-ratelimit-input-tokens-limit": "200000",
            "anthropic-ratelimit-input-tokens-remaining": "150000",
            "anthropic-ratelimit-input-tokens-reset": "2026-09-17T09:00:15Z",
            "anthropic-ratelimit-output-tokens-limit": "80000",
            "anthropic-ratelimit-output-tokens-remaining": "0",
            "anthropic-ratelimit-output-tokens-reset": "2026-09-17T09:01:00Z",
            "anthropic-priority-input-tokens-limit": "10000",
            "anthropic-priority-input-tokens-remaining": "9618",
        },
        [
            Learned("input tokens", 200_000, 150_000, 0.75, at("2026-09-17T09:00:15Z"), NOW, 60),
            Learned("output tokens", 80_000, 0, 0.0, at("2026-09-17T09:01:00Z"), NOW, 60),
        ],
    ),
    "a subscription at anthropic": (
        {
            "anthropic-ratelimit-unified-status": "allowed",
            "anthropic-ratelimit-unified-5h-status": "allowed",
            "anthropic-ratelimit-unified-5h-utilization": "0.25",
            "anthropic-ratelimit-unified-5h-reset": str(int(NOW) + 7200),
            "anthropic-ratelimit-unified-7d-status": "rejected",
            "anthropic-ratelimit-unified-7d-utilization": "1.02",
            "anthropic-ratelimit-unified-7d-reset": "2026-09-23T05:25:11Z",
            "anthropic-ratelimit-unified-7d_oi-utilization": "0.99",
            "anthropic-ratelimit-unified-overage-status": "rejected",
            "anthropic-ratelimit-unified-overage-utilization": "0.0",
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
            "anthropic-ratelimit-unified-fallback-percentage": "0.5",
            "anthropic-ratelimit-unified-reset": str(int(NOW) + 7200),
        },
        [
            Learned("5h", None, None, 0.75, NOW + 7200, NOW, 18_000),
            Learned("7d", None, None, 0.0, at("2026-09-23T05:25:11Z"), NOW, 604_800),
        ],
    ),
    "openai": (
        {
            "x-ratelimit-limit-requests": "5000",
            "x-ratelimit-limit-tokens": "160000",
            "x-ratelimit-limit-tokens_usage_based": "160000",
            "x-ratelimit-remaining-requests": "4000",
            "x-ratelimit-remaining-tokens": "40000",
            "x-ratelimit-remaining-tokens_usage_based": "40000",
            "x-ratelimit-reset-requests": "12ms",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        [
            Learned("requests", 5000, 4000, 0.8, NOW + 0.012, NOW),
            Learned("tokens", 160_000, 40_000, 0.25, NOW + 360, NOW),
        ],
    ),
    "groq": (
        {
            "x-ratelimit-limit-requests": "14400",
            "x-ratelimit-remaining-requests": "3600",
            "x-ratelimit-reset-requests": "18h2m59.56s",
            "x-ratelimit-limit-tokens": "18000",
            "x-ratelimit-remaining-tokens": "17997",
            "x-ratelimit-reset-tokens": "7.66s",
        },
        [
            Learned("requests", 14_400, 3600, 0.25, NOW + 64_979.56, NOW),
            Learned("tokens", 18_000, 17_997, 17_997 / 18_000, NOW + 7.66, NOW),
        ],
    ),
    "azure, without a limit": (
        {"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0"},
        [],
    ),
    "azure, before it told limits": (
        {"x-ratelimit-remaining-requests": "99", "x-ratelimit-remaining-tokens": "0"},
        [
            Learned("tokens", None, 0, 0.0, None, NOW),
        ],
    ),
    "cerebras": (
        {
            "x-ratelimit-limit-requests-day": "14400",
            "x-ratelimit-remaining-requests-day": "7200",
            "x-ratelimit-reset-requests-day": "33011.5",
            "x-ratelimit-limit-tokens-minute": "200000",
            "x-ratelimit-remaining-tokens-minute": "190000",
            "x-ratelimit-reset-tokens-minute": "11.25",
        },
        [
            Learned("requests per day", 14_400, 7200, 0.5, NOW + 33_011.5, NOW, DAY),
            Learned("tokens per minute", 200_000, 190_000, 0.95, NOW + 11.25, NOW, 60),
        ],
    ),
    "mistral": (
        {
            "x-ratelimit-limit-tokens-minute": "5000000",
            "x-ratelimit-remaining-tokens-minute": "4000000",
            "x-ratelimit-tokens-query-cost": "52",
            "x-ratelimit-limit-req-minute": "0",  # a model that the plan does not have
            "x-ratelimit-remaining-req-minute": "0",
        },
        [
            Learned("tokens per minute", 5_000_000, 4_000_000, 0.8, NOW + 60, NOW, 60),
            Learned("requests per minute", 0, 0, 0.0, NOW + 60, NOW, 60),
        ],
    ),
    "mistral, earlier": (
        {
            "ratelimitbysize-limit": "500000",
            "ratelimitbysize-remaining": "120000",
            "ratelimitbysize-reset": "34",
            "ratelimitbysize-query-cost": "32",
            "x-ratelimitbysize-limit-minute": "500000",
            "x-ratelimitbysize-remaining-minute": "125000",
            "x-ratelimitbysize-limit-month": "1000000000",
            "x-ratelimitbysize-remaining-month": "900000000",
        },
        [
            Learned("tokens per minute", 500_000, 120_000, 0.24, NOW + 34, NOW, 60),  # the scarcer of the two
            Learned("tokens per month", 1_000_000_000, 900_000_000, 0.9, None, NOW, 30 * DAY),
        ],
    ),
    "fireworks": (
        {
            "x-ratelimit-limit-tokens-prompt": "7200000",
            "x-ratelimit-remaining-tokens-prompt": "3600000",
            "x-ratelimit-limit-tokens-cache-adjusted-prompt": "60000",
            "x-ratelimit-limit-tokens-generated": "72000",
            "x-ratelimit-remaining-tokens-generated": "18000",
            "x-ratelimit-over-limit": "no",
        },
        [
            Learned("input tokens per minute", 7_200_000, 3_600_000, 0.5, NOW + 60, NOW, 60),
            Learned("output tokens per minute", 72_000, 18_000, 0.25, NOW + 60, NOW, 60),
        ],
    ),
    "together": (
        {
            "x-ratelimit-limit": "10",
            "x-ratelimit-remaining": "5",
            "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "3000",
            "x-tokenlimit-remaining": "2400",
            "x-tokenlimit-reset": "1",
        },
        [Learned("requests", 10, 5, 0.5, NOW + 1, NOW), Learned("tokens", 3000, 2400, 0.8, NOW + 1, NOW)],
    ),
    "openrouter": (
        {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW + 54_000) * 1000)},
        [Learned("requests", 50, 0, 0.0, NOW + 54_000, NOW)],
    ),
    "cohere": (
        {
            "x-endpoint-monthly-call-limit": "1000",
            "x-trial-endpoint-call-limit": "20",
            "x-trial-endpoint-call-remaining": "19",
        },
        [Learned("requests per minute", 20, 19, 0.95, NOW + 60, NOW, 60)],
    ),
    "nous": (
        {
            "x-ratelimit-limit-requests-1h": "800",
            "x-ratelimit-remaining-requests-1h": "600",
            "x-ratelimit-reset-requests-1h": "3100",
        },
        [Learned("requests per hour", 800, 600, 0.75, NOW + 3100, NOW, 3600)],
    ),
    "hugging face": (
        {"ratelimit": '"api";r=489;t=189', "ratelimit-policy": '"fixed window";"api";q=500;w=300'},
        [Learned("api", 500, 489, 0.978, NOW + 189, NOW, 300)],
    ),
    "the draft, two policies": (
        {
            "RateLimit-Policy": '"burst";q=100;w=60, "daily";q=1000;w=86400;qu="requests";pk=:cHNzdA==:',
            "RateLimit": '"burst";r=50;t=30, "daily";r=900',
        },
        [Learned("burst", 100, 50, 0.5, NOW + 30, NOW, 60), Learned("daily", 1000, 900, 0.9, None, NOW, DAY)],
    ),
    "the draft, nothing left and no policy": (
        {"RateLimit": '"default";r=0;t=9'},
        [Learned("default", None, 0, 0.0, NOW + 9, NOW)],
    ),
    "the draft, as it was in 07": (
        {"RateLimit": "limit=100, remaining=20, reset=900", "RateLimit-Policy": "100;w=900"},
        [Learned("requests", 100, 20, 0.2, NOW + 900, NOW, 900)],
    ),
    "the draft, as it was in 06": (
        {"RateLimit-Limit": "100", "RateLimit-Remaining": "20", "RateLimit-Reset": "50"},
        [Learned("requests", 100, 20, 0.2, NOW + 50, NOW)],
    ),
    "two families name the same window": (
        {
            "x-ratelimit-limit": "10",
            "x-ratelimit-remaining": "1",
            "x-ratelimit-limit-requests": "100",
            "x-ratelimit-remaining-requests": "90",
        },
        [Learned("requests", 10, 1, 0.1, None, NOW)],
    ),
    "nonsense": (
        {
            "x-ratelimit-limit-requests": "many",
            "x-ratelimit-remaining-requests": "9",
            "x-ratelimit-limit-tokens": "0",
            "x-ratelimit-remaining-tokens": "7",
            "x-ratelimit-limit-requests-day": "100",
            "x-ratelimit-remaining-requests-day": "NaN",
            "anthropic-ratelimit-unified-5h-utilization": "-1",
            "anthropic-ratelimit-unified-7d-reset": "1790000000",
            "ratelimit": ";;;===,,",
            "ratelimit-policy": "\x00",
        },
        [],
    ),
}


@pytest.mark.parametrize("who", RECORDED)
@pytest.mark.parametrize("spelled", [str.lower, str.title, str.upper])
def test_headers_as_they_come(who: str, spelled: Callable[[str], str]) -> None:
    told, expected = RECORDED[who]
    headers = HTTPHeaderDict({spelled(name): value for name, value in {**USUAL, **told}.items()})
    assert sorted(learned(headers, NOW)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("1d2h", 93_600),
        ("500us", 0.0005),
        ("90", 90),
        ("90.5", 90.5),
        (str(int(NOW) + 60), 60),
        (str((int(NOW) + 60) * 1000), 60),
        ("2026-09-17T09:01:00Z", 60),
        ("2026-09-17T11:01:00+02:00", 60),
        ("2026-09-17T09:01:00.500", 60.5),
        ("soon", None),
        ("1s later", None),
        ("1m-2", None),
        ("2026-13-45T99:99:99Z", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("9" * 40, None),
        (str(FURTHEST + 1), None),
        ("", None),
    ],
)
def test_resets(text: str, seconds: float | None) -> None:
    headers = {"x-ratelimit-limit-requests": "4", "x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": text}
    found = learned(headers, NOW)
    if text.startswith("0001"):  # long renewed
        assert found == ()
        return
    assert [(each.left, each.resets_at is None) for each in found] == [(0.25, seconds is None)]
    assert found[0].resets_at == (None if seconds is None else pytest.approx(NOW + seconds, abs=1e-4))


def test_how_long_a_window_counts_and_whether_it_lasts() -> None:
    unknown = Learned("tokens", 9, 3, 1 / 3, None, NOW)
    assert (unknown.until, unknown.lasts) == (NOW + KEPT, False)
    assert Learned("requests", 9, 3, 1 / 3, NOW + 299, NOW).lasts is False
    assert Learned("requests", 9, 3, 1 / 3, NOW + 301, NOW).lasts is True
    nearly_over = Learned("5h", None, None, 0.5, NOW + 9, NOW, 18_000)
    assert (nearly_over.until, nearly_over.lasts) == (NOW + 9, True)


anything = st.text(max_size=40) | st.from_regex(r"[-0-9.eE+dhmsZT:;,=\"rtqw ]{0,40}", fullmatch=True)


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)) | st.text(max_size=30), anything, max_size=12), st.floats(0, 4e9))
def test_whatever_comes_is_a_share_that_is_not_over_yet_or_nothing(headers: Mapping[str, str], now: float) -> None:
    for each in learned(headers, now):
        assert 0 <= each.left <= 1 and each.until > now and each.at == now and each.name
        assert each.resets_at is None or each.resets_at < now + FURTHEST
