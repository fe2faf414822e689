"""What limits let through: one request against those of its key, and each attempt against its connection's quota."""

from __future__ import annotations

from dataclasses import replace

from omniroute.formats.estimate import estimate_tokens
from omniroute.prices.price import Price
from omniroute.relay.ask import Ask
from omniroute.relay.ledger import Entry
from omniroute.relay.outlook import asked_output
from omniroute.relay.passthrough import UNTOLD
from omniroute.routing.candidates import Candidate, LeftOut
from omniroute.routing.configuration import Configuration
from omniroute.routing.cost import price_at
from omniroute.routing.plan import Plan
from omniroute.routing.resolve import Resolution
from omniroute.routing.route import Target
from omniroute.usage.meter import Claim, Meter


class Gate:
    """For one request. Without limits and quotas it lets everything through and asks nobody."""

    def __init__(self, meter: Meter, ask: Ask, entry: Entry, resolution: Resolution, configuration: Configuration) -> None:
        self._meter, self._ask, self._entry, self._configuration = meter, ask, entry, configuration
        self._resolution = resolution
        self._claim: Claim | None = None
        self._limits = ask.key.limits if ask.key is not None else None

    def priced(self, plan: Plan) -> Plan:
        """A budget in USD can't be held over what nobody knows the price of."""
        if self._limits is None or not self._limits.counts_money or self._ask.counting:
            return plan
        priced = [self._price(each.target) is not None for each in plan.candidates]
        if all(priced):
            return plan
        pairs = list(zip(plan.candidates, priced, strict=True))
        known = tuple(each for each, whether in pairs if whether)
        left = tuple(each.left_out("its price is not known", "price_unknown") for each, whether in pairs if not whether)
        return replace(plan, candidates=known, ready=sum(priced[: plan.ready]), left_out=(*plan.left_out, *left))

    def admit(self, plan: Plan) -> None:
        """The request, before anything is sent. Raises LimitReached, PriceUnknown, LimitsAway."""
        if self._limits is not None and self._ask.key is not None:
            # While all are cooling, whoever is free after the wait.
            asked = (plan.candidates[0].target,) if plan.candidates else self._resolution.targets
            known = (price for target in asked if (price := self._price(target)) is not None)
            claim = self._claim_of(next(known, None))
            self._entry.ticket = self._meter.admit(self._ask.key, claim, self._entry.sketch())

    def enter(self, candidate: Candidate) -> LeftOut | None:
        """An attempt; why it may not be made, where the connection's quota is used up."""
        quota = candidate.connection.quota
        if quota is None or (self._ask.counting and quota.unit != "requests"):
            return None
        claim = self._claim_of(self._price(candidate.target))
        entered = self._meter.enter(self._entry.ticket, candidate, claim, self._entry.sketch(candidate))
        if isinstance(entered, LeftOut):
            return entered
        self._entry.ticket = entered
        return None

    def leave(self, candidate: Candidate) -> None:
        """The attempt has failed. One that had begun to answer keeps its part: it is the last, and counts."""
        if self._entry.ticket is not None and candidate.connection.quota is not None and self._entry.first_at is None:
            self._meter.leave(self._entry.ticket, candidate)

    def _claim_of(self, price: Price | None) -> Claim:
        ask = self._ask
        if self._claim is None:
            said = {name: value for name, value in ask.document.items() if name != "model"}
            estimated = 0 if ask.counting else estimate_tokens(said)
            native = ask.format == "anthropic_messages"
            self._claim = Claim(ask.request_id, self._entry.at, estimated, asked_output(ask), None, ask.counting, native)
        return replace(self._claim, price=price)

    def _price(self, target: Target) -> Price | None:
        """What a budget can be held by: sound and pictures tell no tokens, so only a price by the request will do."""
        price = price_at(self._configuration, target, self._entry.at)
        if price is not None and self._ask.service in UNTOLD and not price.flat:
            return None
        return price
