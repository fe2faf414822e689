from __future__ import annotations

import pytest

from omniroute.errors import BadRequest
from omniroute.formats.ir import Source
from omniroute.formats.media import data_url, file_name, read_url, text_of, type_of_url


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://example.com/a.png", Source("url", "https://example.com/a.png")),
        ("data:image/png;base64,iVBORw0KGgo=", Source("base64", "iVBORw0KGgo=", "image/png")),
        ("DATA:IMAGE/PNG;charset=x;BASE64,AA==", Source("base64", "AA==", "image/png")),
        ("data:text/plain,a%20b", Source("base64", "YSBi", "text/plain")),
        ("data:;base64,AA==", Source("base64", "AA==")),
        ("iVBORw0KGgo=", Source("base64", "iVBORw0KGgo=", "image/png")),
        ("JVBERi0xLjQK", Source("base64", "JVBERi0xLjQK", "application/pdf")),
    ],
)
def test_reads_what_clients_send_as_a_url(url: str, source: Source) -> None:
    assert read_url(url, "x") == source


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "gs://bucket/a.png", "hello", "data:image/png", "iVBOR not base64"])
def test_refuses_anything_else_by_its_path(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_url(url, "messages.0.content.1.image_url.url")
    assert caught.value.param == "messages.0.content.1.image_url.url"


def test_a_data_url_comes_back_as_it_was() -> None:
    url = "data:image/webp;base64,UklGRg=="
    assert data_url(read_url(url, "x"), "image/png") == url


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (Source("base64", "aMOpbGxv", "text/markdown"), "héllo"),
        (Source("base64", "aMOpbGxv", "application/pdf"), None),
        (Source("base64", "/w==", "text/plain"), None),
        (Source("base64", "!", "text/plain"), None),
        (Source("url", "https://example.com", "text/plain"), None),
    ],
)
def test_text_of_a_file(source: Source, text: str | None) -> None:
    assert text_of(source) == text


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        ("https://e.test/a.PNG?x=1#y.pdf", "image/png"),
        ("https://e.test/a.pdf", "application/pdf"),
        ("https://e.test/a", None),
        ("https://e.test/a.b/c", None),
        ("png", None),
    ],
)
def test_what_a_urls_ending_says(url: str, media_type: str | None) -> None:
    assert type_of_url(url) == media_type


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        (None, "document.pdf"),
        ("application/pdf", "document.pdf"),
        ("text/plain", "document.txt"),
        ("application/zip", "document.bin"),
    ],
)
def test_a_file_without_a_name_gets_one_with_the_ending_of_its_kind(media_type: str | None, name: str) -> None:
    assert file_name(Source("base64", "UEs=", media_type)) == name
