from __future__ import annotations

import pytest

from omniroute.edge.origins import from_own_page

HERE = {"wsgi.url_scheme": "http", "HTTP_HOST": "localhost:20128"}


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, None),
        ({"HTTP_ORIGIN": "http://localhost:20128"}, True),
        ({"HTTP_ORIGIN": "HTTP://LOCALHOST:20128"}, True),
        ({"HTTP_ORIGIN": "https://localhost:20128"}, False),
        ({"HTTP_ORIGIN": "http://localhost:3000"}, False),
        ({"HTTP_ORIGIN": "http://localhost"}, False),
        ({"HTTP_ORIGIN": "http://evil.example"}, False),
        ({"HTTP_ORIGIN": "null"}, False),
        ({"HTTP_ORIGIN": ""}, False),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, True),
        ({"HTTP_SEC_FETCH_SITE": "none"}, True),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, False),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, False),
        ({"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_ORIGIN": "http://evil.example"}, False),
        # TLS ended at a proxy that we weren't told of: the browser still vouches for the page.
        ({"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_ORIGIN": "https://gateway.example.com"}, True),
    ],
)
def test_who_sent_it(headers: dict[str, str], ours: bool | None) -> None:
    assert from_own_page(HERE | headers) is ours


def test_the_public_url_is_ours_too() -> None:
    headers = {"HTTP_ORIGIN": "https://gateway.example.com"}
    assert from_own_page(HERE | headers, "https://gateway.example.com") is True
    assert from_own_page(HERE | headers, "https://other.example.com") is False
