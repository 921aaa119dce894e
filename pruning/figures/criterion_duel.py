"""Who is right? The channels on which two criteria differ most, what each saw, and what was measured."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.agreement import swaps
from pruning.figures.channel_group import finite, ranked_bars
from pruning.figures.method_style import LEGEND, QUIET, colour
from pruning.terms import plural, title

REMOVALS = {"alone": "that channel alone", "all": "all channels it cuts in this group"}


class Case(NamedTuple):
    """Where two criteria differ most. group: with most channels that only one of them cuts, `differ` of the
    `cut` that the own one cuts.   mine, theirs: a channel that only the own criterion cuts, and one that only
    the other cuts.   all_mine, all_theirs: all that each cuts in this group."""

    group: str
    differ: int
    cut: int
    mine: int
    theirs: int
    all_mine: tuple[int, ...]
    all_theirs: tuple[int, ...]


def case_of(channels: pd.DataFrame, own: str, other: str) -> Case | None:
    """channels: `channel_table`s of both, among others. None where no group has a channel that only one cuts
    and another that only the other cuts.

    Of the pairs in the group the one on which the ranks differ most."""
    differ = swaps(channels, own, other)
    differ = differ.assign(gap=(differ["rank_other"] - differ["rank_own"]).abs())
    sides = {who: differ[differ["cut_by"] == title(who)] for who in (own, other)}
    counts = {who: part["group"].value_counts() for who, part in sides.items()}
    both = counts[own].add(counts[other]).dropna()  # of groups in which each has some of its own
    if both.empty:
        return None
    groups = list(dict.fromkeys(channels["group"]))
    group = max(both.index, key=lambda name: (both[name], -groups.index(name)))
    mine, theirs = (
        int(
            part[part["group"] == group].sort_values("gap", ascending=False, kind="stable")["channel"].iloc[0]
        )
        for part in sides.values()
    )
    cut = channels[(channels["group"] == group) & channels["cut"].astype(bool)]
    all_mine, all_theirs = (
        tuple(cut.loc[cut["criterion"] == who, "channel"].astype(int).tolist()) for who in (own, other)
    )
    return Case(group, int(counts[own][group]), len(all_mine), mine, theirs, all_mine, all_theirs)


def case_in_words(case: Case, own: str, other: str) -> str:
    return (
        f"**{title(own)} would cut channel {case.mine} of {case.group} and keep channel {case.theirs}; "
        f"{title(other)} would do the reverse.** They differ most in this group: {title(other)} would keep "
        f"{case.differ} of the {case.cut} channels that {title(own)} cuts."
    )


def marked_bars(channels: pd.DataFrame, unit: str, case: Case) -> go.Figure:
    """One criterion's ranked bars of the group, with the two channels marked. channels: the rows of
    `channel_table` for one group and criterion."""
    figure = ranked_bars(channels, unit)
    heights = finite(channels).set_index("channel")["score"]
    order = list(figure.layout.xaxis.categoryarray)
    for channel in (case.mine, case.theirs):
        figure.add_annotation(
            x=order.index(str(channel)),  # an axis of names takes a number as a place
            y=float(heights[channel]),
            text=f"<b>{channel}</b>",
            arrowhead=2,
            ax=0,
            ay=-28,
            font={"size": 14},
        )
    return figure.update_layout(height=280)


def saw_in_words(channels: pd.DataFrame, criterion: str, case: Case) -> str:
    """What a criterion saw in the two channels. channels: as `marked_bars` takes them."""
    rows = channels.set_index("channel")
    order = channels.sort_values(["score", "channel"], ascending=[True, False], kind="stable")["channel"]
    place = {channel: at for at, channel in enumerate(order, start=1)}
    told = [
        f"channel {channel} {score(rows.loc[channel, 'score'])} (place {place[channel]} of {len(rows)}, "
        f"{'is cut' if rows.loc[channel, 'cut'] else 'stays'})"
        for channel in (case.mine, case.theirs)
    ]
    return f"{title(criterion)} gives {told[0]} and {told[1]}; place 1 is cut first."


def score(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "no score, since it is dead,"


def verdict(measured: pd.DataFrame, own: str, other: str) -> go.Figure:
    """By how much the own criterion's choice costs less, with its interval; a row a comparison.

    measured: removal, repaired, own, other, lead, low, high (nats), as
    `inspection.criterion_duel.MeasuredChoices.table`."""
    how = np.where(measured["repaired"], "recalibrated", "raw")
    names = [
        f"{REMOVALS[removal]},<br>{word}" for removal, word in zip(measured["removal"], how, strict=True)
    ]
    lead = measured["lead"].to_numpy("float32")
    figure = go.Figure(
        layout={
            "height": 110 + 50 * max(2, len(measured)),
            "margin": {"t": 30, "b": 50},
            "xaxis": {"title": "difference in cross-entropy (nats), 95 % interval over images"},
            "yaxis": {"autorange": "reversed", "ticksuffix": " "},
            "showlegend": False,
        }
    )
    figure.add_vline(x=0, line={"color": QUIET, "width": 1})
    figure.add_scatter(
        x=lead,
        y=names,
        mode="markers",
        marker={
            "size": 12,
            "symbol": np.where(lead > 0, "circle", "diamond"),
            "color": np.where(lead > 0, colour(own), colour(other)),
        },
        error_x=interval_bars(measured),
        customdata=measured[["own", "other"]].to_numpy("float32"),
        hovertemplate=f"without %{{y}}: %{{customdata[0]:+.4f}} nats by {title(own)}'s choice, "
        f"%{{customdata[1]:+.4f}} by {title(other)}'s<extra></extra>",
    )
    add_side(figure, 0.0, f"← {title(other)} right", "left")
    add_side(figure, 1.0, f"{title(own)} right →", "right")
    return figure


def interval_bars(measured: pd.DataFrame) -> dict:
    above, below = measured["high"] - measured["lead"], measured["lead"] - measured["low"]
    sides = {"array": above.to_numpy("float32"), "arrayminus": below.to_numpy("float32")}
    return {"type": "data", "symmetric": False, "color": QUIET, **sides}


def add_side(figure: go.Figure, x: float, text: str, anchor: str):
    """Says above the figure who is right on this side."""
    place = {"xref": "paper", "yref": "paper", "xanchor": anchor, "yanchor": "bottom", "showarrow": False}
    figure.add_annotation(x=x, y=1.0, text=text, **place)


def verdict_in_words(measured: pd.DataFrame, own: str, other: str, case: Case, images: int) -> str:
    """Who was right about the two channels, by how much, on how many images: with the norms recalibrated
    where they can be."""
    row = of(measured, "alone", repaired=bool(measured["repaired"].any()))
    how = "after batch norm recalibration" if row["repaired"] else "without any repair"
    cuts = f"cutting channel {case.mine} changes the cross-entropy by {row['own']:+.4f} nats and cutting "
    cuts += f"channel {case.theirs} by {row['other']:+.4f}, {how}"
    return f"{who_leads(row, own, other)}: {cuts}, on {images:,} hold-out images ({interval(row)})."


def choices_in_words(measured: pd.DataFrame, own: str, other: str, case: Case) -> str:
    """The same of all that each cuts in the group, and what it is before any repair."""
    raw = lead_in_words(of(measured, "all", repaired=False), own, other)
    if not measured["repaired"].any():
        return f"For all that each cuts in {case.group}: {raw}."
    mended = lead_in_words(of(measured, "all", repaired=True), own, other)
    return f"For all that each cuts in {case.group}: {mended}; before batch norm recalibration, {raw}."


def of(measured: pd.DataFrame, removal: str, *, repaired: bool) -> Mapping:
    return measured[(measured["removal"] == removal) & (measured["repaired"] == repaired)].iloc[0]


def who_leads(row: Mapping, own: str, other: str) -> str:
    if row["low"] <= 0 <= row["high"]:
        return "No difference these images can show"
    return f"{title(own if row['lead'] > 0 else other)} was right here"


def lead_in_words(row: Mapping, own: str, other: str) -> str:
    if row["low"] <= 0 <= row["high"]:
        return f"no difference these images can show ({interval(row)})"
    who = title(own if row["lead"] > 0 else other)
    return f"{who}'s choice costs {abs(row['lead']):.4f} nats less ({interval(row)})"


def interval(row: Mapping) -> str:
    """Of the difference, seen from the one that leads."""
    low, high = sorted(np.sign(row["lead"] or 1.0) * np.array([row["low"], row["high"]]))
    return f"difference {abs(row['lead']):.4f}, 95 %: {low:.4f} to {high:.4f}"


# ------------------------------------------------------------------------------- the oracle, and the labels


def oracle_bars(channels: pd.DataFrame) -> go.Figure:
    """What removing each channel alone costs, the cheapest first, raw and recalibrated. channels: channel,
    rise, rise_repaired (nats)."""
    ordered = channels.sort_values("rise_repaired", kind="stable")
    figure = go.Figure(
        layout={
            "height": 300,
            "margin": {"t": 30, "b": 50},
            **LEGEND,
            "xaxis": {
                "title": "channel, the cheapest to remove first",
                "type": "category",
                "showticklabels": len(ordered) <= 64,
            },
            "yaxis_title": "increase in cross-entropy (nats)",
        }
    )
    names = ordered["channel"].astype(str)
    hover = "channel %{x}: %{y:+.4f} nats<extra></extra>"
    figure.add_bar(
        x=names, y=ordered["rise_repaired"].to_numpy("float32"), name="recalibrated", hovertemplate=hover
    )
    raw = {"size": 7, "symbol": "diamond-open", "color": QUIET}
    figure.add_scatter(
        x=names,
        y=ordered["rise"].to_numpy("float32"),
        name="raw",
        mode="markers",
        marker=raw,
        hovertemplate=hover,
    )
    return figure


def oracle_in_words(criteria: pd.DataFrame, removed: int, exhaustive: bool, own: str) -> str:
    """criteria: criterion, foresight, foresight_repaired, regret (nats)."""
    best, rows = criteria.sort_values("regret", kind="stable").iloc[0], criteria.set_index("criterion")
    known = "the best possible choice" if exhaustive else "the best choice found"
    words = (
        f"For {plural(removed, 'channel')} at once {title(best['criterion'])} chooses best: "
        f"{best['regret']:.4f} nats worse than {known}"
    )
    if own in rows.index and own != best["criterion"]:
        words += f"; {title(own)}'s choice is {rows.loc[own, 'regret']:.4f} nats worse than it"
    if own in rows.index:
        words += f". The rank correlation of {title(own)}'s scores with these costs is "
        words += f"{rows.loc[own, 'foresight_repaired']:.2f} ({rows.loc[own, 'foresight']:.2f} before repair)"
    return words + "."


def labels_in_words(
    shuffles: pd.DataFrame, criterion: str, lead: float, low: float, high: float, aware: bool, images: int
) -> str:
    """Whether the labels matter. shuffles: a row a shuffle, cut and differ (channels).   lead, low, high: by
    how many nats true labels lead, and the 95 % interval.   aware: whether by two standard errors."""
    cut, differ = shuffles["cut"].mean(), shuffles["differ"].mean()
    times = plural(len(shuffles), "shuffle")
    counted = f"with shuffled labels {differ:.0f} of the {cut:.0f} cut channels would be others"
    measured = f"{lead:+.4f} nats for true labels, 95 %: {low:.4f} to {high:.4f}, {images:,} hold-out images"
    if not shuffles["differ"].any():
        return f"Here the labels do not change what is cut: the same channels are cut in all of {times}."
    if aware:
        return (
            f"{title(criterion)} is class-aware here: {counted} (mean of {times}), and the network would be "
            f"worse by more than two standard errors ({measured})."
        )
    return (
        f"No benefit of the labels that these images can show: {counted} (mean of {times}), but the "
        f"network would not be worse by two standard errors ({measured})."
    )
