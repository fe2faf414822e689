"""One request's way through its plan: who is asked next, what a failure means for the rest, and when to stop.

A plan is made before anything is sent and made anew only after waiting for a cooldown. Between two attempts nothing has
been promised to the client.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from omniroute.clock import Clock
from omniroute.errors import BadRequest, Problem, UpstreamError
from omniroute.relay.consequences import Consequences
from omniroute.relay.exhausted import all_failed, none_available
from omniroute.relay.gate import Gate
from omniroute.relay.ledger import Entry
from omniroute.relay.masking import masked
from omniroute.routing.candidates import Candidate, CandidateKey, LeftOut
from omniroute.routing.failures import Failure, classify
from omniroute.routing.health import Place, probes, standing
from omniroute.routing.plan import Plan, worth_trying
from omniroute.state.health import HealthBoard

SHORT_HINT = 5.0  # seconds: a limit that is over by then is worth waiting for
REPEATABLE = frozenset({"server_error", "overloaded"})  # 408, 5xx and 529


class Walk:
    """`planned()` makes the plan as things are now. `candidates()` gives those to try, one after the other."""

    def __init__(
        self,
        planned: Callable[[], Plan],
        entry: Entry,
        board: HealthBoard,
        consequences: Consequences,
        gate: Gate,
        clock: Clock,
        chance: random.Random,
        credential: Callable[..., str],
    ) -> None:
        self._planned, self._entry, self._board = planned, entry, board
        self._consequences, self._gate, self._clock, self._chance = consequences, gate, clock, chance
        self._credential = credential
        self._began = clock.tick()
        self.plan = planned()
        self._remaining = self.plan.candidates
        self._failures: list[Failure] = []
        self._refusals: list[BadRequest] = []
        self._passed: list[LeftOut] = []  # left out on the way
        self._postponed: set[CandidateKey] = set()
        self._again = 0

    def candidates(self) -> Generator[Candidate, None, None]:
        """Each is begun when it is given out, and over when the next one is asked for. Use it inside `closing`."""
        self._wait_for_cooldown()
        while self._remaining or self._wait_once_more():
            candidate, self._remaining = self._remaining[0], self._remaining[1:]
            if self._stopped(candidate):
                return
            if (claimed := self._claimed(candidate)) is None:
                self._postponed.add(candidate.key)
                self._remaining = (*self._remaining, candidate)
            elif not self._board.enter(candidate):
                self._board.unclaim(claimed)
                self._passed.append(candidate.left_out("busy", "busy"))
            else:
                yield from self._begun(candidate, claimed)

    def refused(self, candidate: Candidate, refusal: BadRequest) -> None:
        """This target's format has no place for something in the request; nothing was sent to it."""
        self._gate.leave(candidate)
        self._refusals.append(refusal)
        self._passed.append(candidate.left_out(refusal.message, refusal.kind))

    def failed(self, candidate: Candidate, error: UpstreamError) -> Failure:
        """Note the failure, and what it means for those that are left."""
        rows, connection = candidate.target.provider.failures, candidate.connection
        failure = classify(error, rows, succeeded=connection.succeeded, now=self._clock.now())
        failure = masked(failure, candidate, self._credential)
        self._entry.failed(failure)
        self._gate.leave(candidate)
        if not self._entry.ask.counting:
            self._consequences.failed(candidate, failure)
        self._remaining = self._still(worth_trying(self._remaining, candidate, failure, self._failures), candidate, failure)
        self._failures.append(failure)
        if not self._remaining and self._may_repeat(failure):
            self._again += 1
            self._pause(failure)
            self._remaining = (candidate,)
        return failure

    def exhausted(self) -> Problem:
        """Why there is no answer. Raises BadRequest when no target has a place for what was asked."""
        left = (*self.plan.left_out, *self._passed)
        now = self._clock.now()
        if self._failures:
            return all_failed(self._failures, left, self._entry, now)
        if self._refusals:
            raise self._refusals[0]
        return none_available(left, self._entry, self.plan, now)

    def _still(self, remaining: tuple[Candidate, ...], failed: Candidate, failure: Failure) -> tuple[Candidate, ...]:
        """`remaining` after what the failure did to its connection: other models there are asked last, or not at all."""
        if failure.rule.scope != "connection":
            return remaining
        now, terminal = self._clock.now(), failure.rule.terminal
        kept: list[Candidate] = []
        last: list[Candidate] = []
        for each in remaining:
            against = standing(self._board.health, each, now) if each.connection.id == failed.connection.id else None
            if terminal is not None and each.connection.id == failed.connection.id:
                self._passed.append(each.left_out(failure.message, terminal))
            elif against is not None and against.stated:
                self._passed.append(each.left_out(against.why, against.kind, against.until))
            else:
                (kept if against is None else last).append(each)
        return (*kept, *last)

    def _claimed(self, candidate: Candidate) -> tuple[Place, ...] | None:
        """The half-open breakers that this request finds out about; None while another one is finding out.

        When all others have failed nobody has to wait for that.
        """
        half_open = probes(self._board.health, candidate, self._clock.now())
        if not half_open or candidate.key in self._postponed:
            return ()
        return half_open if self._board.claim(half_open) else None

    def _begun(self, candidate: Candidate, claimed: tuple[Place, ...]) -> Iterator[Candidate]:
        try:  # from here on, for it may be left while the gate asks the store
            if (used_up := self._gate.enter(candidate)) is not None:
                self._passed.append(used_up)
            else:
                yield candidate
        finally:
            self._board.leave(candidate, self._entry.attempt_first_ms)
            self._board.unclaim(claimed)

    def _stopped(self, candidate: Candidate) -> bool:
        """Whether there have been enough attempts; what is not tried any more is named."""
        if self._entry.attempts >= self.plan.most_attempts:
            why = f"{self.plan.most_attempts} attempts were made"
        elif self._entry.attempts and self._clock.tick() - self._began > self.plan.config.deadline_ms / 1000:
            why = f"the deadline of {self.plan.config.deadline_ms} ms had passed"
        else:
            return False
        self._passed.extend(each.left_out(why, "not_tried") for each in (candidate, *self._remaining))
        self._remaining = ()
        return True

    # Waiting --------------------------------------------------------------------------------------

    def _may_repeat(self, failure: Failure) -> bool:
        if self._again >= self.plan.config.retry_same or self._entry.first_at is not None:
            return False
        if failure.kind == "rate_limited":
            return failure.retry_after is not None and failure.retry_after <= SHORT_HINT
        return failure.kind in REPEATABLE

    def _pause(self, failure: Failure) -> None:
        """As long as the upstream says, else the configured delay, doubled with each repeat, give or take a half."""
        if failure.retry_after is not None and failure.retry_after <= SHORT_HINT:
            self._clock.sleep(failure.retry_after)
            return
        delay = self.plan.config.retry_delay_ms / 1000 * 2 ** (self._again - 1)
        self._clock.sleep(delay * (0.5 + self._chance.random()))

    def _wait_for_cooldown(self) -> bool:
        """When nothing is ready and the soonest is within the time to wait: wait, and plan anew. Whether it did."""
        if self.plan.ready or self.plan.soonest is None or not self.plan.config.wait_for_cooldown_ms:
            return False
        left = self.plan.config.wait_for_cooldown_ms / 1000 - (self._clock.tick() - self._began)
        seconds = self.plan.soonest - self._clock.now()
        if seconds > left:
            return False
        self._clock.sleep(max(0.0, seconds) + 0.001)
        self.plan = self._planned()
        self._remaining = self.plan.candidates
        return True

    def _wait_once_more(self) -> bool:
        """Everything has been tried and is cooling now: within the time to wait, it is tried again."""
        if not self._failures or not self.plan.config.wait_for_cooldown_ms:
            return False
        if any(failure.rule.again != "any" for failure in self._failures):
            return False
        self.plan = replace(self._planned(), ready=0)
        return self._wait_for_cooldown() and bool(self._remaining)
