"""What the operator says that models cost, over what files and table say; and which price counts for each model now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.errors import Invalid, Missing, OperationError
from omniroute.given import Given
from omniroute.models.db import Database
from omniroute.models.upstreams import NodeRow
from omniroute.models.usage import PriceRow
from omniroute.prices.price import Price, Rates, Source, price_of, usd
from omniroute.providers.catalog import Catalog
from omniroute.routing.configuration import Configuration
from omniroute.routing.cost import overriding, price_at
from omniroute.routing.listed import usable_models
from omniroute.routing.route import Target
from omniroute.security.audit import Actor, record
from omniroute.state.configuration import ConfigurationStore

RATES = {"input": "Input", "output": "Output", "cache_read": "Cached input", "cache_write": "Written to cache"}
LABELS = {"provider": "Provider", "model": "Model", **RATES, "request": "Each request", "tiers": "Steps"}
STEP = {"above": "Above", **RATES}
MOST = 5000  # overrides
MOST_STEPS = 10
MOST_RATE = 100_000  # USD per million tokens; a thousand times what the dearest model costs
MOST_REQUEST = 1_000  # USD
_WORD = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class StepView:
    """From more than `above` input tokens on, the rates of the whole request. USD per million tokens; None is not known."""

    above: int
    input: Decimal | None
    output: Decimal | None
    cache_read: Decimal | None
    cache_write: Decimal | None


@dataclass(frozen=True, slots=True)
class PriceView:
    """An override. `model` is a name or a glob. Rates in USD per million tokens, `request` in USD for each request; None is not
    given: of the caches, that they cost what input does.
    """

    provider_id: str
    model: str
    input: Decimal | None
    output: Decimal | None
    cache_read: Decimal | None
    cache_write: Decimal | None
    request: Decimal | None
    tiers: tuple[StepView, ...]
    updated_at: float


@dataclass(frozen=True, slots=True)
class PricedView:
    """A model that can be asked, and what it costs now. `source` says by whose word, None where nobody knows; `override` is the
    name or glob of the operator's that it goes by.
    """

    provider_id: str
    model: str
    source: Source | None
    override: str | None
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    request: Decimal | None = None
    tiers: tuple[StepView, ...] = ()


Named = tuple[str, str]  # provider's id, model or glob


class Prices:
    def __init__(self, database: Database, store: ConfigurationStore, catalog: Catalog, clock: Clock) -> None:
        self._database, self._store, self._catalog, self._clock = database, store, catalog, clock

    def list(self) -> tuple[PriceView, ...]:
        """All overrides, by provider and model."""
        query = sa.select(PriceRow).order_by(PriceRow.provider_id, PriceRow.model)
        with self._database.unit_of_work() as session:
            return tuple(_view(row) for row in session.scalars(query))

    def models(self) -> tuple[PricedView, ...]:
        """Every listed model that somebody can be asked for, in blocks by provider, with the price of this moment."""
        configuration = self._store.current()
        return tuple(self._priced(configuration, target) for target in usable_models(configuration))

    def of(self, provider_id: str, models: Iterable[str]) -> dict[str, PricedView]:
        """The same for models of one provider or node, by their ids, whether it is connected or not."""
        configuration = self._store.current()
        provider = configuration.providers.get(provider_id)
        if provider is None:  # gone since
            return {model: PricedView(provider_id, model, None, None) for model in models}
        return {model: self._priced(configuration, Target(provider, model)) for model in models}

    def _priced(self, configuration: Configuration, target: Target) -> PricedView:
        price = price_at(configuration, target, self._clock.now())
        own = overriding(configuration, target.provider.id, target.model)
        shown = {} if price is None else {"source": price.source, **_shown(price)}
        return PricedView(target.provider.id, target.model, **{"source": None, "override": own and own[0], **shown})

    def put(self, provider: str, model: str, given: Mapping[str, Any], by: Actor) -> PriceView:
        """Set one. `provider` is the id or alias of a native provider, or the id of a node. Raises Invalid, Missing."""
        row = {"provider": provider, "model": model, **given}
        return self._store.change(lambda session: self._put(session, row, by, _named_so_far(session)))

    def put_all(self, rows: Sequence[Mapping[str, Any]], by: Actor) -> tuple[PriceView, ...]:
        """Set each of them, or none; others stay. Raises Invalid and Missing with fields such as prices[2].input."""

        def work(session: Session) -> tuple[PriceView, ...]:
            views, wrong, there = [], list[tuple[int, OperationError]](), _named_so_far(session)
            for number, row in enumerate(rows):
                try:
                    views.append(self._put(session, row, by, there))
                except (Invalid, Missing) as exc:
                    wrong.append((number, exc))
            if wrong:
                fields = {
                    f"prices[{at}].{name}": f"Price {at + 1}: {text}" for at, exc in wrong for name, text in exc.fields.items()
                }
                raise type(wrong[0][1])(" ".join(fields.values()), fields)
            return tuple(views)

        return self._store.change(work)

    def delete(self, provider_id: str, model: str, by: Actor) -> None:
        """From then on what file or table say counts. Raises Missing."""

        def work(session: Session) -> None:
            row = session.get(PriceRow, (provider_id, model))
            if row is None:
                raise Missing(f"There is no price of your own for {model[:80]!r} at {provider_id[:80]!r}.")
            record(session, self._clock.now(), by, "price.delete", _subject(row), before={**_named(row), **_audited(row)})
            session.delete(row)

        self._store.change(work)

    def _put(self, session: Session, given: Mapping[str, Any], by: Actor, there: set[Named]) -> PriceView:
        name, model, price = read_price(given)
        provider_id, now = self._provider_id(session, name), self._clock.now()
        row = session.get(PriceRow, (provider_id, model))
        before = None if row is None else _audited(row)
        if row is None:
            if len(there) >= MOST:
                message = f"There may be at most {MOST:,} prices; a name such as claude-* stands for many models."
                raise Invalid(message, {"model": message})
            row = PriceRow(provider_id=provider_id, model=model)
            session.add(row)
            there.add((provider_id, model))
        if row.price != as_stored(price):
            row.price, row.updated_at = as_stored(price), now
            record(session, now, by, "price.put", _subject(row), before, _audited(row))
        return _view(row)

    def _provider_id(self, session: Session, name: str) -> str:
        if session.get(NodeRow, name) is not None:
            return name
        native = self._catalog.find(name)
        if native is None:
            raise Missing(f"There is no provider {name[:80]!r}.", {"provider": f"There is no provider {name[:80]!r}."})
        return native.id


def read_price(given: Mapping[str, Any]) -> tuple[str, str, Price]:
    """Provider and model as they are named, and the price. Raises Invalid."""
    read = Given(given, LABELS)
    name, model = read.text("provider", needed=True), read.text("model", needed=True, longest=256)
    if model and not _WORD.fullmatch(model):
        read.refuse("model", "must be one word of ASCII characters")
    price = _read(read)
    read.check()
    return name, model, price


def _read(read: Given) -> Price:
    """What can't be read is noted in `read`."""
    rates, request = _rates(read), read.usd_or_none("request", MOST_REQUEST)
    if read.fine and rates.input is None and rates.output is None:
        if request is None:
            read.refuse("input", "or output, or a price for each request is needed")
        elif rates != Rates():
            read.refuse("input", "is needed where a cache has a price")
        else:
            rates = Rates(0, 0)  # so much for each request, however long it is
    return Price(rates, _steps(read, rates), request or 0)


def _rates(read: Given) -> Rates:
    return Rates(*(read.usd_or_none(name, MOST_RATE) for name in RATES))


def _steps(read: Given, base: Rates) -> tuple[tuple[int, Rates], ...]:
    """What a step leaves out is as without it."""
    given = read["tiers"] or ()
    if not isinstance(given, list | tuple) or len(given) > MOST_STEPS or not all(isinstance(each, Mapping) for each in given):
        read.refuse("tiers", f"must be a list of at most {MOST_STEPS} objects with above, input and output")
        return ()
    steps: dict[int, Rates] = {}
    for number, each in enumerate(given):
        own = Given(each, STEP, read, f"tiers[{number}]")
        above, rates = own.whole("above", -1, 1, 100_000_000), _rates(own)
        if own.fine and above in steps:
            own.refuse("above", "comes twice")
        if own.fine and rates == Rates():
            own.refuse("input", "or another rate is needed")
        steps[above] = Rates(
            **{name: value if value is not None else getattr(base, name) for name, value in asdict(rates).items()}
        )
    return tuple(sorted(steps.items(), key=lambda step: step[0]))


def as_stored(price: Price) -> dict[str, Any]:
    """As `price_of` reads it."""
    return {
        "rates": asdict(price.rates),
        "tiers": [[above, asdict(rates)] for above, rates in price.tiers],
        "request": price.request,
    }


def _named_so_far(session: Session) -> set[Named]:
    """Read once, not counted anew for each of thousands."""
    return {(provider_id, model) for provider_id, model in session.execute(sa.select(PriceRow.provider_id, PriceRow.model))}


def _view(row: PriceRow) -> PriceView:
    return PriceView(row.provider_id, row.model, **_shown(price_of(row.price)), updated_at=row.updated_at)


def _shown(price: Price) -> dict[str, Any]:
    tiers = tuple(StepView(above, **_dollars(rates)) for above, rates in price.tiers)
    return {**_dollars(price.rates), "request": usd(price.request or None), "tiers": tiers}


def _dollars(rates: Rates) -> dict[str, Decimal | None]:
    return {name: usd(value) for name, value in asdict(rates).items()}


def _subject(row: PriceRow) -> str:
    return f"price:{row.provider_id}/{row.model}"[:128]


def _named(row: PriceRow) -> dict[str, str]:
    return {"provider": row.provider_id, "model": row.model}


def _audited(row: PriceRow) -> dict[str, Any]:
    """In USD, as it was given, so that it can be given again."""
    price = price_of(row.price)
    told = {name: str(value) for name, value in _dollars(price.rates).items() if value is not None}
    told |= {"request": str(usd(price.request))} if price.request else {}
    steps = [{"above": above, **{n: str(v) for n, v in _dollars(rates).items() if v is not None}} for above, rates in price.tiers]
    return told | ({"tiers": steps} if steps else {})
