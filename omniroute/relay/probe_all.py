"""A Test of many connections, a few at a time, that doesn't wait for ever for the slow ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from omniroute.connections.shown import ConnectionView
from omniroute.errors import FeatureOff, Missing, VaultError
from omniroute.relay.probe import Probe
from omniroute.routing.verdict import Diagnosis, Verdict
from omniroute.security.audit import Actor

AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Tested:
    connection_id: str
    connection_name: str
    provider: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class TestedAll:
    """In the order in which they were given. `left` are those without a verdict when the time was up."""

    results: tuple[Tested, ...]
    left: tuple[ConnectionView, ...]


def ask_all(probe: Probe, rows: Sequence[ConnectionView], by: Actor, seconds: float | None = None) -> TestedAll:
    """Test each; one that is deleted meanwhile is passed over.

    After `seconds` no further one is begun, and none is waited for: what is under way still keeps its verdict.
    """
    pool = ThreadPoolExecutor(AT_ONCE)
    under_way = [pool.submit(ask_one, probe, row, by) for row in rows]
    wait(under_way, seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    done = [(row, future.done() and not future.cancelled()) for row, future in zip(rows, under_way, strict=True)]
    results = [future.result() for (_, ended), future in zip(done, under_way, strict=True) if ended]
    return TestedAll(tuple(each for each in results if each is not None), tuple(row for row, ended in done if not ended))


def ask_one(probe: Probe, row: ConnectionView, by: Actor, model: str = "") -> Tested | None:
    """Also that it can't be tested is a verdict. None for one that is gone."""
    try:
        verdict = probe.test(row.id, model or None, by=by)
    except Missing:
        return None
    except FeatureOff as off:
        verdict = not_tested(off.code, off.message)
    except VaultError as lost:
        remedy = "Start with the STORAGE_ENCRYPTION_KEY that it was stored under, or paste the key in anew."
        verdict = not_tested("secret_unreadable", f"The connection's key can't be read: {lost}", remedy)
    return Tested(row.id, row.name, row.provider_id, verdict)


def not_tested(type: str, says: str, remedy: str = "") -> Verdict:
    """Nothing was sent."""
    return Verdict(False, Diagnosis(type, "gateway", says, remedy), "none", 0, error=says)
