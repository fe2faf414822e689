"""Many clients at once, of every format, native and translated, with and without limits: each in the middle of its answer, or
in the silence before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.gateway import Gateway
from tests.relay.limits.houses import RATES, House
from tests.relay.ways import WAYS, Way
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

# What the upstream does, by the model that is asked for.
SCRIPTS: dict[str, dict[str, Any]] = {
    "talking": {"text": "word " * 4000, "pieces": 4000, "gap": 0.2},  # for minutes
    "silent": {"fault": "silence"},  # headers, then nothing
    "ending": {"text": "word " * 10, "pieces": 10, "gap": 0.2},
}
PATIENCE = 60.0  # seconds that a client waits for the next bytes


@dataclass(slots=True)
class Stream:
    """One client. `answer` is there once it is over."""

    way: Way
    model: str
    limited: bool
    client: Client
    answer: Answer | None = None

    def read(self) -> None:
        self.answer = self.client.read()

    @property
    def over(self) -> Answer:
        assert self.answer is not None and self.answer.whole, f"{self} was cut off: {self.answer}"
        return self.answer

    @property
    def request_id(self) -> str:
        return self.over.headers["x-request-id"]

    @property
    def clean(self) -> bool:
        """Whether its last event is the end of an answer."""
        return self.over.status == 200 and any(end in self.over.body for end in self.way.client.clean_ends)

    @property
    def told(self) -> dict[str, Any]:
        """What the gateway says beside the error, in the client's own format. Raises AssertionError where it is none."""
        answer = self.over
        if answer.status != 200:  # nothing had gone out yet, so it has a status of its own
            self.way.error(answer.json)
            return self.way.beside(answer.json)
        event, last = answer.events[-1]
        assert event == self.way.client.error_event, answer.body[-500:]
        self.way.error(last)
        return self.way.beside(last)


def furnish(house: House, upstream: Upstream) -> tuple[str, str]:
    """An upstream of each format with a price, as the ways name them; a client key without limits, and one with every kind."""
    here = house.gateway
    nodes = [
        here.add_upstream("chat", upstream.v1),
        here.add_upstream("messages", upstream.url, "anthropic-compatible"),
        here.add_upstream("responses", upstream.v1, apiType="responses"),
    ]
    here.add_connection("gemini", "sk-good-1")
    for node in (*nodes, "gemini"):
        here.api("PUT", "/api/pricing", {"provider": node, "model": "*", **RATES})
    script(upstream)
    free, _ = house.key()
    limited, key_id = house.key(requestsPerMinute=10_000, tokensPerMinute=100_000_000, maxConcurrent=500)
    house.budget(key_id, limit_usd=1000)
    return free, limited


def script(upstream: Upstream) -> None:
    """As new, with the scripts of this page."""
    upstream.reset()
    for model, given in SCRIPTS.items():
        upstream.always(given, model=model)


@contextmanager
def streams(here: Gateway, keys: tuple[str, str], models: Sequence[str], count: int) -> Iterator[list[Stream]]:
    """So many, of every way and model and with both keys; all are under way when the block begins."""
    kinds = itertools.cycle(itertools.product(models, WAYS.values()))
    with ExitStack() as stack:
        opened = []
        for number, (model, way) in zip(range(count), kinds, strict=False):
            limited = number % 3 == 0
            client = stack.enter_context(Client(here.url, timeout=PATIENCE))
            way.post(client, model, stream=True, headers={"Authorization": f"Bearer {keys[limited]}"})
            opened.append(Stream(way, model, limited, client))
        yield opened


def all_asked(upstream: Upstream, count: int) -> None:
    """Wait until so many requests are at the upstream, and those of them that talk are doing so."""

    def begun() -> bool:
        seen = upstream.requests()
        return len(seen) >= count and all(each.model != "talking" or each.events > 8 for each in seen)

    until(begun, 30, lambda: f"{count} requests; there are {[(each.model, each.events) for each in upstream.requests()]}")


def read_all(opened: Sequence[Stream]) -> None:
    """To the end of each, all at once."""
    with ThreadPoolExecutor(len(opened)) as pool:
        list(pool.map(Stream.read, opened))


def drained(opened: Sequence[Stream]) -> None:
    """Who was talking or silent has an error event of his own format; who came to his end has that."""
    for each in opened:
        if each.model == "ending":
            assert each.clean, each.over.body[-500:]
        else:
            assert not each.clean and each.told["class"] == "draining", each.over.body[-500:]
