"""Forms taken in piece by piece, wherever the pieces end."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import BadRequest, BodyTooLarge
from omniroute.relay import upload as module
from omniroute.relay.upload import Upload, read_boundary, receive
from tests.relay.passing import BOUNDARY, SOUND, field, file, form

TYPE = f"multipart/form-data; boundary={BOUNDARY}"
WANTED = frozenset({"model", "stream"})


def taken(data: bytes, size: int = 1 << 16, content_type: str = TYPE, limit: int = 1 << 30) -> Upload:
    """`data` as it is taken in when it comes in pieces of `size` bytes."""
    source = io.BytesIO(data)
    return receive(lambda most: source.read(min(size, most)), content_type, WANTED, limit)


def values(upload: Upload) -> dict[str, str]:
    return {name: found.value for name, found in upload.fields.items()}


def sent(upload: Upload, model: str) -> bytes:
    body = upload.with_model(model)
    first, again = b"".join(body), b"".join(body)
    assert first == again and len(body) == len(first), "it can be sent again, and its length is known before"
    return first


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
@pytest.mark.parametrize(
    "parts",
    [
        (field("model", "m"), file()),
        (file(), field("model", "m")),
        (field("stream", "true"), file(b""), field("model", "m"), field("prompt", "--a-boundary-1")),
        (field("model", "m", head="Content-Type: text/plain\r\nX-Long: " + "x" * 9000 + "\r\n"), file(b"\r\n" * 3000)),
        (b"--a-boundary-1 \t\r\n\r\nno headers at all\r\n", field("model", "m"), file(SOUND * 40)),
        (file(b"\r\n--a-boundary-1x" * 5 + b"\r\n--a-boundary-1-"), field("model", "m")),
    ],
)
def test_wherever_the_pieces_end(size: int, parts: tuple[bytes, ...]) -> None:
    data = b"a preamble\r\n" + form(*parts) + b"an epilogue\r\n--a-boundary-1\r\n"
    upload = taken(data, size)
    assert values(upload) == {"model": "m"} | ({"stream": "true"} if len(parts) == 4 else {})
    assert sent(upload, "größer/x") == data.replace(b"\r\n\r\nm\r\n", "\r\n\r\ngrößer/x\r\n".encode())
    assert sent(upload, "m") == data
    upload.close()


@given(
    st.lists(st.tuples(st.sampled_from(["file", "prompt", "language"]), st.binary(max_size=60)), max_size=4),
    st.integers(0, 4),
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.integers(1, 40),
)
def test_any_form(others: list[tuple[str, bytes]], at: int, model: str, size: int) -> None:
    parts = [field(name, value, '; filename="f"' if name == "file" else "") for name, value in others]
    parts.insert(at, field("model", model))
    upload = taken(form(*parts), size)
    assert values(upload) == {"model": model}
    parts[min(at, len(others))] = field("model", "other")
    assert sent(upload, "other") == form(*parts)
    upload.close()


def test_a_file_called_model_is_no_model() -> None:
    upload = taken(form(field("model", "x", '; filename="a"'), field("Model", "y"), field("model[]", "z")))
    assert upload.fields == {}
    upload.close()


def test_a_big_form_goes_to_the_disk_and_comes_back() -> None:
    data = form(field("model", "m"), file(SOUND * 1100))
    assert len(data) > 2 * module.IN_MEMORY
    upload = taken(data)
    assert upload._file._rolled is True  # type: ignore[attr-defined]
    assert sent(upload, "other") == data.replace(b"\r\n\r\nm\r\n", b"\r\n\r\nother\r\n")
    upload.close()
    with pytest.raises(ValueError, match="closed"):
        next(upload.read(0, 1))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "breaks off"),
        (b"nothing of a form", "breaks off"),
        (form(field("model", "m"))[:-4], "breaks off"),
        (form(field("model", "m"), file())[:-200], "breaks off"),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data".encode(), "breaks off"),
        (form(field("model", "m"), field("model", "n")), "more than one field 'model'"),
        (form(field("model", "m" * 2001)), "'model' is too long"),
        (form(field("model", b"\xff\xfe")), "'model' must be a text in UTF-8"),
        (form(field("x", "y", head="A: " + "b" * 17000 + "\r\n")), "headers without end"),
        (form(*[field("x", "y")] * 1001), "more than 1000 parts"),
    ],
)
def test_what_is_no_form(data: bytes, says: str) -> None:
    for size in (1 << 16, 100):
        with pytest.raises(BadRequest, match=says):
            taken(data, size)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="a\tb"',
        f"multipart/form-data; boundary={'x' * 71}",
        "multipart/mixed; boundary=x",
        "text/plain; boundary=x",
    ],
)
def test_what_names_no_boundary(content_type: str) -> None:
    with pytest.raises(BadRequest):
        read_boundary(content_type)


@pytest.mark.parametrize("boundary", ["x", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "a b", "'()+_,-./:=?", "x" * 70])
def test_boundaries_as_clients_write_them(boundary: str) -> None:
    assert read_boundary(f'multipart/form-data; boundary="{boundary}"') == boundary
    assert read_boundary(f'Multipart/Form-Data; charset=utf-8; Boundary="{boundary}"') == boundary


def test_the_limit_holds_without_an_announced_length() -> None:
    def endless() -> Iterator[bytes]:
        yield form(file())[:-4]
        while True:
            yield b"x" * 1000

    source = endless()
    with pytest.raises(BodyTooLarge):
        receive(lambda most: next(source), TYPE, WANTED, 50_000)
