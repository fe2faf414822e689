"""What has to be done by somebody now and then, and by one only: of all processes the one that holds the lease does it.

When that one is gone its lease ends by itself, and the next to look takes over. The work bears being done twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway
from omniroute.state.shared import SharedState

log = logging.getLogger(__name__)

NAME = "jobs"
LEASE = 10.0  # seconds; how long nothing is done when the one who does it has been killed
TRY = 2.0  # seconds between two tries to get the lease
LOOK = 1.0  # seconds between looks at what is due
SOON = 5.0  # seconds until a task that left something, or failed, goes on


@dataclass(frozen=True, slots=True)
class Task:
    """`work` takes some seconds at the most. It returns False when there is more to do already."""

    name: str
    every: float  # seconds
    work: Callable[[], bool | None]


class Jobs:
    """`run` in a greenlet or a process of its own, or `look` now and then; `close` in the end."""

    def __init__(self, shared: SharedState, clock: Clock, tasks: Sequence[Task]) -> None:
        self._shared, self._clock, self._tasks = shared, clock, tasks
        self._due = dict.fromkeys((task.name for task in tasks), 0.0)  # on the clock of tick()
        self._hold: str | None = None
        self._until = self._tried = float("-inf")  # likewise
        self._stopped = False

    def run(self) -> None:
        """Until `stop`."""
        while not self._stopped:
            self.look()
            self._clock.sleep(LOOK)
        self.close()

    def stop(self) -> None:
        """End `run` after what is being done now."""
        self._stopped = True

    def look(self) -> None:
        """Do what is due, if this is the process to do it."""
        for task in self._tasks:
            if self._due[task.name] <= self._clock.tick() and self._leads():
                wait = self._do(task)
                self._due[task.name] = self._clock.tick() + wait
        self._leads()

    def close(self) -> None:
        """Let another one take over at once."""
        self._stopped = True
        hold, self._hold = self._hold, None
        if hold is not None:
            self._quietly(lambda: self._shared.let_go([hold]))

    def _do(self, task: Task) -> float:
        """Seconds until the next time."""
        soon = min(SOON, task.every)
        try:
            return soon if task.work() is False else task.every
        except DatabaseAway:
            return soon
        except Exception:  # whatever one task has met, the others and its own next time must not suffer from it
            log.exception("the task %s failed", task.name)
            return soon

    def _leads(self) -> bool:
        """Whether the lease is ours, and will be for a while."""
        tick = self._clock.tick()
        left = self._until - tick
        if self._hold is not None and left > 0:
            if left < LEASE * 2 / 3:
                self._quietly(self._prolong)
            return self._until > tick
        if tick >= self._tried + TRY:
            self._tried = tick
            self._quietly(self._take)
        return self._hold is not None and self._until > tick

    def _prolong(self) -> None:
        assert self._hold is not None  # whoever asks has looked
        until = self._clock.tick() + LEASE
        self._shared.prolong([self._hold], self._clock.now() + LEASE)
        self._until = until

    def _take(self) -> None:
        now, until = self._clock.now(), self._clock.tick() + LEASE
        self._hold = self._shared.hold(NAME, 1, now, now + LEASE)
        self._until = until

    def _quietly(self, ask: Callable[[], None]) -> None:
        try:
            ask()
        except DatabaseAway:
            return  # at the next look
