"""How wide every channel group was and is: what a plan or a finished run does to the network's structure."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.method_style import CUT, KEPT, QUIET
from pruning.figures.name_ticks import name_ticks
from pruning.terms import plural

WIDE = 25  # groups; more of them take thinner bars


def structure(widths: pd.DataFrame) -> go.Figure:
    """A bar a group: channels that stay, then those that go.

    widths: as `Plan.table()`: group, before, after (counts), share_cut (0 to 1), tied_to ("" for none), and
    where blocks may have closed, closed (which, "" for none).
    """
    figure = go.Figure(layout=layout(widths))
    gone = widths["before"] - widths["after"]
    whole = widths[gone == 0]
    for rows, name, column, colour, pattern in (
        (whole, "not cut", whole["after"], QUIET, ""),
        (widths[gone > 0], "kept", widths["after"][gone > 0], KEPT, ""),
        (widths[gone > 0], "cut", gone[gone > 0], CUT, "/"),
    ):
        figure.add_bar(
            x=column.to_numpy("float32"),
            y=rows["group"],
            name=name,
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern}},
            customdata=np.stack([rows["before"], rows["after"], 100 * rows["share_cut"]], axis=1),
            hovertext=[hover(row) for _, row in rows.iterrows()],
            text=[block_closed(row) if name == "cut" else "" for _, row in rows.iterrows()],
            textposition="auto",
            hovertemplate="%{y}: %{customdata[1]} of %{customdata[0]} channels kept "
            "(%{customdata[2]:.1f} % cut)<br>%{hovertext}<extra></extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=widths["group"].tolist())
    if widths.empty:
        figure.add_annotation(text="No group of this network can be cut", showarrow=False)
    return figure


def layout(widths: pd.DataFrame) -> dict:
    row = 22 if len(widths) <= WIDE else 15  # pixels
    return {
        "xaxis_title": "channels",
        "yaxis": {"autorange": "reversed", "type": "category", **name_ticks(widths["group"].tolist())},
        "barmode": "stack",
        "bargap": 0.25,
        "height": 110 + row * max(4, len(widths)),
        "margin": {"t": 30, "b": 50},
        "showlegend": True,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1, "x": 0, "traceorder": "normal"},
    }


def hover(row: pd.Series) -> str:
    return "<br>".join(filter(None, (block_closed(row), tied(row["tied_to"]))))


def block_closed(row: pd.Series) -> str:
    return f"block {row['closed']} closed" if row.get("closed") else ""


def closed_blocks(widths: pd.DataFrame) -> list[str]:
    """The blocks that closed, in the order they run."""
    return [name for name in widths.get("closed", pd.Series(dtype=str)).unique() if name]


def tied(names: str | None) -> str:
    """names: None where an older report does not tell."""
    if names is None:
        return ""
    return f"pruned together with {names.replace(';', ',')}" if names else "coupled to no other layer"


def structure_in_words(widths: pd.DataFrame) -> str:
    """What the bars show, in a sentence or two."""
    if widths.empty:
        return "This network has no channel group that can be cut."
    cut = widths[widths["after"] < widths["before"]]
    if cut.empty:
        return (
            f"Nothing is cut: all {widths['before'].sum():,} channels of {plural(len(widths), 'group')} "
            "are kept."
        )
    gone, before = int((cut["before"] - cut["after"]).sum()), int(widths["before"].sum())
    most = cut.loc[cut["share_cut"].idxmax()]
    words = f"{gone:,} of {before:,} channels are cut in {plural(len(cut), 'group')}, the largest share in "
    words += f"{most['group']} ({most['after']} of {most['before']} are kept)."
    if blocks := closed_blocks(widths):
        words += f" Of {plural(len(blocks), 'block')} nothing is left but what goes around it: "
        words += ", ".join(f"block {name} closed" for name in blocks) + "."
    untouched = len(widths) - len(cut)
    if untouched:
        words += f" {plural(untouched, 'group is', 'groups are')} not cut."
    return words
