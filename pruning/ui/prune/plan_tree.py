"""The plans that somebody tried, as a tree: which was changed from which, and what each costs.

A slider passes many plans on its way. So the newest one is only kept once it has stayed for a moment, when it
was run, or when one has come back to it; until then the next takes its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from pruning.cost import Plan
from pruning.experiment import Recipe
from pruning.inspection.differing_choices import changed

STAY = 2.0  # seconds
MOST = 12  # plans; of more the oldest goes, and what was changed from it hangs on what it was changed from


@dataclass(frozen=True, eq=False)
class Tried:
    """A plan. number: what it is called; parent: the number of the plan that it was changed from, or None.
    since: when it was first seen, in seconds.   macs, parameters, channels: (before, after).   widths: group,
    before, after, closed, as `Plan.table`.   accuracies: {what: share of the hold-out images}, once they are
    counted."""

    number: int
    parent: int | None
    recipe: Recipe
    since: float
    macs: tuple[int, int]
    parameters: tuple[int, int]
    channels: tuple[int, int]
    widths: pd.DataFrame
    accuracies: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """A plan's place. line: the tree's lines before it; an arrow leads from a plan to the only one that was
    changed from it, so that a long way stays on the left.   changed: the recipe's fields in which it
    differs from its parent; of the first plan none."""

    tried: Tried
    line: str
    changed: tuple[str, ...]


@dataclass(eq=False)
class PlanTree:
    """Of one session. kept: {number: plan}.   now: the plan that is looked at, kept or not yet."""

    kept: dict[int, Tried] = field(default_factory=dict)
    now: Tried | None = None
    last: int = 0

    def look(self, recipe: Recipe, plan: Plan, time: float):
        """A page shows this plan. time: in seconds, of any clock that only goes on."""
        if self.now is not None and self.now.recipe == recipe:
            self.settle(time)
            return
        self.settle(time)
        before = self.now.number if self.now and self.now.number in self.kept else None
        if before is None and self.now is not None:
            before = self.now.parent  # it passed by
        found = next((tried for tried in self.kept.values() if tried.recipe == recipe), None)
        self.now = found or self._tried(recipe, plan, time, before)

    def settle(self, time: float, at_once: bool = False):
        """Keeps the plan that is looked at, if it has stayed. at_once: in any case."""
        if self.now and self.now.number not in self.kept and (at_once or time - self.now.since >= STAY):
            self.kept[self.now.number] = self.now
            self.last = self.now.number
            while len(self.kept) > MOST:
                self._forget(next(number for number in self.kept if number != self.now.number))

    def counted(self, recipe: Recipe, accuracies: Mapping[str, float]):
        """What is known by now of the plan that is looked at."""
        if self.now is not None and self.now.recipe == recipe and accuracies:
            self.now = replace(self.now, accuracies={**self.now.accuracies, **accuracies})
            if self.now.number in self.kept:
                self.kept[self.now.number] = self.now

    @property
    def plans(self) -> dict[int, Tried]:
        """All that are kept, and the one that is looked at."""
        return self.kept | ({self.now.number: self.now} if self.now else {})

    def branches(self) -> Iterator[Branch]:
        """From the first plan on, each followed by what was changed from it, the oldest first."""
        plans = self.plans
        below: dict[int | None, list[Tried]] = {}
        for tried in plans.values():
            below.setdefault(tried.parent if tried.parent in plans else None, []).append(tried)

        def walk(parent: int | None, start: str) -> Iterator[Branch]:
            children = below.get(parent, [])
            for tried in children:
                line, under = "", ""
                if parent is not None and len(children) == 1:
                    line, under = f"{start}↓ ", start
                elif parent is not None:
                    final = tried is children[-1]
                    line, under = (f"{start}└ ", f"{start}   ") if final else (f"{start}├ ", f"{start}│  ")
                fields = changed(plans[parent].recipe, tried.recipe) if parent else []
                yield Branch(tried, line, tuple(fields))
                yield from walk(tried.number, under)

        return walk(None, "")

    def _tried(self, recipe: Recipe, plan: Plan, time: float, parent: int | None) -> Tried:
        table = plan.table()[["group", "before", "after", "closed"]]
        channels = int(table["before"].sum()), int(table["after"].sum())
        macs, parameters = (plan.macs_before, plan.macs), (plan.parameters_before, plan.parameters)
        return Tried(self.last + 1, parent, recipe, time, macs, parameters, channels, table)

    def _forget(self, number: int):
        gone = self.kept.pop(number)
        for tried in list(self.kept.values()):
            if tried.parent == number:
                self.kept[tried.number] = replace(tried, parent=gone.parent)
        if self.now and self.now.parent == number:
            self.now = self.kept.get(self.now.number) or replace(self.now, parent=gone.parent)
