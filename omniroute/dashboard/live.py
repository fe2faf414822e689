"""What of Home is live: its parts, made anew when what they show has changed, and sent to who watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask.typing import ResponseReturnValue
from gevent.event import Event

from omniroute.connections.resilience import HeldView
from omniroute.dashboard.drawing import Draw, drawer
from omniroute.dashboard.routes import Route
from omniroute.dashboard.watchers import AGAIN, LASTS, QUIET, watch
from omniroute.errors import DatabaseAway
from omniroute.formats.sse import encode
from omniroute.services import Services
from omniroute.usage.alerts import Alert
from omniroute.usage.pulse import PulseView

LOOK_EVERY = 1.0  # seconds; what is seen is at most two seconds older
PROVIDERS, HELD = 12, 6  # rows that are shown; the pages behind have all
LEAST_TOP = 4  # requests that a sparkline's full height stands for at least: one request is no peak


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the live parts show."""

    pulse: PulseView
    held: tuple[HeldView, ...]
    alerts: tuple[Alert, ...]


# The live parts by the id of their place: their template, and what of the scene they show. Countdowns go on by themselves.
PARTS: dict[str, tuple[str, Callable[[Scene], Any]]] = {
    "alerts": ("parts/alerts.html", lambda scene: scene.alerts),
    "figures": (
        "parts/pulse_figures.html",
        lambda scene: (
            scene.pulse.last_minute,
            scene.pulse.in_flight,
            scene.pulse.minutes,
            scene.pulse.recent,
            scene.pulse.today,
        ),
    ),
    "providers": ("parts/pulse_providers.html", lambda scene: scene.pulse.providers),
    "held": ("parts/pulse_held.html", lambda scene: scene.held),
    "failures": ("parts/pulse_failures.html", lambda scene: scene.pulse.failures),
}


def live(services: Services) -> ResponseReturnValue:
    return watch(services, lambda gone: stream(services, drawer(), gone))


def stream(services: Services, draw: Draw, gone: Event) -> Iterator[bytes]:
    """Holds nothing of the request, and no session of the database between two looks. The first event has all parts."""
    clock, running = services.clock, services.relay.live
    began = told = clock.tick()
    shown: dict[str, Any] = {}
    seen: PulseView | None = None
    yield AGAIN + b"\n"
    while not (running.draining or gone.is_set()) and clock.tick() - began < LASTS:
        pulse: PulseView | None
        try:
            pulse = services.pulse.current()
            scene = None if pulse is seen else scene_of(services, pulse)  # looks are shared, and most find nothing new
        except DatabaseAway:
            pulse = scene = None
        if scene is not None:
            seen = scene.pulse
            now_shown = {name: shows(scene) for name, (_, shows) in PARTS.items()}
            changed = [name for name in PARTS if name not in shown or shown[name] != now_shown[name]]
            shown = now_shown
            if changed:
                told = clock.tick()
                yield encode(drawn(draw, scene, changed).encode(), "parts")
        if pulse is not None and clock.tick() - told >= QUIET:
            told = clock.tick()
            yield encode(b"-", "same")
        gone.wait(LOOK_EVERY)


def scene_of(services: Services, pulse: PulseView) -> Scene:
    """Raises DatabaseAway."""
    return Scene(pulse, services.resilience.overview().held, services.alerts.current())


def shown(scene: Scene) -> dict[str, Any]:
    """What the templates of the parts are given."""
    pulse = scene.pulse
    busy = sorted(pulse.providers, key=lambda row: row.requests, reverse=True)[:PROVIDERS]
    return {
        "now": pulse.at,
        "pulse": pulse,
        "rows": [row for row in pulse.providers if row in busy],
        "more_rows": len(pulse.providers) - len(busy),
        "held": [each for each in scene.held if each.state != "counting"][:HELD],
        "more_held": max(0, sum(each.state != "counting" for each in scene.held) - HELD),
        "current_alerts": lambda: scene.alerts,
        "bars": bars,
        "spent": None if pulse.today.unpriced and not pulse.today.cost else pulse.today.cost,
    }


def bars(counts: Sequence[int], top: int, height: int = 32) -> str:
    """The path of a sparkline: a bar of width 3 every 4 units for each count, on the ground line of a box of that height."""
    drawn = []
    for place, count in enumerate(counts):
        tall = count * height / max(top, LEAST_TOP)
        if tall:
            drawn.append(f"M{place * 4} {height}v-{max(tall, 1.5):.3g}h3V{height}z")
    return "".join(drawn)


def drawn(draw: Draw, scene: Scene, names: Sequence[str]) -> str:
    """These parts, each in a box that says its place."""
    values = shown(scene)
    return "\n".join(f'<div id="live-{name}">{draw(PARTS[name][0], **values)}</div>' for name in names)


ROUTES = (Route("GET", "/dashboard/live", "live", live),)
