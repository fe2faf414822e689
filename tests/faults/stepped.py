"""The gateway as gunicorn loads it, with a clock that is set by a file: CLOCK_OFFSET names it, and seconds stand in it."""

from __future__ import annotations

import os
from pathlib import Path

from app import create_app
from omniroute.clock import Clock


class SetClock(Clock):
    """Seconds off the real one; durations are as they are."""

    def __init__(self, offset: Path) -> None:
        self._offset = offset

    def now(self) -> float:
        return super().now() + float(self._offset.read_text())


app = create_app(clock=SetClock(Path(os.environ["CLOCK_OFFSET"])))
