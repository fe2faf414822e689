"""Characters that nobody sees are shown by their code: those that turn the direction of reading, and control characters.

A model's name, a client's or a header can hold them. After a right-to-left override "live" reads as "evil", and what follows the
name on its line turns round with it (Unicode Technical Report 36; looked up 2026-11-27). No name needs one: scripts that run
from right to left are written without. What a form is filled in with is left as it is, or saving it would change it.
"""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

# All of C0 but tab and line ends, DEL; embeddings, overrides and isolates of the bidirectional algorithm.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_FILLED_IN = re.compile(rf'(?<![\w-])value="[^"]*"|<textarea[^>]*>.*?</textarea>|{_UNSEEN.pattern}', re.DOTALL)


def shown(value: Any) -> Any:
    """For every `{{ ... }}` of a template: a text, or what a macro or a form's field made, with such characters as \\u202e."""
    if not isinstance(value, str) or not _UNSEEN.search(value):
        return value
    if isinstance(value, Markup):
        return Markup(_FILLED_IN.sub(_spelt, value))  # it was markup before, and a code needs no escape
    return _UNSEEN.sub(_spelt, value)


def _spelt(found: re.Match[str]) -> str:
    text = found[0]
    return f"\\u{ord(text):04x}" if len(text) == 1 else text
