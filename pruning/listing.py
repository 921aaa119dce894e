"""What `list` tells, as rows: plain dicts, so that the table and the JSON say the same."""

import textwrap
from itertools import groupby, zip_longest

from pruning import terms
from pruning.channels.structure import Structure
from pruning.criteria import CRITERIA, resolve_options
from pruning.experiment.recipe import Recipe
from pruning.models.own_code import is_own

LINE = 44  # letters of a list in one cell's line
PAGE = 100  # of a list that stands alone
GROUPS = {  # what the table of groups shows of a row, and as what
    **{"name": "group", "size": "channels", "kind": "kind", "positions": "positions"},
    **{"tied_to": "pruned together with", "readers": "read by"},
}


def models() -> list[dict]:
    from pruning.models import MODELS, bundled

    pairs = bundled()
    return [
        {
            "name": known.name,
            "task": known.task.name,
            "size": known.size,
            "bundled_on": [data for model, data in pairs if model == known.name],
            "meaning": known.meaning,
        }
        for known in MODELS.values()
    ]


def torchvisions() -> str:
    """Torchvision's networks, which take weights from a file: a paragraph for each thing that they answer."""
    from pruning.models import torchvision_names
    from pruning.models.build import task_of
    from pruning.models.torchvision_index import TORCHVISION

    found: dict[str, list[str]] = {}
    for name in torchvision_names():
        found.setdefault(task_of(name).answers, []).append(name.removeprefix(TORCHVISION))
    told = [
        f"{TORCHVISION}NAME with --checkpoint FILE, {answers}:\n"
        + textwrap.fill(
            ", ".join(names), PAGE, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
        )
        for answers, names in found.items()
    ]
    return "\n\n".join(told)


def data() -> list[dict]:
    from pruning.data.registry import DATA

    return [{"name": d.name, "offline": d.offline, "meaning": d.meaning} for d in DATA.values()]


def criteria() -> list[dict]:
    """In the groups and the order of every list."""
    ordered = ((group, CRITERIA[name]) for group, names in terms.grouped(CRITERIA).items() for name in names)
    return [
        {
            "name": c.name,
            "group": group,
            "uses_data": c.uses_data,
            "uses_labels": c.uses_labels or c.trained,
            "unit": c.unit_of(dict(resolve_options(c.name, {}))),
            "options": {name: option.default for name, option in c.options.items()},
            "meaning": c.meaning,
        }
        for group, c in ordered
    ]


def groups(recipe: Recipe) -> list[dict]:
    """The network's channel groups, then its layers that cannot be cut, each with the reason as `fixed`.
    Needs no weights; of code of one's own, and where a task is named, the data, which say what is given."""
    import torch

    from pruning.channels.graph import ChannelGraph
    from pruning.experiment.uploaded_files import located
    from pruning.models import load_model

    if is_own(recipe.model) or recipe.task:
        from pruning.experiment.loading import load

        return group_rows(load(recipe).graph.structure)
    checkpoint = located(recipe.checkpoint, "checkpoint") if recipe.checkpoint else "none"
    model = load_model(recipe.model, recipe.data, checkpoint, size=recipe.size)
    channels = getattr(model, "input_channels", 3)  # of pictures with maps of the domain asked for
    graph = ChannelGraph(model, torch.rand(1, channels, model.origin.size, model.origin.size))
    return group_rows(graph.structure)


def group_rows(structure: Structure) -> list[dict]:
    """A row a group, named as in ChannelGroup, then a row a layer that stays whole, with its reason."""
    rows = [
        {
            "name": group.name,
            "size": group.size,
            "kind": "inner" if group.inner else "stream",
            "positions": group.positions,
            "layers": list(group.layers),
            "tied_to": list(group.tied_to),
            "readers": list(group.readers),
            "fixed": None,
        }
        for group in structure.groups
    ]
    empty = {"size": 0, "kind": "fixed", "positions": 0, "tied_to": [], "readers": []}
    stays = whole(structure).items()
    return rows + [{"name": layer, **empty, "layers": [layer], "fixed": why} for layer, why in stays]


def whole(structure: Structure) -> dict[str, str]:
    """{layer: why none of its channels can be cut}, in the order they run, depth-wise convolutions too."""
    found = {}
    for layer in structure.layers:
        if layer.name in structure.fixed:
            found[layer.name] = structure.fixed[layer.name]
        elif layer.kind == "depth-wise convolution" and not structure.maps.get(layer.weight):
            found[layer.name] = "it passes on the channels that it reads, and those stay"
    return found


def as_table(rows: list[dict]) -> str:
    """Columns as wide as what they hold; lists joined by commas. Of groups the table, and below it what
    cannot be cut; of criteria a table for each of their groups."""
    if not rows:
        return "nothing"
    if "group" in rows[0]:
        parts = {name: list(part) for name, part in groupby(rows, lambda row: row["group"])}
        return "\n\n".join(
            (f"{name}: {terms.in_common(name)}\n\n{_ungrouped(part)}") for name, part in parts.items()
        )
    if "fixed" not in rows[0]:
        return columns(rows)
    cut = [{head: row[name] for name, head in GROUPS.items()} for row in rows if row["fixed"] is None]
    stays = [f"  {row['name']}: {row['fixed']}" for row in rows if row["fixed"] is not None]
    first = [columns(cut)] if cut else ["no channel group can be cut"]
    return "\n\n".join([*first, *(["\n".join(["cannot be cut:", *stays])] if stays else [])])


def _ungrouped(rows: list[dict]) -> str:
    return columns([{name: value for name, value in row.items() if name != "group"} for row in rows])


def columns(rows: list[dict]) -> str:
    """A line a row, or several where a list is long."""
    names = list(rows[0])
    cells = [[_lines(row[name]) for name in names] for row in rows]
    cells.insert(0, [[name] for name in names])
    widths = [min(60, max(len(line) for row in cells for line in row[c])) for c in range(len(names))]
    lines = [
        "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for row in cells
        for parts in zip_longest(*row, fillvalue="")
    ]
    return "\n".join(lines)


def _lines(value) -> list[str]:
    """A cell's text; that of a list in lines of a readable length."""
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, dict):
        return [", ".join(f"{name}={part}" for name, part in value.items()) or "-"]
    if isinstance(value, list):
        joined = ", ".join(map(str, value)) or "-"
        return textwrap.wrap(joined, LINE, break_long_words=False, break_on_hyphens=False)
    return [str(value)]
