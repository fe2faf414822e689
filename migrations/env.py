"""Run by Alembic. The program hands in its connection, with the lock held and the transaction begun; `flask db` makes its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from omniroute.models.tables import METADATA


def run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,  # SQLite alters a table by copying it
        transactional_ddl=True,  # all or nothing, on SQLite too: the transaction was begun by hand
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from flask import current_app  # only here: the program itself migrates without it

    with current_app.extensions["migrate"].db.engine.begin() as made:
        run(made)
