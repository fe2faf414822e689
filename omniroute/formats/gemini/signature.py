"""`thoughtSignature`: Gemini's own goes through as it is, another format's travels sealed in its place.

The field is `bytes` in the API, so it is base64 text, and the Python SDK refuses anything else, decodes it, and writes it
back with the URL-safe letters (google-genai 3.6.1, read 2026-11-27): what is sealed here survives that.
"""

from __future__ import annotations

import base64
import binascii

from omniroute.formats import ir
from omniroute.formats.gemini.usage import NAME
from omniroute.formats.reasoning import seal, unseal

# How the base64 of what `reasoning.seal` makes begins.
_SEALED = base64.b64encode(b"omniroute").decode()


def plain_base64(data: str) -> str:
    """Base64 with the usual letters, whichever the client used: other formats take no others."""
    return data.replace("-", "+").replace("_", "/") if "-" in data or "_" in data else data


def read_reasoning(text: str, signature: str) -> ir.Reasoning:
    """A thought and its signature, "" for none; what was sealed is another format's reasoning again."""
    if not signature:
        return ir.Reasoning(text)
    if signature.startswith(_SEALED):
        try:
            sealed = base64.b64decode(plain_base64(signature), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            sealed = ""
        part = unseal(text, sealed)
        if part is not None:
            return part
    return ir.Reasoning(text, signature=signature, origin=NAME)


def write_signature(part: ir.Reasoning) -> str:
    """ "" if the part has nothing to prove."""
    if part.signature is not None and part.origin == NAME:
        return part.signature
    return base64.b64encode(seal(part).encode()).decode()
