"""`python -m pruning data`: what a data set holds, before anything is run on it."""

import json
from typing import Annotated, Any

from cyclopts import Parameter

from pruning.experiment.recipe import Recipe
from pruning.progress_bars import Bars


def data(
    what: Annotated[str, Parameter(help="A listed data set, or a path.")],
    /,
    *,
    size: Annotated[
        int | None, Parameter(help="Side of the images in pixels. Default: the data's own.")
    ] = None,
    as_json: Annotated[bool, Parameter(name="--json", help="As JSON, for scripts.", negative="")] = False,
):
    """Tells what a data set holds: its parts, classes, how often each occurs, and what was taken how."""
    from pruning.data import load_data
    from pruning.data.description import described

    recipe = Recipe(data=what, size=size)  # refuses what is no size
    with Bars() as watch:
        told = described(load_data(recipe.data, size=recipe.size, watch=watch))
    print(json.dumps(told, indent=2) if as_json else in_words(told))


def in_words(told: dict[str, Any]) -> str:
    from pruning.data.description import in_one_line, table_row
    from pruning.listing import columns

    paragraphs = [in_one_line(told)]
    if told["classes"]:
        paragraphs.append(columns([table_row(row, told["shares_of"]) for row in told["classes"]]))
    paragraphs += ["\n".join(told["messages"])] if told["messages"] else []
    return "\n\n".join(paragraphs)
