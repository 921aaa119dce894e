"""Two trainings with gates, of different seeds: which channels both closed, against chance."""

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.agreement import add_fate, grid
from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, QUIET
from pruning.terms import percent, sentence


def fates(first, second) -> pd.DataFrame:
    """A row a channel: group, channel, first and second (whether each training has closed it by now).

    first, second: with groups, sizes and, a row a step, values, the gates; of the same network. No rows where
    the two have other groups, or one of them has no step yet."""
    same = tuple(first.groups) == tuple(second.groups) and tuple(first.sizes) == tuple(second.sizes)
    if not same or first.rows.empty or second.rows.empty:
        return pd.DataFrame({"group": [], "channel": [], "first": [], "second": []})
    return pd.DataFrame(
        {
            "group": [
                name for name, size in zip(first.groups, first.sizes, strict=True) for _ in range(size)
            ],
            "channel": [channel for size in first.sizes for channel in range(size)],
            "first": first.values[-1] == 0,
            "second": second.values[-1] == 0,
        }
    )


def by_chance(table: pd.DataFrame) -> float:
    """How many channels both would close if each drew as many of a group as it has closed. table: `fates`."""
    groups = table.groupby("group", sort=False)
    return float((groups["first"].sum() * groups["second"].sum() / groups.size()).sum())


def agreement(table: pd.DataFrame, names: tuple[str, str]) -> go.Figure:
    """Group x channel: a mark by who closed it. table: `fates`.   names: what the two are called."""
    figure = go.Figure(layout=grid(list(dict.fromkeys(table["group"])), row=20))
    if table.empty:
        nothing(figure, "Both runs need gates on the same channels, and one step of training")
        return figure
    one, two = table["first"].astype(bool), table["second"].astype(bool)
    places = table.set_index(["group", "channel"])
    for chosen, name, marker in (
        (~one & ~two, "both open", {"symbol": "square-open", "size": 5, "color": QUIET}),
        (one & two, "both closed", {"symbol": "square", "size": 9, "color": CUT}),
        (one & ~two, f"only {names[0]} closed", {"symbol": "circle", "size": 8, "color": QUIET}),
        (two & ~one, f"only {names[1]} closed", {"symbol": "diamond", "size": 8, "color": KEPT}),
    ):
        add_fate(figure, places[chosen.to_numpy()], name, marker)
    return figure


def agreement_in_words(table: pd.DataFrame, names: tuple[str, str]) -> str:
    """How many the two have in common, and how many they would by chance."""
    if table.empty:
        return "There is nothing to compare yet."
    one, two = int(table["first"].sum()), int(table["second"].sum())
    both, chance = int((table["first"] & table["second"]).sum()), by_chance(table)
    words = f"{names[0]} has closed {one:,} of {len(table):,} channels, {names[1]} {two:,}, "
    words = sentence(words) + f"{both:,} of them the same. "
    words += f"Drawn at random, as many per group, they would share {chance:.0f}."
    if min(one, two) == 0:
        return words
    more = (both - chance) / max(1.0, min(one, two) - chance)
    if more < 0.15:
        return words + " So which channel is closed is mostly chance: the widths matter more than the choice."
    return words + f" That is {percent(more, 0)} of the agreement possible beyond chance."
