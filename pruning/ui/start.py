"""The panels of the Start page below its wall."""

import streamlit as st

from pruning import models
from pruning.data import DATA
from pruning.experiment import Description, FullAccuracy, Recipe
from pruning.figures import layers
from pruning.models import NORMALIZATIONS
from pruning.terms import percent
from pruning.ui import baseline, caches, jobs, names, page, show, state, uploads

OWN_DATA = "An .npz with x_train, y_train, x_test, y_test (uint8, NHWC), or a zip of class folders."
MACS = "multiply-accumulates of convolutions and linear layers; many papers call them FLOPs."
NOTHING_CHOSEN = {"protect": (), "cut_group": (), "subtask": ()}  # in another network or other data
AREAS = {"MACs": "macs", "parameters": "parameters"}


def words(recipe: Recipe):
    """What is to be seen, in two sentences."""
    st.markdown(
        f"{names.subject(recipe)} classifies 60 test images. Cut its channels: an image turns red when "
        "the smaller network gets it wrong, and its corner names the true and the predicted class."
    )


def next_steps():
    """Where to go from here; a page that is not there has no button."""
    places = page.places()
    with st.container(horizontal=True):
        if "Channels" in places and st.button("See which channels"):
            st.switch_page(places["Channels"], query_params=state.link())
        if "Prune" in places and st.button("Prune it", type="primary"):
            st.switch_page(places["Prune"], query_params=state.link())


def cards(recipe: Recipe):
    """A card for each pair of network and data whose trained weights come along."""
    st.subheader("Choose what to look at", anchor=False)
    row = st.container(horizontal=True)  # unlike columns it breaks where a window is too narrow for all
    for model, data in models.bundled():
        here = (recipe.model, recipe.data, recipe.checkpoint, recipe.subtask) == (model, data, None, ())
        with row.container(border=True, height="stretch", vertical_alignment="distribute"):
            told = f"{DATA[data].meaning} Accuracy: {baseline.in_words(baseline.of_bundled(model, data))}."
            st.markdown(f"**{names.network(model)} on {names.data(data)}**\n\n:small[:gray[{told}]]")
            st.button(
                "Open now" if here else "Open",
                key=f"card {model} {data}",
                disabled=here,
                on_click=open_bundled,
                args=(model, data),
            )


def open_bundled(model: str, data: str):
    state.edit(model=model, data=data, checkpoint=None, normalize="auto", size=None, **NOTHING_CHOSEN)
    state.look_at(group=None, job=None)


def own(recipe: Recipe):
    """Weights and data of one's own, opened together: half of a pair is rarely something to look at."""
    if state.lesson():
        return
    with st.expander("Your own network, data or seed"), st.form("own", border=False):
        left, right = st.columns(2, gap="large")
        with left:
            model = st.selectbox(
                "Network",
                names_with(models.names(), recipe.model),
                key="own model",
                format_func=names.network,
            )
            weights = st.file_uploader(
                "Weights",
                type=uploads.KINDS["checkpoint"],
                help="A safetensors file or a PyTorch state dict.",
            )
            normalize = st.selectbox(
                "Pixels are normalised by", ["auto", *NORMALIZATIONS], help=help_of("normalize")
            )
        with right:
            data = st.selectbox(
                "Data", names_with(tuple(DATA), recipe.data), key="own data", format_func=names.data
            )
            images = st.file_uploader(
                "or data of your own",
                type=uploads.KINDS["data"],
                help=OWN_DATA,
            )
            seed = st.number_input("Seed", min_value=0, step=1, value=recipe.seed, help=help_of("seed"))
        if st.form_submit_button("Open", type="secondary"):
            open_own(recipe, model, data, weights, images, normalize=normalize, seed=int(seed))


def names_with(listed: tuple[str, ...], chosen: str) -> list[str]:
    """What is chosen first, then the others."""
    return [chosen, *(name for name in listed if name != chosen)]


def help_of(field: str) -> str:
    return Recipe.__dataclass_fields__[field].metadata["help"]


def open_own(recipe: Recipe, model: str, data: str, weights, images, **fields):
    """Takes over what the form says; without a file the weights are those already there, or the bundled
    ones."""
    if images is not None:
        data = uploads.held().keep(images.name, images.getvalue())
    checkpoint = recipe.checkpoint if model == recipe.model else None
    if weights is not None:
        checkpoint = uploads.held().keep(weights.name, weights.getvalue())
    elif checkpoint is None and (model, data) not in models.bundled():
        pairs = ", ".join(f"{names.network(m)} on {d}" for m, d in models.bundled())
        pair = f"{names.network(model)} on {names.data(data)}"
        st.error(f"There are no bundled weights for {pair}, only for {pairs}; give a file.")
        return
    state.edit(model=model, data=data, checkpoint=checkpoint, size=None, **NOTHING_CHOSEN, **fields)
    state.look_at(group=None, job=None)
    st.rerun()


def subtask(recipe: Recipe):
    """Which classes everything is about: all, or a subtask. Nothing where there is no network: that is said
    below."""
    whole, about = recipe.but(subtask=()), caches.digest(recipe, caches.NETWORK)
    if state.lesson() or caches.ask_structure(whole, start=False).error:
        return
    with st.expander("Only some of the classes", expanded=bool(recipe.subtask)):
        st.caption(
            "A network that has to tell only a few classes apart can be cut further. Data, network, criteria "
            "and every figure are then about these classes alone."
        )
        caches.follow(
            lambda **how: caches.ask_structure(whole, about=about, **how),
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
            help=help_of("subtask"),
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
    if caches.asked() and jobs.lanes().jobs("job"):
        busy = any(not job.finished for job in jobs.lanes().jobs("job"))
        st.fragment(job_rows, run_every=1.0 if busy else None)(busy)


def job_rows(busy: bool):
    if busy and all(job.finished for job in jobs.lanes().jobs("job")):
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
            share.progress(*caches.progress(job))
        else:
            share.caption(jobs.standing(job))
        recipe = job.arguments[0]
        where = page.places()["Gates" if recipe.trained else "Prune"]
        place.page_link(where, label="Open", query_params=recipe.to_query() | {"job": job.id})


def structure(recipe: Recipe, said: str):
    """Accuracy, parameters and MACs, in total and layer by layer. said: what the page has said already."""
    if said and caches.ask_structure(recipe).error == said:
        return
    st.subheader("Where the MACs and parameters are", anchor=False)
    caches.follow(
        lambda **how: caches.ask_structure(recipe, **how), lambda told: draw_structure(recipe, told)
    )


def draw_structure(recipe: Recipe, described: Description):
    columns = st.columns(4)
    with columns[0]:
        baseline.follow(recipe, accuracy)
    columns[1].metric("Parameters", names.count(described.parameters), help=f"{described.parameters:,}")
    macs = names.count(described.macs)
    columns[2].metric("MACs of one image", macs, help=f"{described.macs:,} {MACS}")
    columns[3].metric(
        "Input", f"{described.size} x {described.size}", help="Size of the network's input, in pixels."
    )
    choice = st.segmented_control(
        "Areas show", list(AREAS), default="MACs", required=True, key="areas", label_visibility="collapsed"
    )
    show.chart(
        layers.treemap(described.layers, AREAS[choice]),
        layers.treemap_in_words(described.layers, AREAS[choice]),
        key=f"layers-{AREAS[choice]}",
        alt=f"Treemap of the layers by {choice}",
        table=described.layers,
    )
    if not state.lesson():
        st.expander("Every layer").dataframe(
            described.layers, hide_index=True, key="layers", alt="MACs and parameters of every layer"
        )


def accuracy(found: FullAccuracy):
    st.metric(
        "Test accuracy",
        percent(found.correct / found.images),
        help=f"The full network: {baseline.in_words(found)}.",
    )
