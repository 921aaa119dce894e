"""What a new comparison is to compare, as lists: from the link or to suit the page's recipe; written into the
link, and made a Comparison."""

from collections.abc import Mapping
from typing import Any, get_args

from pruning.data import DATA
from pruning.experiment import Recipe
from pruning.experiment.recipe_fields import Allocation, Measure, Repair
from pruning.runs.product import Comparison
from pruning.terms import plural
from pruning.ui import display_names, state
from pruning.ui.compare import added_recipes

CUTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
KNOWN = {"measures": get_args(Measure), "allocations": get_args(Allocation), "repairs": get_args(Repair)}
MOST = {"seeds": (1, 20), "epochs": (0, 200)}  # least and most that the widgets take
FIELDS = {  # what a list that can't be empty is called on the page
    "networks": "Networks and data",
    "criteria": "Criteria",
    "cuts": "Pruning ratios",
    "repairs": "Repairs",
    "measures": "The ratio is of",
}
USUAL = {"cuts": (0.3, 0.5, 0.7), "seeds": 3, "epochs": 0}
# Fields that all recipes of a comparison share, taken from the settings of the other pages.
SHARED = (
    *("checkpoint", "normalize", "size", "groups", "calibration", "match_steps", "lr", "batch_size"),
    *("device", "threads", "subtask", "protect", "round_to", "min_channels", "max_cut_per_group"),
)


def lists_of(recipe: Recipe) -> dict[str, Any]:
    """What the link says is to be compared, and for what it does not say, what suits the recipe."""
    criteria = dict.fromkeys((recipe.criterion, "l1", "random"))
    lists: dict[str, Any] = {
        "networks": (f"{recipe.model} {recipe.data}",),
        "criteria": tuple(criteria),
        "measures": (recipe.measure,),
        "allocations": () if recipe.trained else (recipe.allocation,),
        "repairs": (recipe.repair,),
        "controls": True,
        "product": True,
    } | USUAL
    return lists | read(state.looking_at("lists") or "")


def read(text: str) -> dict[str, Any]:
    """A link's text as lists; parts that can't be read, of another version or by a slip, are left out."""
    found: dict[str, Any] = {}
    for part in filter(None, text.split(";")):
        name, _, rest = part.partition(":")
        values = tuple(filter(None, rest.split("|")))
        try:
            if name == "cuts":
                found[name] = tuple(cut for cut in map(float, values) if 0 <= cut < 1)
            elif name in MOST:
                least, most = MOST[name]
                found[name] = min(most, max(least, int(rest)))
            elif name in ("controls", "product"):
                found[name] = rest == "1"
            elif name in KNOWN:
                found[name] = tuple(value for value in values if value in KNOWN[name])
            elif name in ("networks", "criteria"):
                found[name] = values
        except ValueError:
            continue
    return found


def written(lists: Mapping[str, Any]) -> str:
    """As `read` takes it."""

    def told(value) -> str:
        if isinstance(value, bool):
            return str(int(value))
        return str(value) if isinstance(value, int) else "|".join(f"{one}" for one in value)

    return ";".join(f"{name}:{told(value)}" for name, value in lists.items())


def comparison_of(recipe: Recipe, lists: Mapping[str, Any]) -> Comparison:
    """Raises ValueError in one sentence where the lists make none."""
    recipes = tuple(one.to_dict() for one in added_recipes.recipes())
    seeds, controls = tuple(range(lists["seeds"])), None if lists["controls"] else "none"
    if recipes and not lists["product"]:
        return Comparison(criteria=(), seeds=seeds, controls=controls, recipes=recipes)
    empty = [FIELDS[name] for name in FIELDS if not lists[name] and not (name == "criteria" and recipes)]
    if empty:
        raise ValueError(f"Nothing is chosen under: {'; '.join(empty)}. Choose one or more there")
    pairs = [pair_in(one) for one in lists["networks"]]
    models, datasets = (tuple(dict.fromkeys(names)) for names in zip(*pairs, strict=True))
    if len(models) * len(datasets) != len(pairs):
        raise ValueError(
            "Networks and data are combined with each other: choose networks for one data set, or data sets "
            "for one network"
        )
    for name in models:
        state.must_be_known(name)
    for name in set(datasets) - set(DATA) - {recipe.data}:
        raise ValueError(f"There is no data set {name} here; choose it on Start first")
    return Comparison(
        models=models,
        datasets=datasets,
        criteria=tuple(lists["criteria"]),
        cuts=tuple(lists["cuts"]),
        measures=tuple(lists["measures"]),
        allocations=tuple(lists["allocations"]),
        repairs=tuple(lists["repairs"]),
        epochs=(lists["epochs"],),
        seeds=seeds,
        controls=controls,
        settings=settings(recipe, pairs),
        recipes=recipes,
    )


def pair_in(text: str) -> tuple[str, str]:
    """Network and data of one text. The path of a network of one's own may have spaces in it, and ends with
    .py:FACTORY."""
    end = text.find(" ", max(0, text.find(".py:")))
    return (text[:end], text[end + 1 :]) if end >= 0 else (text, "")


def settings(recipe: Recipe, pairs: list) -> dict[str, Any]:
    """What the other pages have set and every recipe is to have; weights of one's own only where the network
    and the data are those they are for."""
    own = pairs == [(recipe.model, recipe.data)]
    told = {name: value for name, value in recipe.differences().items() if name in SHARED}
    return told if own else {n: v for n, v in told.items() if n not in ("checkpoint", "normalize", "size")}


def title_of(asked: Comparison) -> str:
    """What is compared, in a few words."""
    parts = []
    if asked.criteria:
        where = [f"{display_names.network(m)} on {display_names.data(d)}"
                 for m in asked.models for d in asked.datasets]  # fmt: skip
        parts.append(", ".join(where[:2]) + (f" and {len(where) - 2} others" if len(where) > 2 else ""))
        for values, word in (
            (asked.every_criterion, "criteria"),
            (asked.cuts, "ratios"),
            (asked.allocations, "allocations"),
            (asked.repairs, "repairs"),
        ):
            if len(values) > 1:
                parts.append(f"{len(values)} {word}")
    if asked.recipes:
        parts.append(f"{plural(len(asked.recipes), 'recipe')} chosen one by one")
    return ", ".join([*parts, plural(len(asked.seeds), "seed")])
