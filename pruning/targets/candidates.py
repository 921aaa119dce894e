"""Cuts that are tried for a target: planned, made and repaired as a recipe says, judged on the hold-out."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pruning.cost import Plan
from pruning.experiment.latency_tables import named_table, with_table
from pruning.experiment.loading import load
from pruning.experiment.planning import errors_by_group, planned, scores_of
from pruning.experiment.recipe import Recipe
from pruning.progress import Watch

if TYPE_CHECKING:
    from torch import nn

    from pruning.data import Split
    from pruning.train import Predictions

MOST = 2000  # images of the hold-out
Z = 1.96  # standard errors on either side of a 95 % interval


@dataclass
class Steps:
    """A watch that tells how many of the cuts are done, whatever each is at."""

    outer: Watch
    total: int
    done: int = 0
    message: str = ""

    def __call__(self, stage: str, done: int, total: int, **values):
        within = done / total if total else 0.0
        self.outer(
            "target", int(100 * (self.done + min(within, 1.0))), 100 * self.total, message=self.message
        )

    def begin(self, number: int, cut: float):
        self.done, self.message = number, f"cut {number + 1}: {cut:.0%}"
        self("target", 0, 1)


class Candidates:
    """One network and one ranking of its channels, cut at any ratio."""

    def __init__(self, recipe: Recipe, watch: Watch):
        if recipe.trained:
            raise ValueError(
                f"a target is met by trying cuts, and {recipe.criterion} trains gates for each; give a cut, "
                "or another criterion"
            )
        self.recipe, self.watch = recipe, watch
        table = named_table(recipe)  # one that is gone is said before anything is loaded
        self.loaded, self.messages = with_table(load(recipe, watch), table, None, watch)
        self.scores = scores_of(self.loaded, watch)
        self.errors = None
        if recipe.allocation == "error":
            self.errors = errors_by_group(self.loaded, self.scores, watch)
        self.holdout = self.loaded.data.holdout.first(MOST)

    def plan(self, cut: float) -> Plan:
        """Raises ValueError where so much is out of reach."""
        how: dict[str, Any] = {"table": self.loaded.table, "errors": self.errors}
        asked = self.loaded.recipe.but(cut=cut)
        plan = planned(asked, self.loaded.graph, self.scores, self.loaded.data, self.watch, **how)
        return replace(plan, changes=(*self.loaded.changes, *plan.changes))

    def network(self, plan: Plan) -> "nn.Module":
        """Cut, not repaired."""
        from pruning.surgery import cut

        return cut(self.loaded.model, plan)

    def repaired(self, plan: Plan) -> "nn.Module":
        """Cut and repaired as the recipe says, by as many images and steps."""
        from pruning.reconstruction import repair

        recipe, small = self.recipe, self.network(plan)
        if recipe.repair != "none":
            how: dict[str, Any] = {"calibration": recipe.calibration, "seed": recipe.seed}
            how |= {"match_steps": recipe.match_steps, "watch": self.watch}
            repair(small, plan, self.loaded.model, self.loaded.data, recipe.repair, **how)
        return small

    def asked(self, model: "nn.Module", split: "Split") -> "Predictions":
        """What a network says of some images."""
        from pruning.train import evaluate

        where = {"normalization": self.loaded.model.origin.normalization, "device": self.recipe.device}
        return evaluate(model, split, **where)

    def most(self) -> float:
        """The largest pruning ratio that the limits allow, to a hundredth: the same for every allocation, so
        that none has to search for it."""
        plain, low, high = self.loaded.recipe.but(allocation="uniform"), 0.0, 1.0
        while high - low > 0.01:
            middle = (low + high) / 2
            try:
                planned(plain.but(cut=middle), self.loaded.graph, self.scores, table=self.loaded.table)
                low = middle
            except ValueError:
                high = middle
        return round(low, 4)
