"""A comparison: every combination of what is to be compared, as recipes, and controls beside them."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

from pruning.criteria import CRITERIA
from pruning.error_messages import choose
from pruning.experiment.recipe import Recipe
from pruning.experiment.recipe_fields import Allocation, Measure, Repair
from pruning.untrusted.json_texts import parsed

MOST = 100_000  # recipes of one comparison
SETTINGS = "settings"  # of an added recipe: what of it no other column says
# The controls: what else the same epochs, or the same computation, would have bought.
NEW_WEIGHTS, NARROW, SAME_COMPUTE = "new weights", "narrower", "same compute"
CONTROLS = {
    NEW_WEIGHTS: "the same widths, newly initialised, the same epochs",
    f"{NEW_WEIGHTS} ({SAME_COMPUTE})": "the same widths, newly initialised, as much computation in all",
    NARROW: "all groups narrower by one share, newly initialised, the same epochs",
    f"{NARROW} ({SAME_COMPUTE})": "all groups narrower by one share, newly initialised, as much computation",
}
BASELINES = ("random", "energy")  # beside the criteria unless controls are none


@dataclass(frozen=True)
class Entry:
    """One run of a comparison. fields: what it is, as the table's columns have it.   recipe: None where the
    fields make none, and `error` says why.   control: of CONTROLS; empty for the recipe itself."""

    fields: dict[str, Any]
    recipe: Recipe | None
    control: str = ""
    error: str = ""

    @property
    def kind(self) -> str:
        return "control" if self.control else "recipe"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is compared: the full product of these lists, and recipes beside it. criteria: names, with options
    behind a colon and separated by commas, `cpot:temperature=2`; none where there are recipes: no product.
    controls: none or all; None is all where epochs are trained.   settings: further fields that every recipe
    of the product has, such as calibration.   recipes: further recipes, as `Recipe.to_dict` has them; each is
    run with all of the seeds.

    Raises ValueError in one sentence on names that do not exist, and on more combinations than can be run."""

    models: tuple[str, ...] = ("resnet20",)
    datasets: tuple[str, ...] = ("scenes",)
    criteria: tuple[str, ...] = ("l1",)
    cuts: tuple[float, ...] = (0.5,)
    measures: tuple[str, ...] = ("macs",)
    allocations: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ("none",)
    epochs: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0,)
    controls: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    recipes: tuple[dict[str, Any], ...] = ()

    def __post_init__(self):
        for name in ("models", "datasets", "criteria", "cuts", "measures", "repairs", "epochs", "seeds"):
            if not getattr(self, name) and not (name == "criteria" and self.recipes):
                raise ValueError(f"{name} names nothing to compare; give one or more")
        for text in self.criteria:
            criterion_of(text)
        for given, literal, what in (
            (self.measures, Measure, "measure"),
            (self.allocations, Allocation, "allocation"),
            (self.repairs, Repair, "repair"),
        ):
            for name in given:
                choose(name, get_args(literal), what)
        if self.controls is not None:
            choose(self.controls, ("none", "all"), "choice of controls")
        for fields in self.recipes:
            Recipe.from_dict(fields)
        if self.size > MOST:
            raise ValueError(
                f"these lists make {self.size:,} recipes, more than the {MOST:,} of one comparison; shorten "
                "a list"
            )

    @property
    def with_controls(self) -> bool:
        trained = any(self.epochs) or any(given.get("epochs") for given in self.recipes)
        return trained if self.controls is None else self.controls == "all"

    @property
    def every_criterion(self) -> tuple[str, ...]:
        """Those asked for, and the baselines, which cost little and say most."""
        if self.controls == "none" or not self.criteria:
            return self.criteria
        asked = {text.partition(":")[0] for text in self.criteria}
        return (*self.criteria, *(name for name in BASELINES if name not in asked))

    @property
    def lists(self) -> dict[str, tuple]:
        return {
            "model": self.models,
            "data": self.datasets,
            "seed": self.seeds,
            "criterion": self.every_criterion,
            "allocation": self.allocations or (None,),
            "measure": self.measures,
            "cut": self.cuts,
            "repair": self.repairs,
            "epochs": self.epochs,
        }

    @property
    def size(self) -> int:
        """How many recipes, without controls."""
        count = 1
        for values in self.lists.values():
            count *= len(dict.fromkeys(values))
        return count + len(self.recipes) * len(dict.fromkeys(self.seeds))

    def representatives(self) -> Iterator[Recipe]:
        """A recipe of every network, data set and number of epochs, and those that were added: few that tell
        which files all need, and how much at most."""
        for model, data, epochs in itertools.product(self.models, self.datasets, dict.fromkeys(self.epochs)):
            if self.criteria:
                with contextlib.suppress(ValueError):  # what makes no recipe is a row that says why
                    fields = {"criterion": "l1", "model": model, "data": data, "epochs": epochs}
                    yield Recipe(**(fields | self.settings))
        for fields in self.recipes:
            yield Recipe.from_dict(fields)

    def entries(self) -> Iterator[Entry]:
        """The recipes, those that share most with each other next to each other; then those added, but for
        what is among the others."""
        names, there = list(self.lists), set()
        for values in itertools.product(*(dict.fromkeys(values) for values in self.lists.values())):
            entry = self.entry(dict(zip(names, values, strict=True)))
            there.add(entry.recipe)
            yield entry
        for given, seed in itertools.product(self.recipes, dict.fromkeys(self.seeds)):
            recipe = replace(Recipe.from_dict(given), seed=seed)
            if recipe not in there:
                there.add(recipe)
                yield Entry(self.fields_of(recipe), recipe)

    def entry(self, fields: dict[str, Any]) -> Entry:
        criterion, options = criterion_of(fields["criterion"])
        given = fields | {"criterion": criterion, "options": options} | self.settings
        if given["allocation"] is None:
            del given["allocation"]
        try:
            recipe = Recipe(**given)
        except ValueError as error:
            return Entry(fields, None, error=str(error))
        return Entry(fields | {"allocation": recipe.allocation}, recipe)

    def fields_of(self, recipe: Recipe) -> dict[str, Any]:
        """A recipe as the table's columns have it."""
        told = recipe.differences()
        options = ",".join(f"{name}={value}" for name, value in told.pop("options").items())
        fields = {name: getattr(recipe, name) for name in self.lists}
        fields["criterion"] += f":{options}" if options else ""
        beside = [f"{name}={value}" for name, value in told.items() if name not in fields]
        return fields | {SETTINGS: " ".join(beside)}

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Comparison":
        """Raises ValueError where that is no comparison of this version."""
        try:
            given = parsed(text)
        except ValueError as error:
            raise ValueError(f"that is no comparison, {error}; give one that compare wrote") from None
        try:
            told: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
            return cls(**told)
        except (TypeError, AttributeError):
            raise ValueError("that is no comparison; give a comparison.json that compare wrote") from None


def criterion_of(text: str) -> tuple[str, dict[str, str]]:
    """cpot:temperature=2,way=maps -> cpot, {temperature: 2, way: maps}. Raises ValueError on unknown ones."""
    name, _, rest = text.partition(":")
    known = CRITERIA[choose(name, CRITERIA, "criterion")]
    options = {}
    for part in filter(None, rest.split(",")):
        option, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no option of {name}; give NAME=VALUE, such as cpot:temperature=2")
        options[choose(option, known.options, f"option of {name}")] = value
    return name, options
