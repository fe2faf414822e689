"""How a process talks to Postgres. Imported only when the database is one: psycopg takes 0.2 s."""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa


class _Connection(psycopg.Connection[Any]):
    """Closes itself when a greenlet is killed, or its time runs out, in the middle of a statement.

    psycopg tidies up only after KeyboardInterrupt (psycopg 3.3.9, `Connection.wait`); left as it is the connection would
    still wait for the answer, and the next thing done to it fails with another error that hides the kill.
    """

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().wait(*args, **kwargs)
        except Exception:
            raise
        except BaseException:
            self.close()
            raise


def open_postgres(url: str, connections: int) -> sa.Engine:
    """A small pool, since hosted plans allow few connections: whoever finds all of them in use waits for one.

    No prepared statements: a pooler between may mix them up.
    """
    engine = sa.create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=10,
        pool_recycle=600,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"prepare_threshold": None, "connect_timeout": 5, "tcp_user_timeout": 15000},
    )
    sa.event.listen(engine, "do_connect", _connect)
    return engine


def _connect(dialect: Any, record: Any, args: list[Any], options: dict[str, Any]) -> _Connection:
    return _Connection.connect(*args, **options)
