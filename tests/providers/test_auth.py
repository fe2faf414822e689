import pytest

from omniroute.providers.auth import AUTH, signed_url


@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        ("bearer", (("Authorization", "Bearer sk-test"),)),
        ("x-api-key", (("x-api-key", "sk-test"),)),
        ("x-goog-api-key", (("x-goog-api-key", "sk-test"),)),
        ("query", ()),
        ("none", ()),
    ],
)
def test_schemes(scheme: str, headers: tuple[tuple[str, str], ...]) -> None:
    assert AUTH[scheme]("sk-test") == headers


def test_all_schemes_are_tested() -> None:
    assert set(AUTH) == {"bearer", "x-api-key", "x-goog-api-key", "query", "none"}


@pytest.mark.parametrize(
    ("scheme", "credential", "url", "signed"),
    [
        ("query", "k", "https://host/m", "https://host/m?key=k"),
        ("query", "a&b=c/#", "https://host/m?x=1", "https://host/m?x=1&key=a%26b%3Dc%2F%23"),
        ("query", None, "https://host/m", "https://host/m"),
        ("bearer", "k", "https://host/m", "https://host/m"),
    ],
)
def test_signed_url(scheme: str, credential: str | None, url: str, signed: str) -> None:
    assert signed_url(scheme, url, credential) == signed
