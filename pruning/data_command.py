"""`python -m pruning data`: what a data set holds, before anything is run on it."""

import json
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pruning.experiment.recipe import Recipe
from pruning.terms import percent, plural

if TYPE_CHECKING:
    from pruning.data import Dataset


def data(
    what: Annotated[str, Parameter(help="A listed data set, or a path.")],
    /,
    *,
    size: Annotated[
        int | None, Parameter(help="Side of the images in pixels. Default: the data's own.")
    ] = None,
    seed: Annotated[int, Parameter(help="Seed of the split into parts, where the data has none.")] = 0,
    as_json: Annotated[bool, Parameter(name="--json", help="As JSON, for scripts.", negative="")] = False,
):
    """Tells what a data set holds: its parts, classes, how often each occurs, and what was taken how."""
    from pruning.data import load_data

    recipe = Recipe(data=what, size=size, seed=seed)  # refuses what is no size and no seed
    told = described(load_data(recipe.data, seed=recipe.seed, size=recipe.size))
    print(json.dumps(told, indent=2) if as_json else in_words(told))


def described(dataset: "Dataset") -> dict[str, Any]:
    from pruning.data.class_balance import class_balance, counted_in, uncounted

    return {
        "name": dataset.name,
        "task": dataset.task.name,
        "size": dataset.size,
        "images": {part: len(getattr(dataset, part)) for part in ("train", "holdout", "test")},
        "shares_of": counted_in(dataset),
        "classes": class_balance(dataset),
        "uncounted": uncounted(dataset),
        "digest": dataset.digest,
        "messages": list(dataset.messages),
    }


def in_words(told: dict[str, Any]) -> str:
    from pruning.listing import columns

    images, size = told["images"], told["size"]
    paragraphs = [
        f"{told['name']}: {told['task']}, {plural(len(told['classes']), 'class', 'classes')}, images of "
        f"{size} x {size} pixels: {images['train']:,} for training, {images['holdout']:,} held out of them, "
        f"{images['test']:,} for the test"
    ]
    if told["classes"]:
        paragraphs.append(columns([table_row(row, told["shares_of"]) for row in told["classes"]]))
    if told["uncounted"]:
        shares = {part: percent(share) for part, share in told["uncounted"].items()}
        paragraphs.append(
            f"do not count: {shares['train']} of the training pixels, {shares['test']} of the test pixels"
        )
    paragraphs += ["\n".join(told["messages"])] if told["messages"] else []
    return "\n\n".join(paragraphs)


def table_row(row: dict[str, Any], shares_of: str) -> dict[str, str]:
    shown = {"number": str(row["number"]), "class": row["class"]}
    for part, head in (("train", "training"), ("test", "test")):
        shown[f"{head} images"] = f"{row[f'{part}_images']:,}"
        shown[f"of {head} {shares_of}"] = percent(row[f"{part}_share"])
    return shown
