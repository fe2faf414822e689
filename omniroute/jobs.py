"""What is done now and then, by one of all processes: in the web workers, or by `python -m omniroute work`."""

from __future__ import annotations

from omniroute.services import Services
from omniroute.usage.jobs import Jobs, Task
from omniroute.usage.retention import Retention


def jobs_of(services: Services) -> Jobs:
    """Not begun yet."""
    shared, clock = services.shared, services.clock
    books = services.books
    retention = Retention(services.database, books.bodies, services.preferences.all, clock)
    return Jobs(
        shared,
        clock,
        (
            Task("refill", 5.0, books.refill.run),
            Task("recover", 5.0, books.recovery.recover),
            Task("sweep", 60.0, lambda: shared.sweep(clock.now())),
            Task("retention", 60.0, retention.run),
        ),
    )
