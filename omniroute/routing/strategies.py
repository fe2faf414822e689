"""The orders in which a combo's steps may be tried: one pure function each, and the table of them.

A strategy takes the choices as listed and gives them back in the order to try them. What is wrong with any of them is not
its business: plan.py puts those last, or leaves them out. The first line of its docstring is the help in the form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omniroute.routing.candidates import Choice, View

Order = Callable[[list[Choice], View, str], list[Choice]]  # the text is the combo's name


@dataclass(frozen=True, slots=True)
class Strategy:
    """`per_connection`: each connection is a choice by itself. `needs` names what of `View` has to be found out for it:
    turn, size, prefix. `leaves_out` is why it may give back fewer choices than it got.
    """

    order: Order
    per_connection: bool = False
    needs: frozenset[str] = frozenset()
    leaves_out: str = ""

    @property
    def help(self) -> str:
        return (self.order.__doc__ or "").strip().partition("\n")[0]


def priority(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """As listed: the first that works."""
    return choices


STRATEGIES: dict[str, Strategy] = {
    "priority": Strategy(priority),
}
