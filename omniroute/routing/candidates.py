"""What is put in order: targets with the connection to ask them through, and what an ordering may look at."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from omniroute.prices.price import Price
from omniroute.routing.configuration import Connection
from omniroute.routing.route import Target

CandidateKey = tuple[str, str]  # (connection id, model)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An attempt that could be made."""

    target: Target
    connection: Connection
    step_id: str = ""

    @property
    def key(self) -> CandidateKey:
        return self.connection.id, self.target.model

    def left_out(self, why: str, kind: str, until: float | None = None) -> LeftOut:
        """That it is not tried, and why."""
        return LeftOut(self.target.shown, why, kind, self.target, self.connection, until)


@dataclass(frozen=True, slots=True)
class Choice:
    """One step of a combo, as a strategy sees it: those that would be asked for it, in order. Never empty.

    `nested`: the step is a combo, which has put them in its own order.
    """

    candidates: tuple[Candidate, ...]
    weight: int = 1
    nested: bool = False

    @property
    def first(self) -> Candidate:
        return self.candidates[0]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not tried. `why` is for people: "cooling", "model locked", "breaker open", "disabled", "busy", "over quota",
    "does not fit", or a sentence. `kind` is a failure class or a word of the same sort. `until` is an epoch time, None
    when time does not heal it. `connection` is None where none is to blame.
    """

    named: str
    why: str
    kind: str
    target: Target | None = None
    connection: Connection | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """How a connection and model are doing, over all workers: requests now and in the last minute, and the recent p95 to
    first content in ms, None while nothing is known.
    """

    in_flight: int = 0
    last_minute: int = 0
    first_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """Of a connection: the share that is left, 0 to 1, and when it is full again (epoch seconds). None is not known.

    `over_until`: the operator's own limit is reached, so it is not asked before then; None while it is not.
    """

    left: float | None = None
    resets_at: float | None = None
    over_until: float | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """A request's tokens, estimated."""

    input: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """All that an ordering may look at. Values and pure functions; `chance` is the one source of luck.

    `turns` has, for each round-robin combo of the route, which turn this request is. `prefix` stands for the beginning
    of the prompt, "" where nobody asked for it. `last_good` names, by combo, what worked last. `price` is None where the price
    is not known.
    """

    now: float
    chance: random.Random = field(default_factory=random.Random)
    figures: Callable[[Candidate], Figures] = lambda _: Figures()
    quota: Callable[[str], Quota | None] = lambda _: None
    size: Size = Size()
    turns: Mapping[str, int] = field(default_factory=dict)
    prefix: str = ""
    last_good: Mapping[str, CandidateKey] = field(default_factory=dict)
    price: Callable[[Target], Price | None] = lambda _: None
