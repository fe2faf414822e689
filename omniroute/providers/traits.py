"""What the upstream takes of a translated request, from what its data says. Pure: relay/translated.py makes use of it.

Each trait is taken from the first of these that says something of it:

1. the listed model's own entry;
2. the first of the provider's families whose pattern matches the model's id; the others are not asked;
3. the provider.

Where none says anything, the format's own cautious default holds (`Target` in formats/ir.py).
"""

from __future__ import annotations

from omniroute.providers.values import Provider, Traits


def traits(provider: Provider, model_id: str) -> Traits:
    """All that is known of this model at this provider, whether it is listed or passed through."""
    model = provider.model(model_id)
    own = model.traits if model is not None else Traits()
    family = next((family.traits for family in provider.families if family.covers(model_id)), Traits())
    return own.over(family).over(provider.traits)
