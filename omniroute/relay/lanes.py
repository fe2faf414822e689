"""Which lane a request takes to a target."""

from __future__ import annotations

from omniroute.formats.reasoning import holds_seal
from omniroute.providers.traits import native_fits, traits
from omniroute.relay import completions
from omniroute.relay.ask import Ask
from omniroute.relay.lane import Lane
from omniroute.relay.native import NativeLane
from omniroute.relay.passthrough import PassLane
from omniroute.relay.translated import TranslatedLane
from omniroute.routing.route import Target


def lane_for(ask: Ask, target: Target) -> Lane:
    """The lane from the caller's format to the target's. Raises like the lanes themselves."""
    if ask.service:
        return PassLane(ask, target)
    if ask.format == completions.FORMAT and completions.has_completions(target):
        return completions.CompletionsLane(ask, target)
    known = traits(target.provider, target.model)
    if ask.format == target.provider.format and native_fits(known, ask.stream) and not holds_seal(ask.body):
        return NativeLane(ask, target)
    return TranslatedLane(ask, target)
