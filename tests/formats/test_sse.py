from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import StreamCut, UpstreamNotJson
from omniroute.formats import sse
from tests.formats.laws import pieces


def decode(stream: bytes, *sizes: int) -> list[sse.Event]:
    decoder = sse.Decoder()
    events = [event for piece in pieces(stream, sizes) for event in decoder.feed(piece)]
    return events + decoder.flush()


def said(stream: bytes, *sizes: int) -> list[tuple[str | None, bytes]]:
    return [(event.event, event.data) for event in decode(stream, *sizes) if event.data or event.event]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [(None, b"a")]),
        (b"data:a\n\n", [(None, b"a")]),
        (b"data:  a\n\n", [(None, b" a")]),
        (b"event: ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"data: {}\nevent: ping\n\n", [("ping", b"{}")]),
        (b"event: x\nid: 7\nretry: 10\ndata: a\n\n", [("x", b"a")]),
        (b"data: a\ndata: b\n\n", [(None, b"a\nb")]),
        (b"data\n\n", []),
        (b"event: ping\n\n", [("ping", b"")]),
        (b": comment\n\ndata: a\n\n", [(None, b"a")]),
        (b": comment\ndata: a\n\n", [(None, b"a")]),
        (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [(None, b"a"), (None, b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(None, b"a")]),
        (b"data: null\n\n", [(None, b"null")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [(None, b"a"), (None, b"b")]),
        (b"data: a\r\rdata: b\r\r", [(None, b"a"), (None, b"b")]),
        (b"event: e\r\ndata: a\r\n\r\n", [("e", b"a")]),
        (b"data: a\n\ndata: b\r\n\r\ndata: c\n\n", [(None, b"a"), (None, b"b"), (None, b"c")]),
        (b"data: a\n\r\ndata: b\r\n\n", [(None, b"a"), (None, b"b")]),
        ("data: \u2028\u0085\n\n".encode(), [(None, "\u2028\u0085".encode())]),
        (b"data: a\n\ndata: b", [(None, b"a"), (None, b"b")]),
        (b"data: a\n\ndata: b\n", [(None, b"a"), (None, b"b")]),
        (b"data: a\r\n\r\ndata: b\r\n", [(None, b"a"), (None, b"b")]),
        (b"", []),
    ],
)
def test_reads_what_streams_look_like_whole_and_byte_by_byte(stream: bytes, expected: list[tuple[str | None, bytes]]) -> None:
    assert said(stream) == expected
    assert said(stream, *[1] * len(stream)) == expected


def test_raw_is_the_bytes_as_they_came() -> None:
    stream = b"\xef\xbb\xbf: hello\r\n\r\nevent: e\r\ndata: a\r\n\r\n\ndata: b\n\n: bye\n\n"
    assert b"".join(event.raw for event in decode(stream)) == stream


def test_a_comment_comes_out_at_once_and_without_data() -> None:
    decoder = sse.Decoder()
    assert decoder.feed(b": keep-alive\n\n") == [sse.Event(None, b"", b": keep-alive\n\n")]


def test_the_end_completes_an_event_whose_blank_line_never_came() -> None:
    assert decode(b"data: a")[0].raw == b"data: a\n\n"
    assert decode(b"data: a\n")[0].raw == b"data: a\n\n"
    assert decode(b"data: a\r\n")[0].raw == b"data: a\r\n\n"


def test_an_event_comes_out_with_its_last_byte_and_not_later() -> None:
    decoder = sse.Decoder()
    assert decoder.feed(b"data: a\r\n\r") == [sse.Event(None, b"a", b"data: a\r\n\r")]
    assert [event.data for event in decoder.feed(b"\ndata: b\r\n\r\n")] == [b"b"]


_LINE = st.sampled_from(
    [b"data: x", b"data: {}", b"event: e", b": c", b"data", b"id: 1", b"", b"\xef\xbb\xbf", "data: ü\u2028".encode()]
)
_END = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n"])


@given(st.lists(st.tuples(_LINE, _END)), st.lists(st.integers(1, 9)))
def test_cutting_changes_nothing_and_no_byte_is_lost(lines: list[tuple[bytes, bytes]], sizes: list[int]) -> None:
    stream = b"".join(line + end for line, end in lines)
    assert said(stream, *sizes) == said(stream)
    raw = b"".join(event.raw for event in decode(stream, *sizes))
    assert raw.rstrip(b"\r\n") == stream.rstrip(b"\r\n")
    assert len(raw) >= len(stream)


@given(st.binary(), st.lists(st.integers(1, 9)))
def test_no_bytes_at_all_make_it_fail(stream: bytes, sizes: list[int]) -> None:
    raw = b"".join(event.raw for event in decode(stream, *sizes))
    assert raw.startswith(stream)


def test_an_event_without_end_is_given_up_at_the_limit() -> None:
    decoder = sse.Decoder(largest=100)
    assert decoder.feed(b"data: " + b"x" * 90) == []
    with pytest.raises(StreamCut, match="more than 100 bytes"):
        decoder.feed(b"x" * 50)


def test_the_limit_is_for_one_event_and_not_for_the_stream() -> None:
    decoder = sse.Decoder(largest=100)
    for _ in range(20):
        assert decoder.feed(b"data: " + b"x" * 50) == []
        assert len(decoder.feed(b"\n\n")) == 1


@given(st.text(), st.sampled_from([None, "message_stop"]))
def test_what_is_encoded_is_decoded(text: str, name: str | None) -> None:
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    assert [(event.event, event.data) for event in decode(sse.encode(data, name))] == [(name, data)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a":1}', {"a": 1}),
        (b"null", None),
        (b"[DONE]", None),
        (b"[1]", None),
        (b'{"a"', None),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b'{"a":"\\ud83d"}', {"a": "\ufffd"}),
        (b'{"a":NaN}', {"a": None}),
        (b"[" * 5000, None),
    ],
)
def test_read_document(data: bytes, expected: dict[str, object] | None) -> None:
    assert sse.read_document(data) == expected


def test_a_document_read_in_spite_of_everything_can_be_written_again() -> None:
    assert orjson.dumps(sse.read_document(b'{"a":"x\\udc00y\xff"}')) == '{"a":"x\ufffdy\ufffd"}'.encode()


@pytest.mark.parametrize(("levels", "read"), [(199, True), (300, False), (900, False), (5000, False)])
def test_a_document_that_is_nested_too_deep_is_none(levels: int, read: bool) -> None:
    assert (sse.read_document(b'{"a":' * levels + b"1" + b"}" * levels) is not None) is read


def test_one_broken_event_is_passed_over_and_a_second_one_is_not() -> None:
    skips = sse.Skips()
    for data in (b"null", b"[DONE]", b"", b'{"half', b"null"):
        skips.note(data)
    with pytest.raises(UpstreamNotJson):
        skips.note(b"garbage")
