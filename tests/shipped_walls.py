"""The walls that come with the project, as the Start page shows them."""

from pruning.experiment import Recipe
from pruning.shipped import store
from pruning.shipped.questions import wall_parts
from pruning.ui.wall.wall_data import Shown, combine


def shipped_wall(recipe: Recipe) -> Shown | None:
    """As far as it ships; None where nothing does."""
    parts = [store.value(recipe, question.place) for question in wall_parts(recipe)]
    known = [part for part in parts if part is not None]
    return combine(known) if known else None
