"""The panels of the Channels page: the map of ranks, one group, and what other criteria would do."""

import pandas as pd
import streamlit as st

from pruning.channels.structure import ChannelGroup, Structure
from pruning.criteria import CRITERIA, SCORED
from pruning.criteria.scores import Scores
from pruning.experiment import Recipe
from pruning.figures import agreement, channel_group, channel_ranks
from pruning.inspection import Description
from pruning.terms import title
from pruning.ui import charts, current_plan, open_pages, preview_cache, recipe_controls, state

SPEARMAN = "Rank correlation of all pairs of criteria"


def controls(recipe: Recipe):
    """The criterion with its meaning and options, and how much is cut."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        recipe_controls.criterion(recipe)
    with right:
        recipe_controls.cut(recipe)
        current_plan.in_words(recipe)
    recipe_controls.options(recipe)


def table_of(recipe: Recipe) -> pd.DataFrame:
    """A row a channel: its score, its rank within its group, and whether the recipe cuts it."""
    scores = preview_cache.scores(recipe)
    return channel_ranks.channel_table(scores, current_plan.plan(recipe).kept, recipe.criterion)


def rank_map(recipe: Recipe, table: pd.DataFrame):
    """The map of all channels; a click opens a channel and its group."""
    structure = preview_cache.structure(recipe).structure
    units = {name: unit_of(recipe, structure, name) for name in structure.names}
    charts.chart(
        channel_ranks.rank_map(table, units, opened(table)),
        channel_ranks.ranks_in_words(table),
        key="ranks",
        alt=f"Rank of every channel within its group, by {title(recipe.criterion)}",
        click=open_square,
        table=as_csv(table, preview_cache.structure(recipe)),
    )


def open_square(point: dict):
    """A click's callback: opens the square's group, and its first channel."""
    group, channel = point["customdata"][:2]
    state.look_at(group=group, channel=channel)


def unit_of(recipe: Recipe, structure: Structure, group: str) -> str:
    """The unit of a group's scores; where several layers have a say, each is measured by its own mean
    first."""
    criterion, options = CRITERIA[recipe.criterion], dict(recipe.options)
    unit, side = criterion.unit_of(options), criterion.side_of(options)
    asked = [] if side == "groups" else structure.layers_of(structure.names.index(group), side)
    relative = criterion.combine == "average" and len(asked) > 1
    return f"{unit} / its layer's mean" if relative else unit


def as_csv(table: pd.DataFrame, described: Description) -> pd.DataFrame:
    """The columns that `python -m pruning scores` writes, and the rank and fate beside them."""
    tied = {known.name: ";".join(known.tied_to) for known in described.structure.groups}
    return table.assign(tied_to=table["group"].map(tied))[
        ["group", "channel", "score", "tied_to", "rank", "cut"]
    ]


def opened(table: pd.DataFrame) -> str | None:
    """The group that is looked at; the first that loses channels if none has been opened yet."""
    groups = list(dict.fromkeys(table["group"]))
    wanted = state.looking_at("group")
    if wanted in groups:
        return wanted
    return next(iter(table.loc[table["cut"].astype(bool), "group"]), groups[0] if groups else None)


def one_group(recipe: Recipe, table: pd.DataFrame):
    """One group's channels in their order, how their scores spread, and what is cut with them."""
    st.subheader("One group")
    name = opened(table)
    if name is None:
        return
    groups = list(dict.fromkeys(table["group"]))
    with st.container(horizontal=True):
        st.selectbox(
            "Group",
            groups,
            help="Or click a square in its row above.",
            width=320,
            **state.bound_look("group", name, options=groups),
        )
        choose_channel(table)
    structure = preview_cache.structure(recipe).structure
    known, unit = structure.by_name[name], unit_of(recipe, structure, name)
    channels = table[table["group"] == name]
    st.markdown(ties_in_words(known))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        charts.chart(
            channel_group.ranked_bars(channels, unit),
            channel_group.group_in_words(channels, "; ".join(known.tied_to)),
            key="group-ranked",
            alt=f"Scores of {name}, the lowest first",
            table=channels,
            click=lambda point: state.look_at(channel=point["customdata"][1]),
        )
    with right:
        charts.chart(
            channel_group.score_histogram(channels, unit),
            channel_group.spread_in_words(channels, unit),
            key="group-histogram",
            alt=f"Histogram of the scores of {name}",
        )


def choose_channel(table: pd.DataFrame):
    """Which channel of the opened group is looked into, if any."""
    size = int((table["group"] == opened(table)).sum())
    listed, chosen = ["none", *range(size)], selected(table)
    st.selectbox(
        "Look into a channel",
        listed,
        format_func=lambda channel: channel if channel == "none" else f"channel {channel}",
        help=(
            "Its kernel, its activations, similar channels and its classes, further down. Or click its "
            "square or bar."
        ),
        width=200,
        **state.bound_look("channel", "none" if chosen is None else chosen, none="none", options=listed),
    )


def selected(table: pd.DataFrame) -> int | None:
    """The channel of the opened group that is looked into; none if the group has no such channel."""
    channel, size = state.looking_at("channel"), int((table["group"] == opened(table)).sum())
    return int(channel) if channel is not None and int(channel) < size else None


def ties_in_words(known: ChannelGroup) -> str:
    """Who writes and who reads a group's channels."""
    readers = ", ".join(f"`{name}`" for name in known.readers) or "no layer that shrinks with it"
    if not known.tied_to:
        return f"Written by `{known.name}`, read by {readers}: a channel is removed from both."
    others = ", ".join(f"`{name}`" for name in known.tied_to)
    return (
        f"Written by the coupled layers `{known.name}` and {others}, which are pruned together. Read by "
        f"{readers}."
    )


def others(recipe: Recipe, table: pd.DataFrame):
    """Agreement with other criteria: how many of the cut channels would differ, and which. Fills while one
    looks."""
    st.subheader("Agreement with other criteria")
    known, pending = ask_others(recipe, table)
    if pending is None:
        draw_others(recipe, known)
    else:
        st.fragment(fill_others, run_every=open_pages.every(1.0))(recipe, table)


def ask_others(recipe: Recipe, table: pd.DataFrame) -> tuple[pd.DataFrame, preview_cache.Answer | None]:
    """The channel tables known so far, one below another, and the answer that is still to come, if any."""
    tables = [table]
    others = [name for name in SCORED if name != recipe.criterion]
    others.sort(key=lambda name: CRITERIA[name].uses_data)  # those of the weights take no time
    for name in others:
        answer = preview_cache.ask_scores(recipe.but(criterion=name))
        if answer.pending:
            return pd.concat(tables), answer
        if answer.error:
            st.caption(f"{title(name)} is missing here: {answer.error}")
        else:
            tables.append(table_by(recipe, answer.value))
    return pd.concat(tables), None


def table_by(recipe: Recipe, scores: Scores) -> pd.DataFrame:
    """As `table_of`, of what another criterion's scores would cut in the recipe's place."""
    return channel_ranks.channel_table(scores, current_plan.beside(recipe, scores).kept, scores.criterion)


def fill_others(recipe: Recipe, table: pd.DataFrame):
    """What is known; the rest of the section comes with the last of them, or with a click on one."""
    known, pending = ask_others(recipe, table)
    if pending is None or state.moved_on():
        st.rerun()
    draw_bars(recipe, known)
    st.progress(*preview_cache.progress(pending.job))


def draw_bars(recipe: Recipe, known: pd.DataFrame):
    """Other criteria, the most agreeing first; a click puts one beside the recipe's own and shows its
    channels."""
    own, beside = recipe.criterion, state.looking_at("beside")
    differing = agreement.differences(known, own)
    charts.chart(
        agreement.disagreement(differing, beside),
        agreement.disagreement_in_words(differing, own),
        key="others",
        alt=f"Channels cut by {title(own)} that each other criterion would keep",
        table=differing,
        click=lambda point: state.look_at(beside=point["customdata"][0]),
    )
    if beside in set(differing["criterion"]):
        draw_swaps(known, own, beside)


def draw_others(recipe: Recipe, known: pd.DataFrame):
    """All of the section: the rank correlations are folded below the bars."""
    draw_bars(recipe, known)
    if state.lesson():
        return
    folded = st.expander("Rank correlation of all criteria (Spearman)", key="correlation", on_change="rerun")
    if folded.open:
        matrix = agreement.spearman(known)
        words = agreement.spearman_in_words(matrix)
        with folded:
            charts.chart(agreement.spearman_map(matrix), words, key="spearman", alt=SPEARMAN, table=matrix)


def draw_swaps(known: pd.DataFrame, own: str, chosen: str):
    """The channels on which the two criteria differ."""
    swaps = agreement.swaps(known, own, chosen)
    charts.chart(
        agreement.swap_map(known, own, chosen),
        agreement.swaps_in_words(swaps, own, chosen),
        key="swaps",
        alt=f"Which channels {title(own)} and {title(chosen)} cut",
        click=lambda point: state.look_at(group=point["y"], channel=int(point["x"])),
        table=swaps,
    )
