"""What a request would cost at a target, by the catalogue's prices."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from omniroute.routing.candidates import Size
from omniroute.routing.route import Target


def cost(target: Target, size: Size) -> int | None:
    """Micro-dollars, rounded half up; None where a price that counts is not known: that is never taken for free."""
    exact = exact_cost(target, size)
    return None if exact is None else int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def exact_cost(target: Target, size: Size) -> Decimal | None:
    """Micro-dollars: USD per million tokens are micro-dollars per token. For comparing; even one token makes a difference."""
    listed = target.provider.model(target.model)
    if listed is None:
        return None
    total = Decimal(0)
    for tokens, price in ((size.input, listed.input_price), (size.output, listed.output_price)):
        if price is None and tokens:
            return None
        total += tokens * (price or Decimal(0))
    return None if listed.input_price is None and listed.output_price is None else total
