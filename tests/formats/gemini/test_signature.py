"""Gemini's own signatures go through; another format's survive what a client's SDK does to bytes."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given

from omniroute.formats import ir
from omniroute.formats.gemini.signature import plain_base64, read_reasoning, write_signature
from tests.formats.strategies import REASONING, TEXT


@given(part=REASONING)
def test_another_formats_reasoning_survives_a_client_that_decodes_bytes(part: ir.Reasoning) -> None:
    """google-genai decodes the field and writes it back with the URL-safe letters."""
    written = write_signature(part)
    sent_back = base64.urlsafe_b64encode(base64.b64decode(written, validate=True)).decode()
    assert read_reasoning(part.text, sent_back) == part
    assert read_reasoning(part.text, written) == part


@given(text=TEXT)
def test_without_a_signature_there_is_nothing_to_prove(text: str) -> None:
    assert read_reasoning(text, "") == ir.Reasoning(text)
    assert write_signature(ir.Reasoning(text)) == ""


@pytest.mark.parametrize(
    "signature",
    ["CpQB+/==", "no base64 at all", base64.b64encode(b"omniroute:?:").decode()[:-1], "b21uaXJvdXRl", "b21uaXJvdXRl/w=="],
)
def test_what_was_not_sealed_here_is_geminis_own(signature: str) -> None:
    part = read_reasoning("Hm.", signature)
    assert part == ir.Reasoning("Hm.", signature=signature, origin="gemini")
    assert write_signature(part) == signature


def test_the_usual_letters_of_base64() -> None:
    assert plain_base64("a-b_c=") == "a+b/c="
    assert plain_base64("a+b/c=") == "a+b/c="
