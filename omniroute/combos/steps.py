"""Reading the steps of a combo as people and scripts write them, and keeping them by id.

A step comes as "<prefix>/<model>", {"model": ...}, {"provider", "model"} or {"combo": <name>}. What stands before the slash is
looked up as a prefix first, then as an id; stored is the id, so a prefix that moves on takes no stored step with it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from omniroute.errors import Invalid
from omniroute.given import Given
from omniroute.providers.values import Provider
from omniroute.routing.configuration import ComboStep, Configuration
from omniroute.routing.resolve import COMBO, LONG_CONTEXT

MOST_STEPS = 100
MOST_TAGS, LONGEST_TAG = 10, 50
LABELS = {
    "id": "Id",
    "kind": "Kind",
    "model": "Model",
    "provider": "Provider",
    "combo": "Combo",
    "connection_id": "Connection",
    "connection": "Connection",
    "weight": "Weight",
    "label": "Label",
    "tags": "Tags",
    "enabled": "Enabled",
}
SHOWN_ONLY = ("canonical", "connection_name", "trouble")  # of a step that was read and is sent back
_MODEL = re.compile(r"[\x21-\x7e]{1,256}")
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class StepReader:
    """`configuration` has what a step may lead to; `own` is the name of the combo that the steps are of.

    `stored` are its steps until now, by id: one that is sent back as it was shown stays what it is, also when its provider is
    gone or its prefix belongs to another by now.
    """

    configuration: Configuration
    own: str
    stored: Mapping[str, ComboStep]
    new_id: Callable[[], str]

    def read(self, given: Any) -> tuple[ComboStep, ...]:
        """Raises Invalid with fields such as "steps[2].model"."""
        if not isinstance(given, list | tuple):
            raise Invalid("Steps must be a list.", {"steps": "Steps must be a list."})
        if len(given) > MOST_STEPS:
            raise Invalid(f"A combo may have at most {MOST_STEPS} steps.", {"steps": f"Steps may be at most {MOST_STEPS}."})
        steps: list[ComboStep] = []
        wrong: dict[str, str] = {}
        for number, each in enumerate(given):
            try:
                steps.append(self._step(each, {step.id for step in steps}))
            except Invalid as exc:
                wrong |= {
                    f"steps[{number}]{name and '.'}{name}": f"Step {number + 1}: {text}" for name, text in exc.fields.items()
                }
        if wrong:
            raise Invalid(" ".join(wrong.values()), wrong)
        return tuple(steps)

    def _step(self, given: Any, taken: set[str]) -> ComboStep:
        if isinstance(given, str):
            given = {"model": given}
        if not isinstance(given, Mapping):
            raise Invalid("", {"": "A step must be a text such as 'prefix/model', or an object."})
        read = Given({name: value for name, value in given.items() if name not in SHOWN_ONLY}, LABELS)
        step_id = read.text("id", longest=64) or self.new_id()
        if step_id in taken or not _ID.fullmatch(step_id):
            read.refuse("id", "is the id of another step, or holds more than letters, digits, dot, dash and underscore")
        combo = self._combo(read)
        provider_id, model = ("", "") if combo else self._model(read, self.stored.get(step_id))
        step = ComboStep(
            id=step_id,
            provider_id=provider_id,
            model=model,
            combo=combo,
            connection_id=self._connection(read, provider_id, self.stored.get(step_id)),
            weight=read.whole("weight", 1, 0, 100),
            label=read.text("label", longest=100),
            tags=read.texts("tags", (), most=MOST_TAGS, longest=LONGEST_TAG),
            enabled=read.flag("enabled", True),
        )
        read.check()
        return step

    def _combo(self, read: Given) -> str:
        """The combo that the step names, as it is spelt; "" for a step with a model."""
        named, model = read.text("combo"), read.text("model", longest=352)
        if named and model:
            read.refuse("combo", "and a model can't both be one step")
        if not named and not read.text("provider"):
            known = model.startswith(COMBO) or ("/" not in model and self._spelt(model) is not None)
            named = model.removeprefix(COMBO) if known else ""
        if not named:
            return ""
        found = self._spelt(named)
        if found is None:
            near = difflib.get_close_matches(named, self.configuration.combos, n=1, cutoff=0.4)
            read.refuse("combo", f"{named!r} is not there" + (f"; the nearest is {near[0]}" if near else ""))
        return found or named

    def _spelt(self, name: str) -> str | None:
        names = (self.own, *self.configuration.combos)
        if name in names:
            return name
        return next((each for each in names if each and each.casefold() == name.casefold()), None)

    def _model(self, read: Given, stored: ComboStep | None) -> tuple[str, str]:
        """(provider id, model) of "<prefix>/<model>", or of `provider` and `model`."""
        text, named = read.text("model", needed=True, longest=352), read.text("provider")
        if stored is not None and text and text in self._names(stored) and not named:
            return stored.provider_id, stored.model
        before, slash, after = text.partition("/")
        owner = self._owner(before) if slash else None
        if named:
            wanted = self._owner(named)
            if wanted is None:
                read.refuse("provider", self._unknown(named))
            elif owner is None or owner.id != wanted.id:
                owner, after = wanted, text  # the model's own slash
        elif text and not (slash and after):
            read.refuse("model", "must be <prefix>/<model>, such as openai/gpt-5.5, or a combo's name")
        elif text and owner is None:
            read.refuse("model", self._unknown(before))
        if after and (not _MODEL.fullmatch(after) or ".." in after):
            read.refuse("model", "must be one word of up to 256 ASCII characters, without '..'")
        if after.endswith(LONG_CONTEXT):
            read.refuse("model", f"must come without {LONG_CONTEXT}: the name that a client asks for says that")
        return owner.id if owner is not None else "", after

    def _names(self, step: ComboStep) -> tuple[str, str]:
        provider = self.configuration.providers.get(step.provider_id)
        prefix = provider.prefix if provider is not None else step.provider_id
        return f"{prefix}/{step.model}", f"{step.provider_id}/{step.model}"

    def _owner(self, name: str) -> Provider | None:
        owner = self.configuration.prefixes.get(name.lower())
        return self.configuration.providers.get(owner) if owner is not None else self.configuration.providers.get(name)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name.lower(), self.configuration.prefixes, n=1, cutoff=0.5)
        return f"names the provider {name[:80]!r}, which is not there" + (f"; the nearest is {near[0]}" if near else "")

    def _connection(self, read: Given, provider_id: str, stored: ComboStep | None) -> str | None:
        """The id of the one connection that is to be asked, given by its id, or as `connection` by its name too."""
        field = "connection_id" if read["connection_id"] is not None else "connection"
        given = read.text(field)
        if not given:
            return None
        if not provider_id:
            read.refuse(field, "is for steps with a model")
            return None
        rows = self.configuration.connections.get(provider_id, ())
        found = [row.id for row in rows if given == row.id or (field == "connection" and given == row.name)]
        if found:
            return found[0]
        if stored is not None and (stored.provider_id, stored.connection_id) == (provider_id, given):
            return given  # it is gone; the step says so
        provider = self.configuration.providers.get(provider_id)
        read.refuse(field, f"{given[:80]!r} is no connection of {provider.name if provider else provider_id}")
        return None


def as_row(step: ComboStep) -> dict[str, Any]:
    """As models/combos.py keeps it."""
    return {
        "id": step.id,
        "provider": step.provider_id,
        "model": step.model,
        "combo": step.combo,
        "connection_id": step.connection_id,
        "weight": step.weight,
        "label": step.label,
        "tags": list(step.tags),
        "enabled": step.enabled,
    }
