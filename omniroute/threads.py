"""Work that must not stall the event loop: it runs on an OS thread while the calling greenlet waits.

Under gunicorn's gevent worker one OS thread runs all greenlets, so a call that waits or computes in C (a password hash,
a SQLite write behind another process's lock) would stop every stream. In a process that is not patched (the command
line, tests) there is no loop to stall, and the call runs where it stands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gevent.threadpool import ThreadPool

T = TypeVar("T")


def cooperative() -> bool:
    """Whether greenlets run here. Looks for a loaded gevent only: importing it takes 80 ms, which the command line saves."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def off_loop(work: Callable[[], T]) -> T:
    """Run `work` on one of the hub's threads, or right here when there is no loop."""
    if not cooperative():
        return work()
    from gevent import get_hub  # deferred: see cooperative()

    return on_thread(get_hub().threadpool, work)


def one_thread() -> ThreadPool:
    """A pool of one OS thread: what it is given runs one by one, in the order of arrival."""
    from gevent.threadpool import ThreadPool

    return ThreadPool(1)


def on_thread(pool: ThreadPool, work: Callable[[], T]) -> T:
    """Run `work` on a thread of `pool`. What it raises is raised here; left to itself the hub would print it as well."""
    from gevent.util import wrap_errors

    answer: Any = pool.apply(wrap_errors((Exception,), work))
    if isinstance(answer, Exception):
        raise answer
    done: T = answer
    return done
