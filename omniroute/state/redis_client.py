"""A worker's connections to Redis."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from omniroute.errors import DatabaseAway

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

log = logging.getLogger(__name__)

PREFIX = "omniroute:"
WAIT = 1.0  # seconds: to connect, for an answer, and for a connection of the pool
CONNECTIONS = 8  # of a process at the most; small hosted plans allow 20 in all
KEPT = 86_400  # seconds that a key stays after the last change to it, at least
REFUSALS = 20  # different ones that are logged, each once


class RedisClient:
    """`url` as redis-py takes it: redis://, rediss:// or unix://. Making one connects nowhere.

    Without `verify` a rediss:// server may show any certificate: the line is encrypted, but who is at its end is not proven.
    """

    def __init__(self, url: str, verify: bool = True, connections: int = CONNECTIONS) -> None:
        # Deferred: redis takes 70 ms and 20 MB (redis-py 8.1.0), which an installation without it saves.
        from redis import BlockingConnectionPool, Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError, ResponseError
        from redis.retry import Retry

        self._error, self._refused = RedisError, ResponseError
        self._refusals: set[str] = set()
        # No second try: after an answer that was lost nobody knows whether the first one counted. A connection that the
        # server has closed meanwhile is noticed when it is taken from the pool.
        trusting = {} if verify or not url.startswith("rediss:") else {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=WAIT,
            socket_connect_timeout=WAIT,
            socket_timeout=WAIT,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=30,
            decode_responses=True,
            protocol=2,
            **trusting,
        )
        self._redis: Redis = Redis(connection_pool=pool)
        self._scripts: dict[str, Script] = {}

    @contextlib.contextmanager
    def using(self) -> Iterator[Redis]:
        """For commands. Raises DatabaseAway, also where Redis refuses them: a fault of ours, or its memory is full."""
        try:
            yield self._redis
        except self._refused as exc:
            if str(exc) not in self._refusals and len(self._refusals) < REFUSALS:
                self._refusals.add(str(exc))
                log.exception("Redis refuses what it is asked; limits fail closed until it takes it")
            raise DatabaseAway(f"Redis can't do what it is asked ({type(exc).__name__}). The program's log has more.") from exc
        except self._error as exc:
            raise DatabaseAway(f"Redis can't be used right now ({type(exc).__name__}). Try again in a moment.") from exc

    def run(self, script: str, keys: Sequence[str], *arguments: str | int) -> Any:
        """Run it there in one go. Raises DatabaseAway."""
        with self.using() as redis:
            if script not in self._scripts:
                self._scripts[script] = redis.register_script(script)
            return self._scripts[script](keys=keys, args=arguments)

    def close(self) -> None:
        self._redis.close()
        self._redis.connection_pool.disconnect()
