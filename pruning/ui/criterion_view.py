"""What the recipe's criterion saw of the opened group: CPOT's distributions or heirs, DI's curve, CATRO's
plane."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pruning.criteria import CRITERIA
from pruning.criteria.catro import trace_ratio, utilities
from pruning.experiment import Recipe
from pruning.figures import discriminant_information, transport, transport_on_filters
from pruning.figures import trace_ratio as planes
from pruning.inspection.criterion_views import (
    DiscriminantView,
    TraceRatioView,
    TransportView,
    catro_view,
    cpot_view,
    di_view,
)
from pruning.inspection.takeovers import takeover_view
from pruning.terms import title
from pruning.ui import (
    channel_map,
    charts,
    current_plan,
    heirs,
    open_pages,
    preview_cache,
    set_function,
    state,
)

VIEWS: dict[str, Callable[..., Any]] = {"cpot": cpot_view, "di": di_view, "catro": catro_view}


def panel(recipe: Recipe, table: pd.DataFrame):
    """Why these channels and not those, by the criterion's own terms; nothing for a criterion whose bars say
    all."""
    group = channel_map.opened(table)
    if recipe.criterion not in VIEWS or group is None:
        return
    rows, chosen = table[table["group"] == group], channel_map.selected(table)
    st.markdown(f"##### What {title(recipe.criterion)} computes for {group}")
    if recipe.criterion == "catro":
        draw_plane(recipe, group, rows, chosen)
        return
    draws: dict[str, Callable[..., None]] = {"cpot": draw_transport, "di": draw_discriminant}
    draw = heirs.draw if projects(recipe) else draws[recipe.criterion]
    preview_cache.follow(partial(ask, recipe, group), lambda view: draw(recipe, group, rows, chosen, view))


def ask(recipe: Recipe, group: str, **how) -> preview_cache.Answer:
    """The criterion's view of a group, in the layer that is looked at; does not wait."""
    whole = recipe.criterion == "catro" or projects(recipe)
    more = () if whole else (layer_of(recipe, group),)
    view = takeover_view if projects(recipe) else VIEWS[recipe.criterion]
    key = f"{preview_cache.digest(recipe, preview_cache.SCORING)} {group} {more}"
    named = f"What {recipe.criterion} sees of {group}"
    return preview_cache.ask(view, recipe, group, *more, key=key, title=named, **how)


def projects(recipe: Recipe) -> bool:
    """Whether CPOT looks at whole groups, whose channels take over from each other."""
    return recipe.criterion == "cpot" and dict(recipe.options)["distribution"] == "projection"


def layer_of(recipe: Recipe, group: str) -> str | None:
    """The layer that is looked at, if the criterion asks it about this group; else None, the first."""
    structure, side = (
        preview_cache.structure(recipe).structure,
        CRITERIA[recipe.criterion].side_of(dict(recipe.options)),
    )
    asked = structure.layers_of(structure.names.index(group), side)
    wanted = state.looking_at("layer")
    return wanted if wanted in [layer.weight.removesuffix(".weight") for layer in asked] else None


def choose_layer(layers: tuple[str, ...], shown: str):
    """Which of several layers is drawn: each of them is a comparison of its own."""
    if len(layers) > 1:
        st.selectbox(
            f"Layer, one of {len(layers)}",
            layers,
            help="Each layer is compared by itself. The group's score is the mean over its layers, each "
            "divided by its own mean first.",
            width=320,
            **state.bound_look("layer", shown, options=layers),
        )


# ------------------------------------------------------------------------------------------------------ CPOT


def draw_transport(recipe: Recipe, group: str, rows: pd.DataFrame, chosen: int | None, view: TransportView):
    """The barycenter beside two channels' distributions; the layer's own distances if several have a say."""
    options = dict(recipe.options)
    some = transport.shown(rows, view.distances, chosen)
    choose_layer(view.layers, view.layer)
    teach(view.distribution)
    if len(view.layers) > 1:
        charts.chart(
            transport.distance_bars(view.distances, rows, CRITERIA["cpot"].unit_of(options), some[0].channel),
            f"The distances in {view.layer} alone, one of {len(view.layers)} layers whose distances make the "
            "score above.",
            key="distances",
            alt=f"Distances to the barycenter in {view.layer}, the closest first",
            table=pd.DataFrame({"channel": range(len(view.distances)), "distance": view.distances}),
        )
    spatial = view.distribution == "filters" and options["ground"] == "spatial"
    charts.chart(
        picture(view, some),
        transport.distances_in_words(view.distances, some, "spatial" if spatial else view.distribution),
        key="distributions",
        alt=f"The barycenter of {view.layer} beside {' and '.join(channel.label for channel in some)}",
        table=transport.as_table(view.distributions, view.barycenter, some),
    )
    st.markdown(transport.agreement_in_words(view.agreement))


def picture(view: TransportView, some: tuple[transport_on_filters.Shown, ...]) -> go.Figure:
    """The figure that fits the kind of distribution."""
    if view.distribution == "filters":
        return transport_on_filters.filter_figure(view.distributions, view.barycenter, view.kernel, some)
    if view.distribution == "maps":
        return transport.map_figure(view.distributions, view.barycenter, view.moves, some)
    unit = {"weights": "|weight|", "activations": "mean activation of an image"}[view.distribution]
    return transport.quantile_figure(view.distributions, view.barycenter, unit, some)


def teach(distribution: str):
    """Which distribution is compared, and a button to the one that can be seen, or to the most accurate."""
    words = (
        f"A channel stands here for {transport.DISTRIBUTIONS[distribution]} (distribution {distribution})."
    )
    going = "maps" if distribution != "maps" else "filters"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{words} {transport.DEFAULTS[distribution]}")
        st.button(
            f"Compare by {going}",
            key="compare by",
            on_click=state.edit_option,
            args=("cpot", "distribution", going),
            help="Changes what CPOT compares, and with it which channels are cut. "
            "maps are easiest to see; filters, the default, keeps most accuracy.",
        )


# -------------------------------------------------------------------------------------------------------- DI


def draw_discriminant(
    recipe: Recipe, group: str, rows: pd.DataFrame, chosen: int | None, view: DiscriminantView
):
    """What goes with each channel, where the bars above do not say it, and the exact DI that is kept."""
    choose_layer(view.layers, view.layer)
    told = discriminant_information.with_fates(view.channels, rows)
    if view.share is not None:
        tell = st.warning if view.share > discriminant_information.INTERPOLATED else st.markdown
        tell(discriminant_information.share_in_words(view.share))
    if view.form == "taylor" and len(view.layers) == 1:  # the bars above are these losses
        draw_curve(told, view, chosen)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        charts.chart(
            discriminant_information.losses(told, view.form, chosen),
            discriminant_information.losses_in_words(told, view.form, chosen),
            key="di-losses",
            alt=f"What goes with each channel in {view.layer}, by DI {view.form}",
            table=told[["channel", "lost", "cut"]],
            click=lambda point: state.look_at(channel=point["customdata"]),
        )
    with right:
        draw_curve(told, view, chosen)


def draw_curve(told: pd.DataFrame, view: DiscriminantView, chosen: int | None):
    """told: `discriminant.with_fates`."""
    charts.chart(
        discriminant_information.curve(told, view.most, chosen, view.others),
        discriminant_information.curve_in_words(
            told, view.form, view.most, view.images, view.others, labels=view.labels
        ),
        key="di-curve",
        alt=f"Exact DI kept in {view.layer} as channels go",
        table=told[["channel", "kept", "cut"]],
    )


# ----------------------------------------------------------------------------------------------------- CATRO


def draw_plane(recipe: Recipe, group: str, rows: pd.DataFrame, chosen: int | None):
    """The plane of scatters with the line at the width that stays, and every group's utilities. All but the
    noise line is in the scores already, so it does not wait for the worker."""
    options, tables = dict(recipe.options), preview_cache.scores(recipe).tables
    answer = ask(recipe, group)
    ratio = ratio_at(tables[group], int((~rows["cut"].astype(bool)).sum()), options["gamma"])
    points = planes.plane_table(tables[group], rows, ratio)
    noise = answer.value.noise if answer.value and not options["debias"] else None
    if answer.value:
        view: TraceRatioView = answer.value
        st.markdown(planes.ground_in_words(view.images, view.classes, view.grid, view.size, view.layers))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        charts.chart(
            planes.plane(points, ratio, noise, chosen),
            planes.plane_in_words(points, ratio, noise, chosen),
            key="plane",
            alt=f"Scatter within and between classes of each channel of {group}",
            table=points,
            click=choose_point,
        )
    worth = {name: worth_of(tables[name], options["gamma"]) for name in tables}
    kept = {name: len(stay) for name, stay in current_plan.plan(recipe).kept.items()}
    with right:
        charts.chart(
            planes.utility_curves(worth, kept, group),
            planes.utility_in_words(worth, kept, group),
            key="utilities",
            alt=f"What the best channels of each group are worth, {group} marked",
            table=planes.utility_table(worth),
        )
    set_function.draw(tables[group], kept[group], options["gamma"], group)
    if answer.pending:
        st.fragment(preview_cache.look_again, run_every=open_pages.every(1.0))(partial(ask, recipe, group))
    elif answer.error:
        st.caption(f"The line without class information is missing: {answer.error}")


def ratio_at(scatters: pd.DataFrame, width: int, gamma: float) -> float:
    """lambda at the width that stays. scatters: b and w, a row a channel."""
    b, w = (scatters[name].to_numpy(float) for name in ("b", "w"))
    return trace_ratio(b, w, max(1, width), gamma=gamma)


def worth_of(scatters: pd.DataFrame, gamma: float) -> np.ndarray:
    return utilities(scatters["b"].to_numpy(float), scatters["w"].to_numpy(float), gamma=gamma)


def choose_point(point: dict):
    """A click on a line, which is no channel, changes nothing."""
    if point.get("customdata"):
        state.look_at(channel=point["customdata"][0])
