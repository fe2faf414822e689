"""Where a request may go: targets, and the tree of them that a combo's name stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from omniroute.providers.values import Provider
from omniroute.routing.configuration import ComboConfig, Connection

# A plain model is asked as a combo without retries of its own: clients repeat by themselves, and attempts multiply.
PLAIN = ComboConfig(retry_same=0)


@dataclass(frozen=True, slots=True)
class Target:
    """A provider or node, and the model as it is named there."""

    provider: Provider
    model: str

    @property
    def canonical(self) -> str:
        """What the database holds."""
        return f"{self.provider.id}/{self.model}"

    @property
    def shown(self) -> str:
        """What logs and clients see."""
        return f"{self.provider.prefix}/{self.model}"

    @property
    def window(self) -> int | None:
        """The context window in tokens; None where it is not known."""
        listed = self.provider.model(self.model)
        return listed.context_window if listed is not None else None

    def through(self, connection: Connection) -> Target:
        """The same, asked at the connection's own address if it has one."""
        return Target(connection.at(self.provider), self.model) if connection.base_url else self


@dataclass(frozen=True, slots=True)
class Branch:
    """One step on the way: a target, or a route of its own. `trouble` says why there is neither (a provider that is gone)."""

    target: Target | None = None
    route: Route | None = None
    connection_id: str | None = None
    weight: int = 1
    tags: frozenset[str] = frozenset()
    step_id: str = ""
    named: str = ""  # as the step names it, for a branch in trouble
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Branches and how they are ordered. `combo` is the combo's name, "" for a plain model."""

    branches: tuple[Branch, ...]
    combo: str = ""
    strategy: str = "priority"
    config: ComboConfig = field(default=PLAIN)

    def targets(self) -> Iterator[Target]:
        """All of them, as listed."""
        for branch in self.branches:
            if branch.target is not None:
                yield branch.target
            if branch.route is not None:
                yield from branch.route.targets()

    def routes(self) -> Iterator[Route]:
        """This one and those within it."""
        yield self
        for branch in self.branches:
            if branch.route is not None:
                yield from branch.route.routes()

    def only(self, serves: Callable[[Target], bool]) -> Route:
        """The same without the targets that do not serve."""
        kept = []
        for branch in self.branches:
            if branch.route is not None:
                kept.append(replace(branch, route=branch.route.only(serves)))
            elif branch.target is None or serves(branch.target):
                kept.append(branch)
        return replace(self, branches=tuple(kept))


def plain(*targets: Target) -> Route:
    """The targets in this order."""
    return Route(tuple(Branch(target) for target in targets))
