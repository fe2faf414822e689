"""Time and chance: the seam that tests replace."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime

# Seconds that the clocks of two machines may differ by. What is stored from further ahead than that was written before a clock
# was set back; nothing may wait until that time comes round again.
AHEAD = 60.0
LONGEST_LEASE = 600.0  # seconds: nobody takes a lease of holds, reports or tickets for longer


def moment(seconds: float) -> str:
    """Epoch seconds as ISO 8601 in UTC, as everywhere in the gateway's JSON: 2026-11-27T08:00:00.000Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class Clock:
    """The real one. Tests pass an object with the same methods."""

    def now(self) -> float:
        """Seconds since 1970, for stored times and cooldowns."""
        return time.time()

    def tick(self) -> float:
        """Seconds on a line that never steps back, for durations."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def new_id(self) -> str:
        """A random UUID."""
        return str(uuid.uuid4())

    def token(self, size: int = 32) -> str:
        """`size` random bytes as URL-safe text."""
        return secrets.token_urlsafe(size)
