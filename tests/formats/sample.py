"""What a sample of an answer is: see samples.py and samples_*.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

UNICODE = 'naïve café — 日本語 🇪🇺👩‍👩‍👧 \u2028\u2029\u0085 "quoted" back\\slash\ttab\nline ' * 40


@dataclass(frozen=True)
class Sample:
    name: str
    stream: bytes
    whole: dict[str, Any]

    def __str__(self) -> str:
        return self.name
