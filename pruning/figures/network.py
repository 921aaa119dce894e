"""The network's channel groups as lines: layers in the order they run, each on the line of the group it
writes.

Drawn as a map of underground lines, since writers times readers of a residual stream are too many arrows: a
group's line runs from the first layer that writes it to the last that reads it, and every reader has a branch
from it. Groups whose lines do not meet share a lane, so ResNet-50's 37 take four."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import KEPT, LEGEND, PALETTE, QUIET
from pruning.terms import plural

GREYS = (QUIET, "#717581")  # what stays whole
COLOURS = tuple(colour for colour in PALETTE if colour not in GREYS)
ROLES = {
    "writes": ("writes the group's channels", "circle", KEPT),
    "passes": ("passes its channels on (depth-wise)", "diamond", KEPT),
    "fixed": ("cannot be cut", "square", QUIET),
}
SIZES = {"diamond": 1.3}  # as large to the eye as a circle
MOST_LABELS, MOST_NAMES = 24, 5
GAP = 0.025  # of the width: what a slanted label takes
WIDTH, LETTER = 900, 6.5  # pixels: of the drawing on a usual screen, of a letter below it


def network(links: pd.DataFrame, opened: str | None = None) -> go.Figure:
    """Layers from left to right, groups as coloured lines, what cannot be cut in grey.

    links: a row for each group that a layer touches: place (0, 1 ... in the order they run), layer, kind,
    inputs, outputs (counts, 0 if unknown), role (writes, passes: depth-wise, reads, fixed: writes none),
    group ("" if fixed), channels (the group's size), stream (whether it is one, not inside a block), reason
    (why the layer stays whole, else "").   opened: the group that is drawn thick."""
    nodes, branches, lines = drawn(links)
    lanes = int(nodes["lane"].max()) + 1 if len(nodes) else 1
    columns = int(links["place"].max()) + 1 if len(links) else 1
    figure = go.Figure(layout=canvas(links, lanes, columns))
    thin, clear = (1, 0.6) if len(branches) > 300 else (2, 1)
    add_segments(figure, uprights(nodes), QUIET, thin)
    for colour in COLOURS:
        add_segments(figure, branches[branches["colour"] == colour], colour, thin, clear)
    for colour in COLOURS:
        add_segments(figure, lines[lines["colour"] == colour], colour, thin + 1)
    for part, width in ((branches, 3 * thin), (lines, 6)):
        chosen = part[part["group"] == opened]
        add_segments(figure, chosen, next(iter(chosen["colour"]), QUIET), width)
    size = float(np.clip(700 / columns, 4, 13))
    for role in ROLES:
        add_nodes(figure, nodes[nodes["role"] == role], role, size)
    if links.empty:
        nothing(figure, "This network has no convolution or linear layer")
    return figure


# ------------------------------------------------------------------------------------------- what goes where


def drawn(links: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Nodes (rows of links with lane, colour and text), and as segments with group, colour, x, y, to_x, to_y:
    the branches to the readers, and the lines from which they leave."""
    links = links.assign(lane=lanes(links).reindex(keys(links)).to_numpy(int))
    links["colour"] = links["group"].map(colours(links) | {"": QUIET})
    reads = links["role"] == "reads"
    nodes, readers = links[~reads], links[reads]
    nodes = nodes.assign(text=hover(nodes, readers))
    branches = to_readers(nodes, readers)
    ends = [
        nodes[["group", "colour", "lane", "place"]].rename(columns={"place": "x", "lane": "y"}),
        branches,
    ]
    spans = pd.concat(ends)[["group", "colour", "x", "y"]].query("group != ''").groupby("group", sort=False)
    lines = spans.agg(colour=("colour", "first"), x=("x", "min"), to_x=("x", "max"), y=("y", "first"))
    return nodes, branches, lines.assign(to_y=lines["y"]).reset_index()


def keys(links: pd.DataFrame) -> pd.Series:
    """What has a lane: a group, or a layer that writes none."""
    return links["group"].where(links["role"] != "fixed", "layer at " + links["place"].astype(str))


def lanes(links: pd.DataFrame) -> pd.Series:
    """{key: lane}, 0 on top, where the streams are. Two share a lane where one ends before the other begins,
    or at the layer that reads the one and writes the other; of several free lanes, the one that goes on."""
    spans = links.assign(key=keys(links), inner=~links["stream"].astype(bool)).groupby("key", sort=False)
    spans = spans.agg(first=("place", "min"), last=("place", "max"), inner=("inner", "first"))
    spans = spans.sort_values(["inner", "first"], kind="stable")
    found, ends, top = [], [], 0
    for span in spans.itertuples():
        free = [lane for lane in range(top if span.inner else 0, len(ends)) if ends[lane] <= span.first]
        lane = max(free, key=lambda lane: ends[lane], default=len(ends))
        ends[lane : lane + 1] = [span.last]  # also where the lane is a new one
        top = top if span.inner else len(ends)  # below it lies what is inside blocks
        found.append(lane)
    return pd.Series(found, spans.index, dtype=int)


def colours(links: pd.DataFrame) -> dict[str, str]:
    """{group: colour}. There are more groups than colours that can be told apart: of those that the fewest
    groups nearby have, the one not used for longest."""
    spans = links[links["role"] != "fixed"].groupby("group", sort=False)["place"].agg(["min", "max"])
    found: dict[str, str] = {}
    used = dict.fromkeys(COLOURS, 0)
    for number, (group, first, last) in enumerate(spans.itertuples(), start=1):
        near = spans.index[(spans["min"] <= last + 1) & (spans["max"] >= first - 1)]
        taken = [found[other] for other in near if other in found]
        found[group] = min(COLOURS, key=lambda colour: (taken.count(colour), used[colour]))
        used[found[group]] = number
    return found


def to_readers(nodes: pd.DataFrame, readers: pd.DataFrame) -> pd.DataFrame:
    """A branch leaves its line one place before its reader, so that it crosses no other layer's column, and
    goes to the nearest of the reader's own marks."""
    first = nodes.groupby("group")["place"].min()
    own = nodes.groupby("place")["lane"].agg(list)
    rows = [
        (
            read.group,
            read.colour,
            max(read.place - 1, first[read.group]),
            read.lane,
            read.place,
            min(own[read.place], key=lambda lane: abs(lane - read.lane)),
        )
        for read in readers.itertuples()
    ]
    return pd.DataFrame(rows, columns=["group", "colour", "x", "y", "to_x", "to_y"])


def uprights(nodes: pd.DataFrame) -> pd.DataFrame:
    """What joins the marks of a layer that writes several groups."""
    found = nodes.groupby("place").agg(y=("lane", "min"), to_y=("lane", "max")).query("y < to_y")
    return found.reset_index(names="x").assign(to_x=found.index)


def blocks(layers: Sequence[str]) -> list[tuple[int, str]]:
    """Where a new part of the network begins, and its name: as many parts of the dotted names as leave no
    more labels than can be read."""
    best = []
    for depth in range(1, 1 + max((name.count(".") + 1 for name in layers), default=0)):
        parts = [".".join(name.split(".")[:depth]) for name in layers]
        begins = [(p, part) for p, part in enumerate(parts) if p == 0 or parts[p - 1] != part]
        if best and len(begins) > MOST_LABELS:
            break
        best = begins
    return apart(best, len(layers))


def apart(begins: list[tuple[int, str]], columns: int) -> list[tuple[int, str]]:
    """Without the labels that would lie over another's: the part of more layers keeps its own."""
    ends = {begin: end for begin, (end, _) in itertools.pairwise([*begins, (columns, "")])}
    kept: list[tuple[int, str]] = []
    for begin in sorted(begins, key=lambda begin: begin[0] - ends[begin]):
        if all(abs(begin[0] - other) >= GAP * columns for other, _ in kept):
            kept.append(begin)
    return sorted(kept)


# ------------------------------------------------------------------------------------------------- the marks


def canvas(links: pd.DataFrame, lanes: int, columns: int) -> dict:
    """The layout: a label at the first layer of every part of the network, no other axis."""
    begins = blocks(links.drop_duplicates("place").sort_values("place")["layer"].tolist())
    places = [*(place for place, _ in begins), columns]
    room = [(end - place) * WIDTH / columns for place, end in itertools.pairwise(places)]  # pixels
    letters = [LETTER * len(name) for _, name in begins]
    slanted = any(width > space - LETTER for width, space in zip(letters[:-1], room, strict=False))
    below = max(letters, default=0) / 2 if slanted else 10  # half: they slant by 30 degrees
    beside = letters[-1] * (0.87 if slanted else 1) - room[-1] if begins else 0
    lane = 30 if lanes <= 8 else 18 if lanes <= 20 else 12  # pixels
    return {
        "height": 100 + lane * (1 + lanes) + below,
        "xaxis": {
            "tickvals": places[:-1],
            "ticktext": [name for _, name in begins],
            # upright where the window is too narrow for a slant
            **({"autotickangles": [30, 90], "automargin": "height"} if slanted else {"tickangle": 0}),
            "ticklabelposition": "outside" if slanted else "outside right",
            "ticklabeloverflow": "allow",
            "range": [-0.8, columns - 0.2],
            "zeroline": False,
            "showgrid": True,
        },
        "yaxis": {"visible": False, "range": [lanes - 0.4, -0.6]},
        "margin": {"t": 40, "b": 25 + below, "l": 10, "r": float(np.clip(beside, 10, 100))},
        **LEGEND,
        "hovermode": "closest",
    }


def add_segments(figure: go.Figure, part: pd.DataFrame, colour: str, width: float, opacity: float = 1):
    """All segments of one colour as one line with gaps."""
    if part.empty:
        return
    gap = np.full(len(part), np.nan)
    figure.add_scatter(
        x=np.column_stack([part["x"], part["to_x"], gap]).ravel().astype("float32"),
        y=np.column_stack([part["y"], part["to_y"], gap]).ravel().astype("float32"),
        mode="lines",
        line={"color": colour, "width": width},
        opacity=opacity,
        hoverinfo="skip",
        showlegend=False,
    )


def add_nodes(figure: go.Figure, part: pd.DataFrame, role: str, size: float):
    """The layers of one role, and their entry in the legend."""
    if part.empty:
        return
    name, symbol, shown = ROLES[role]
    figure.add_scatter(
        x=part["place"].to_numpy("float32"),
        y=part["lane"].to_numpy("float32"),
        mode="markers",
        marker={"symbol": symbol, "size": size * SIZES.get(symbol, 1), "color": part["colour"], "opacity": 1},
        text=part["text"],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    legend = {"symbol": symbol, "size": 10, "color": shown}
    figure.add_scatter(x=[None], y=[None], name=name, mode="markers", marker=legend, hoverinfo="skip")


def hover(nodes: pd.DataFrame, readers: pd.DataFrame) -> list[str]:
    """What is read at each mark."""
    writers = nodes[nodes["role"] == "writes"].groupby("group")["layer"].agg(list).to_dict()
    read = readers.groupby("place")["group"].agg(list).to_dict()
    texts = []
    for node in nodes.itertuples():
        lines = [f"<b>{node.layer}</b>, {node.kind}"]
        if node.outputs:
            lines.append(f"{node.inputs:,} inputs, {node.outputs:,} outputs")
        if node.group:
            lines.append(f"group {node.group}: {node.channels:,} channels")
            tied = [name for name in writers.get(node.group, []) if name != node.layer]
            lines.append("pruned together with " + few(tied) if tied else "coupled to no other layer")
        if read.get(node.place):
            lines.append("reads " + few(read[node.place]))
        if node.reason:
            lines.append(f"cannot be cut: {node.reason}")
        texts.append("<br>".join(lines))
    return texts


def few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    told = "".join(f"<br>   {name}" for name in names[:MOST_NAMES]) if len(names) > 2 else ", ".join(names)
    return told + (f"<br>   and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


# ------------------------------------------------------------------------------------------------- in words


def network_in_words(links: pd.DataFrame, opened: str | None = None) -> str:
    """How many groups there are, which are tied, and what stays."""
    if links.empty:
        return "This network has no convolution or linear layer."
    fixed = links.loc[links["role"] == "fixed", "layer"]
    stays = f"{fixed.iloc[0]} cannot be cut." if len(fixed) == 1 else f"{len(fixed)} layers cannot be cut."
    stays = stays if len(fixed) else "Every layer can be cut."
    groups = links.loc[links["role"] == "writes", ["group", "layer"]].groupby("group", sort=False)["layer"]
    layers = links["place"].nunique()
    words = "1 layer. " if layers == 1 else f"{layers} layers, in execution order. "
    if not groups.ngroups:
        return words + stays
    thick = f" (the thick one is {opened}'s)" if opened in groups.groups else ""
    words += (
        f"Their outputs form {plural(groups.ngroups, 'channel group')}: each is a line from the layers that "
    )
    words += f"write it to those that read it{thick}. "
    return words + tied_in_words(groups.count()) + stays


def tied_in_words(writers: pd.Series) -> str:
    """writers: {group: how many layers write it}."""
    tied = writers[writers > 1]
    if tied.empty:
        return "No layers are coupled: each group is written by one layer. "
    if len(tied) == 1:
        return f"{tied.index[0]} is written by {tied.iloc[0]} coupled layers, which are pruned together. "
    return (
        f"{len(tied)} groups are written by several coupled layers, which are pruned together; the largest "
        f"is that of {tied.idxmax()}, with {tied.max()} layers. "
    )
