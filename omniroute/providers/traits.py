"""What the upstream takes of a translated request, from what its data says. Pure: relay/translated.py makes use of it.

Each trait is taken from the first of these that says something of it:

1. the listed model's own entry;
2. the first of the provider's families whose pattern matches the model's id; the others are not asked;
3. the provider.

Where none says anything, the format's own cautious default holds (`Target` in formats/ir.py).
"""

from __future__ import annotations

from omniroute.providers.values import Provider, Traits

ROOM = 4096  # models
_known: dict[tuple[int, str], tuple[Provider, Traits]] = {}


def asks_stream(known: Traits, wanted: bool) -> bool:
    """Whether the upstream is asked for a stream, when the client wants one or not: some answer in one way only."""
    return {"only": True, "never": False}.get(known.streams or "", wanted)


def native_fits(known: Traits, wanted_stream: bool) -> bool:
    """Whether an answer can go through untouched to a client of the upstream's own format."""
    return not known.think_tags and asks_stream(known, wanted_stream) is wanted_stream


def traits(provider: Provider, model_id: str) -> Traits:
    """All that is known of this model at this provider, whether it is listed or passed through."""
    asked = id(provider), model_id  # to hash a provider takes longer than to look all of this up
    known = _known.get(asked)
    if known is None or known[0] is not provider:
        if len(_known) >= ROOM:
            _known.clear()
        known = _known[asked] = provider, _traits(provider, model_id)
    return known[1]


def _traits(provider: Provider, model_id: str) -> Traits:
    model = provider.model(model_id)
    own = model.traits if model is not None else Traits()
    family = next((family.traits for family in provider.families if family.covers(model_id)), Traits())
    return own.over(family).over(provider.traits)
