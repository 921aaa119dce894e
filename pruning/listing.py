"""What `list` tells, as rows: plain dicts, so that the table and the JSON say the same."""

from pruning.criteria import CRITERIA
from pruning.experiment.recipe import Recipe


def models() -> list[dict]:
    from pruning.models import MODELS, bundled

    pairs = bundled()
    return [
        {
            "name": known.name,
            "size": known.size,
            "bundled_on": [data for model, data in pairs if model == known.name],
            "meaning": known.meaning,
        }
        for known in MODELS.values()
    ]


def data() -> list[dict]:
    from pruning.data.registry import DATA

    return [{"name": d.name, "offline": d.offline, "meaning": d.meaning} for d in DATA.values()]


def criteria() -> list[dict]:
    return [
        {
            "name": c.name,
            "uses_data": c.uses_data,
            "uses_labels": c.uses_labels,
            "unit": c.unit,
            "options": {name: option.default for name, option in c.options.items()},
            "meaning": c.meaning,
        }
        for c in CRITERIA.values()
    ]


def groups(recipe: Recipe) -> list[dict]:
    """The network's channel groups, then its layers that cannot be cut, each with the reason. Needs no
    weights."""
    import torch

    from pruning.channels.graph import ChannelGraph
    from pruning.experiment.sources import located
    from pruning.models import load_model

    checkpoint = located(recipe.checkpoint, "checkpoint") if recipe.checkpoint else "none"
    model = load_model(recipe.model, recipe.data, checkpoint, size=recipe.size)
    graph = ChannelGraph(model, torch.rand(1, 3, model.origin.size, model.origin.size))
    rows = [
        {
            "name": group.name,
            "channels": group.size,
            "inner": group.inner,
            "tied_to": list(group.tied_to),
            "read_by": list(group.readers),
            "reason": "",
        }
        for group in graph.groups
    ]
    fixed = [
        {"name": layer, "channels": 0, "inner": False, "tied_to": [], "read_by": [], "reason": why}
        for layer, why in graph.fixed.items()
    ]
    return rows + fixed


def as_table(rows: list[dict]) -> str:
    """Columns as wide as what they hold; lists joined by commas."""
    if not rows:
        return "nothing"
    names = list(rows[0])
    cells = [[_text(row[name]) for name in names] for row in rows]
    widths = [min(60, max(len(row[c]) for row in [names, *cells])) for c in range(len(names))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [names, *cells]
    ]
    return "\n".join(lines)


def _text(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}={part}" for name, part in value.items()) or "-"
    return ", ".join(map(str, value)) or "-" if isinstance(value, list) else str(value)
