"""The form of a combo: its steps are rows that may be added, moved and removed, with scripts or as submit buttons without."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FieldList, Form, FormField, HiddenField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from omniroute.combos.operations import CONFIG, ComboView, StepView
from omniroute.dashboard.forms import SelectChoice, stripped
from omniroute.errors import OperationError
from omniroute.routing.configuration import ComboConfig
from omniroute.routing.strategies import STRATEGIES

NESTED = "combo/"  # what a step's target begins with when it is another combo
DEFAULTS = ComboConfig()


class StepForm(Form):
    """One row. `model` is `prefix/model`, or `combo/name`."""

    id = HiddenField()
    model = StringField("Model", [InputRequired("Name a model, or remove the step."), Length(max=352)], filters=[stripped])
    connection_id = StringField("Connection", filters=[stripped])
    weight = IntegerField("Weight", [InputRequired("0 to 100."), NumberRange(0, 100, "0 to 100.")], default=1)
    label = StringField("Label", [Optional(), Length(max=100)], filters=[stripped])
    tags = StringField("Tags", [Optional(), Length(max=500)], filters=[stripped])
    enabled = BooleanField("On", default=True)

    def given(self) -> dict[str, Any]:
        named = self.model.data or ""
        target = {"combo": named.removeprefix(NESTED)} if named.startswith(NESTED) else {"model": named}
        known = {"id": self.id.data} if self.id.data else {}
        rest = {"connection_id": self.connection_id.data or None, "weight": self.weight.data, "label": self.label.data or ""}
        return known | target | rest | {"tags": words(self.tags.data), "enabled": bool(self.enabled.data)}


def _limit(name: str) -> IntegerField:
    label, low, high = CONFIG[name]
    return IntegerField(label, [Optional(), NumberRange(low, high, f"{low} to {high}.")])


class ComboForm(Form):
    name = StringField("Name", [InputRequired("Give it a name."), Length(max=100)], filters=[stripped])
    strategy = SelectField("Strategy", default="priority")
    enabled = BooleanField("Switched on", default=True)
    steps = FieldList(FormField(StepForm))
    max_attempts = _limit("max_attempts")
    deadline_ms = _limit("deadline_ms")
    retry_same = _limit("retry_same")
    retry_delay_ms = _limit("retry_delay_ms")
    wait_for_cooldown_ms = _limit("wait_for_cooldown_ms")
    tags = StringField("Tags of the combo", [Optional(), Length(max=500)], filters=[stripped])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.strategy.choices = [SelectChoice(name, name, {"data-help": each.help}) for name, each in STRATEGIES.items()]

    def given(self) -> dict[str, Any]:
        """For the operations; a limit that was left empty has its default."""
        return {
            "name": self.name.data,
            "strategy": self.strategy.data,
            "enabled": bool(self.enabled.data),
            "steps": [row.form.given() for row in self.steps],
            "config": {name: self[name].data for name in CONFIG},
            "tags": words(self.tags.data),
        }

    def place(self, refusal: OperationError) -> OperationError:
        """Put what was refused about steps and limits beside their fields; the refusal with the rest of it."""
        left: dict[str, str] = {}
        for name, text in refusal.fields.items():
            found = self._beside(name)
            if found is None:
                left[name] = text
            else:
                found.errors = (*found.errors, text)
        placed = len(left) < len(refusal.fields)
        rest = OperationError(
            "Some fields are not right yet." if placed and not left else " ".join(left.values()) or refusal.message, left
        )
        rest.status = refusal.status
        return rest

    def _beside(self, name: str) -> Any:
        """The field that a name such as `steps[2].model`, `config.retry_same` or `name` stands for."""
        if (step := re.fullmatch(r"steps\[(\d+)\](?:\.(\w+))?", name)) is not None:
            row = self.steps[int(step[1])].form if int(step[1]) < len(self.steps) else None
            return (
                None
                if row is None
                else row._fields.get(
                    {"combo": "model", "id": "model", "connection": "connection_id"}.get(step[2], step[2] or "model")
                )
            )
        own = name.removeprefix("config.")
        return None if own == "steps" else self._fields.get(own)


def saved(combo: ComboView) -> dict[str, Any]:
    """A combo's values under the form's names. A limit that is as by default is left empty, and so shows its default."""
    config = {name: value for name in CONFIG if (value := getattr(combo.config, name)) != getattr(DEFAULTS, name)}
    return {
        "name": combo.name,
        "strategy": combo.strategy,
        "enabled": combo.enabled,
        "steps": [_saved_step(step) for step in combo.steps],
        "tags": ", ".join(combo.tags),
    } | config


def _saved_step(step: StepView) -> dict[str, Any]:
    return {
        "id": step.id,
        "model": f"{NESTED}{step.combo}" if step.combo else step.model,
        "connection_id": step.connection_id or "",
        "weight": step.weight,
        "label": step.label,
        "tags": ", ".join(step.tags),
        "enabled": step.enabled,
    }


def words(text: str | None) -> list[str]:
    """What stands between commas, each once."""
    return list(dict.fromkeys(word.strip() for word in (text or "").split(",") if word.strip()))


# Rows --------------------------------------------------------------------------------------------

_ROW = re.compile(r"steps-(\w+)-([a-z_]+)")


def rearranged(sent: MultiDict[str, str], do: str) -> MultiDict[str, str]:
    """The form as it was sent, rows numbered in the order in which they stand on the page, after what `do` asks for:

    `up:2`, `down:2` and `remove:2` (rows count from 0), `add:prefix/model`, or anything else for no change.
    """
    rows: dict[str, dict[str, list[str]]] = {}
    for name in sent:
        if (row := _ROW.fullmatch(name)) is not None:
            rows.setdefault(row[1], {})[row[2]] = sent.getlist(name)
    listed = _after(list(rows.values()), *do.partition(":")[::2])
    made = MultiDict((name, value) for name, value in sent.items(multi=True) if not _ROW.fullmatch(name))
    for index, fields in enumerate(listed):
        for name, values in fields.items():
            made.setlist(f"steps-{index}-{name}", values)
    return made


def _after(rows: list[dict[str, list[str]]], verb: str, what: str) -> list[dict[str, list[str]]]:
    if verb == "add" and what.strip():
        return [*rows, {"model": [what.strip()], "weight": ["1"], "enabled": ["y"]}]
    if verb not in ("up", "down", "remove") or not what.isdecimal() or int(what) >= len(rows):
        return rows
    row = rows.pop(int(what))
    if verb != "remove":
        rows.insert(max(0, int(what) + (1 if verb == "down" else -1)), row)
    return rows
