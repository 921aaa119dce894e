"""The panels of the Start page below its wall."""

import streamlit as st

from pruning import models
from pruning.data import DATA
from pruning.experiment import Recipe
from pruning.figures import layers
from pruning.inspection import Description, FullAccuracy
from pruning.terms import GLOSSARY
from pruning.ui import (
    charts,
    display_names,
    jobs,
    open_pages,
    own_network,
    page,
    preview_cache,
    state,
    test_accuracy,
)
from pruning.wall import PICTURES

NO_SUBTASK = {
    "masks": "Every image of these data shows several classes, so there are no images of some classes alone: "
    "the network stays one of all classes.",
    "pictures": "The network translates a picture to any of its domains, and which one is part of its input, "
    "so it stays one of all domains.",
}
AREAS = {"MACs": "macs", "parameters": "parameters"}
CARDS = 3  # in a row


def words(recipe: Recipe):
    """What is to be seen, in two sentences."""
    task, subject = preview_cache.task_of(recipe), display_names.subject(recipe)
    images = f"{PICTURES} test images" if recipe.data in DATA else f"up to {PICTURES} test images"
    told = (
        f"{subject} classifies {images}. Cut its channels: an image turns red when the smaller network "
        "gets it wrong, and its corner names the true and the predicted class."
    )
    if task.drawn_as == "masks":
        told = (
            f"{subject} classifies every pixel of {images}. Cut its channels: the masks "
            f"deteriorate, and an image gets a red frame unless {task.right_means}."
        )
    if task.drawn_as == "pictures":
        told = (
            f"{subject} translates {images}, each to another domain. Cut its channels: the "
            f"translations become blurred, and one gets a red frame unless {task.right_means}."
        )
    st.markdown(told)


def next_steps():
    """Where to go from here; a page that is not there has no button."""
    places, how = page.places(), {}
    if own_network.opening():  # a click would go on with the network that is open still
        how = {"disabled": True, "help": "Another network is being opened below."}
    with st.container(horizontal=True):
        if "Channels" in places and st.button("See which channels", **how):
            st.switch_page(places["Channels"], query_params=state.link())
        if "Prune" in places and st.button("Prune it", type="primary", **how):
            st.switch_page(places["Prune"], query_params=state.link())


def cards(recipe: Recipe):
    """A card for each pair of network and data whose trained weights come along."""
    st.subheader("Choose what to look at", anchor=False)
    for place, (model, data) in enumerate(models.bundled()):
        if place % CARDS == 0:
            row = st.container(horizontal=True)  # unlike columns it breaks where a window is too narrow
        here = (recipe.model, recipe.data, recipe.checkpoint, recipe.subtask) == (model, data, None, ())
        with row.container(border=True, height="stretch", vertical_alignment="distribute"):
            told = f"{DATA[data].meaning} {test_accuracy.named(test_accuracy.of_bundled(model, data))}."
            st.markdown(
                f"**{display_names.network(model)} on {display_names.data(data)}**\n\n:small[:gray[{told}]]"
            )
            st.button(
                "Open now" if here else "Open",
                key=f"card {model} {data}",
                disabled=here,
                on_click=state.open_bundled,
                args=(model, data),
            )


def subtask(recipe: Recipe):
    """Which classes everything is about: all, or a subtask. Nothing where there is no network: that is said
    below."""
    whole = recipe.but(subtask=())
    if state.lesson() or preview_cache.ask_structure(whole, start=False).error:
        return
    with st.expander("Only some of the classes", expanded=bool(recipe.subtask), key="subtask folded"):
        if told := NO_SUBTASK.get(preview_cache.task_of(recipe).drawn_as):
            st.caption(told)
            return
        st.caption(
            "A network that has to tell only a few classes apart can be cut further. Data, network, criteria "
            "and every figure are then about these classes alone."
        )
        preview_cache.follow(
            lambda **how: preview_cache.ask_structure(whole, **how),
            lambda told: choose_classes(recipe, told.classes),
        )


def choose_classes(recipe: Recipe, classes: tuple[str, ...]):
    """A form: one class alone is no subtask, so the choice is taken over as a whole."""
    numbers = list(range(len(classes)))
    with st.form("subtask", border=False):
        chosen = st.multiselect(
            "Classes",
            numbers,
            default=[number for number in recipe.subtask if number in numbers],
            format_func=lambda number: str(classes[number]),
            placeholder="all",
            help=own_network.help_of("subtask"),
            key=f"subtask {recipe.model} {recipe.data} {recipe.subtask}",
        )
        with st.container(horizontal=True):
            if st.form_submit_button("Look at these classes"):
                state.edit(subtask=tuple(chosen) if len(chosen) < len(classes) else ())
                st.rerun()
            if recipe.subtask and st.form_submit_button("Look at all classes"):
                state.edit(subtask=())
                st.rerun()


def running():
    """The visitor's jobs, the newest first, each with its link, and that others' are there; nothing where
    there are none."""
    if preview_cache.asked() and jobs.workers().jobs("job"):
        busy = any(not job.finished for job in jobs.workers().jobs("job"))
        st.fragment(job_rows, run_every=open_pages.every(1.0) if busy else None)(busy)


def job_rows(busy: bool):
    if busy and all(job.finished for job in jobs.workers().jobs("job")):
        st.rerun()
    known, others = jobs.own(), jobs.others_in_words()
    if known or others:
        st.subheader("Jobs", anchor=False)
    if others:
        st.caption(others)
    for job in known[:8]:
        title, share, place = st.columns([5, 3, 1], vertical_alignment="center")
        title.markdown(job.title)
        if job.status == "running":
            share.progress(*preview_cache.progress(job))
        else:
            share.caption(jobs.standing(job))
        recipe = job.arguments[0]
        where = page.places()["Gates" if recipe.trained else "Prune"]
        place.page_link(where, label="Open", query_params=recipe.to_query() | {"job": job.id})


def figures_first(recipe: Recipe) -> bool:
    """Whether the network is one's own: its figures are soon there, its wall takes a while."""
    return recipe.checkpoint is not None or (recipe.model, recipe.data) not in models.bundled()


def structure(recipe: Recipe, said: str = "") -> str:
    """The metric, parameters and MACs, in total and layer by layer. said: what the page has said already.
    Returns the sentence that stands in their place, if they cannot be had."""
    error = preview_cache.ask_structure(recipe, start=False).error
    if not error or error != said:
        st.subheader("Where the MACs and parameters are", anchor=False)
        preview_cache.follow(
            lambda **how: preview_cache.ask_structure(recipe, **how),
            lambda told: draw_structure(recipe, told),
        )
    if error:
        own_network.offer_instead(recipe)
    return error


def draw_structure(recipe: Recipe, described: Description):
    columns = st.columns(4)
    with columns[0]:
        test_accuracy.follow(recipe, value)
    columns[1].metric(
        "Parameters",
        display_names.count(described.parameters),
        help=f"{described.parameters:,}. {GLOSSARY['parameters']}",
    )
    macs = display_names.count(described.macs)
    columns[2].metric("MACs of one image", macs, help=f"{described.macs:,}. {GLOSSARY['MACs']}")
    columns[3].metric(
        "Input", f"{described.size} x {described.size}", help="Size of the network's input, in pixels."
    )
    choice = st.segmented_control(
        "Areas show", list(AREAS), default="MACs", required=True, key="areas", label_visibility="collapsed"
    )
    charts.chart(
        layers.treemap(described.layers, AREAS[choice]),
        layers.treemap_in_words(described.layers, AREAS[choice]),
        key=f"layers-{AREAS[choice]}",
        alt=f"Treemap of the layers by {choice}",
        table=described.layers,
    )
    if not state.lesson():
        st.expander("Every layer", key="every layer folded").dataframe(
            described.layers, hide_index=True, key="layers", alt="MACs and parameters of every layer"
        )


def value(found: FullAccuracy):
    metric = found.of_task.metric
    st.metric(
        f"Test {metric.name}",
        metric.in_words(found.value),
        help=f"The full network: {test_accuracy.in_words(found)}.",
    )
