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

    @property
    def read_only(self) -> bool | None:
        return super().read_only

    @read_only.setter
    def read_only(self, value: bool | None) -> None:
        """Writing is never asked for, only left as the database has it. SQLAlchemy takes back a transaction that only reads with
        False (2.1.9, `PGReadOnlyConnectionCharacteristic`), which begins the next ones as READ WRITE: past the
        `default_transaction_read_only` by which a platform keeps a full disk from filling up.
        """
        self._set_read_only(value or None)


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
