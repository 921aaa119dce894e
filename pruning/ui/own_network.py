"""The form for a network, weights, data and a seed of one's own, opened together: half of a pair is rarely
something to look at. What does not fit is said in the form, which keeps what was typed."""

from functools import partial

import streamlit as st

from pruning import models
from pruning.data import DATA
from pruning.experiment import Recipe
from pruning.inspection.weights_check import WeightsCheck, check_weights
from pruning.limits import refuse
from pruning.models import NORMALIZATIONS
from pruning.models.fill_weights import TORCHVISION
from pruning.models.own_code import allowed, is_own
from pruning.tasks import TASKS
from pruning.ui import data_look, display_names, jobs, open_pages, preview_cache, state, uploads
from pruning.ui.page_messages import in_page_words

WEIGHTS = "A safetensors file or a PyTorch state dict, also inside a checkpoint of a training script."
DATA_FILE = (
    "A zip of class folders, or of images/ and masks/ (PNG, the value is the class); or an .npz with "
    "x_train, y_train, x_test, y_test (uint8, NHWC; a class number each, or a mask)."
)
RANDOM = (
    "Weights that were never trained, the same each time: for looking at a network's structure, its costs, "
    "and which layers are coupled."
)
THEIRS = (
    "There are no bundled weights for torchvision's networks: give a file, and data with as many classes as "
    "it is for, or take random weights."
)
CODE = (
    "A network that code on the server's machine makes, which is run: path/to/FILE.py:FACTORY or "
    "PACKAGE.MODULE:FACTORY, seen from the folder that the server was started in. Empty: the network above."
)
FIELDS = {"model": "own model", "data": "own data", "normalize": "own normalize", "seed": "own seed"}
ASKED, PROBLEM = "own asked", "own problem"
SAID_OF = "own said of"  # the form as it was when a refusal was first said


def form(recipe: Recipe):
    """Folded; nothing in a lesson."""
    if state.lesson():
        return
    take_over(recipe)
    if SAID_OF in st.session_state and st.session_state[SAID_OF] != filled_in():
        forget()  # what was said is about another form
    with st.expander("Your own network, data or seed", key="own folded"):
        left, right = st.columns(2, gap="large")
        with left:
            network(recipe)
        with right:
            data_and_seed(recipe)
        look(recipe)
        st.caption(uploads.how_long())
        st.button("Open", key="open own", on_click=submit)
        outcome()


def take_over(recipe: Recipe):
    """The form shows what is open; what was typed stays until something else has been opened."""
    now = {key: getattr(recipe, field) for field, key in FIELDS.items()}
    now |= {"own random": recipe.checkpoint == "none", "own size": recipe.size}
    now |= {"own code": recipe.model if is_own(recipe.model) else "", "own task": recipe.task or ""}
    here = all(key in st.session_state for key in FIELDS.values())  # not after a visit to another page
    if st.session_state.get("own shows") != now or not here:
        st.session_state.update(now)
        st.session_state["own shows"] = now
        forget()


def forget():
    """What was asked of the form, and what was said of that."""
    for key in (ASKED, PROBLEM, SAID_OF):
        st.session_state.pop(key, None)


def filled_in() -> tuple:
    """All that the form holds: what is chosen, what is typed, and which files."""
    files = [getattr(st.session_state.get(key), "file_id", None) for key in ("own weights", "own images")]
    chosen = [st.session_state.get(key) for key in ("own data", "own normalize", "own seed", "own random")]
    return (model_typed(), task_typed(), size_typed(), *chosen, *files)


def network(recipe: Recipe):
    """Which network, its weights, and what it is fed with."""
    listed = names_with((*models.names(), *models.torchvision_names()), recipe.model)
    model = choice("Network", listed, "own model", display_names.listed, help="Type to search among them.")
    if allowed():
        shown = {"value": st.session_state["own code"], "placeholder": "FILE.py:FACTORY"}
        st.text_input("or code of your own", key="own code", help=CODE, **shown)
    uploads.field("Weights", "checkpoint", key="own weights", help=WEIGHTS)
    st.checkbox("Random weights", key="own random", help=RANDOM)
    if model.startswith(TORCHVISION):
        st.caption(THEIRS)
    if is_own(model_typed()):
        choice("Task", ["", *TASKS], "own task", lambda name: name or "as the data say", help=help_of("task"))
    if any_size(model_typed()):
        side = {"min_value": 16, "step": 32, "value": None, "placeholder": "224, or the data's own"}
        st.number_input("Side of an image (pixels)", key="own size", help=help_of("size"), **side)
    normalizations = names_with(("auto", *NORMALIZATIONS), recipe.normalize)
    choice("Pixels are normalised by", normalizations, "own normalize", str, help=help_of("normalize"))


def data_and_seed(recipe: Recipe):
    choice("Data", names_with(tuple(DATA), recipe.data), "own data", display_names.data)
    uploads.field("or data of your own", "data", key="own images", help=DATA_FILE)
    st.number_input("Seed", min_value=0, step=1, key="own seed", help=help_of("seed"))


def look(recipe: Recipe):
    """At data of one's own: what has been given in the form, else what is open."""
    images = st.session_state.get("own images")
    if images is None and recipe.data in DATA:
        return
    try:
        found = with_network(recipe, recipe.data if images is None else uploads.kept_once(images))
        refuse(jobs.limits().refusal(found, trains=False))
    except ValueError as error:
        st.error(in_page_words(str(error)))
        return
    asked = st.session_state.get(ASKED)
    said = PROBLEM in st.session_state or (asked is not None and asked.data == found.data)
    if not said:  # else that says what is wrong
        if sentence := data_look.ask(found, start=False).error:
            uploads.refused(found.data, sentence, images)
        data_look.follow(found)


def with_network(recipe: Recipe, data: str) -> Recipe:
    """The recipe's data as the form's network would take them."""
    typed = {"model": model_typed(), "task": task_typed(), "size": size_typed(), "data": data}
    typed["seed"] = st.session_state["own seed"]
    return recipe.but(**(state.NOTHING_CHOSEN | typed))


def model_typed() -> str:
    """The network that the form names: code of one's own where that is typed, else what is chosen."""
    return st.session_state.get("own code", "").strip() or st.session_state["own model"]


def task_typed() -> str | None:
    """What code of one's own is asked to do, where the form says it: listed networks have their own task."""
    return st.session_state.get("own task") or None if is_own(model_typed()) else None


def size_typed() -> int | None:
    return st.session_state.get("own size") if any_size(model_typed()) else None


def any_size(model: str) -> bool:
    """Whether a network takes images of sizes that the list does not tell."""
    return model.startswith(TORCHVISION) or is_own(model)


def choice(label: str, listed: list[str], key: str, shown, **how) -> str:
    index = listed.index(st.session_state[key])
    return st.selectbox(label, listed, index=index, key=key, format_func=shown, **how)


def names_with(listed: tuple[str, ...], chosen: str) -> list[str]:
    """What is open first, then the others; what is typed in the form is among them."""
    return [chosen, *(name for name in listed if name != chosen)]


def help_of(field: str) -> str:
    return Recipe.__dataclass_fields__[field].metadata["help"]


# ------------------------------------------------------------------------------------------- what comes of it


def submit():
    """A click's callback: what the form says is tried before it is opened."""
    forget()
    try:
        st.session_state[ASKED] = proposed(state.recipe_now())
    except ValueError as error:
        st.session_state[PROBLEM] = str(error)


def proposed(recipe: Recipe) -> Recipe:
    """The recipe that the form asks for. Without a file the weights are those already there, or the bundled
    ones. Raises ValueError in one sentence."""
    typed = {field: st.session_state[key] for field, key in FIELDS.items()}
    typed |= {"model": model_typed(), "task": task_typed()}
    weights, images = st.session_state.get("own weights"), st.session_state.get("own images")
    if images is not None:
        typed["data"] = uploads.kept_once(images)
    checkpoint = recipe.checkpoint if typed["model"] == recipe.model else None
    if weights is not None and st.session_state["own random"]:
        raise ValueError(f"Random weights and {weights.name} are both chosen; take one away")
    if weights is not None:
        checkpoint = uploads.keep("checkpoint", weights.name, weights.getvalue())
    elif st.session_state["own random"]:
        checkpoint = "none"
    elif checkpoint == "none":
        checkpoint = None
    if is_own(typed["model"]):
        state.must_be_known(typed["model"])
    elif checkpoint is None and (typed["model"], typed["data"]) not in models.bundled():
        raise ValueError(without_weights(typed["model"], typed["data"]))
    found = recipe.but(**(state.NOTHING_CHOSEN | typed | {"checkpoint": checkpoint, "size": size_typed()}))
    refuse(jobs.limits().refusal(found, trains=False))
    return found


def without_weights(model: str, data: str) -> str:
    pairs = ", ".join(f"{display_names.network(m)} on {d}" for m, d in models.bundled())
    pair = f"{display_names.network(model)} on {display_names.data(data)}"
    return f"There are no bundled weights for {pair}, only for {pairs}; give a file, or take random weights."


def lacks_weights(recipe: Recipe) -> str:
    """Why no run of the recipe can start, known before one does; empty where there are weights for it."""
    there = (recipe.model, recipe.data) in models.bundled() or is_own(recipe.model)
    return "" if there or recipe.checkpoint is not None else without_weights(recipe.model, recipe.data)


def ask(recipe: Recipe, **how) -> preview_cache.Answer:
    """WeightsCheck of what was proposed; does not wait. Nothing that the page asks meanwhile ends it."""
    key = preview_cache.digest(recipe, preview_cache.NETWORK)
    return preview_cache.ask(check_weights, recipe, key=key, title="Opening", queue="preview", **how)


def opening() -> bool:
    """Whether the form's network has been asked for and is not there yet."""
    asked = st.session_state.get(ASKED)
    return asked is not None and not state.lesson() and ask(asked).pending


def outcome():
    """What has become of the last click on Open: a sentence, how far it is, or the network itself."""
    if problem := st.session_state.get(PROBLEM):
        refused(problem)
    if (asked := st.session_state.get(ASKED)) is None:
        return
    answer = ask(asked)
    if answer.pending:
        st.fragment(preview_cache.look_again, run_every=open_pages.every(0.6))(partial(ask, asked))
    elif answer.error:
        refused(answer.error)
        given = (asked.checkpoint or "", asked.data)
        named = [text for text in given if display_names.name_of(text) in answer.error]
        for text in named or given:  # the form still holds both
            uploads.refused(text, answer.error)
    elif answer.value.error:
        refused(answer.value.error)
        if not answer.value.fits:
            uploads.refused(asked.checkpoint or "", answer.value.error)
        offer(asked, answer.value)
    else:
        forget()
        state.open_network(asked)
        st.rerun()


def refused(sentence: str):
    """Said as long as the form is what it is now."""
    st.session_state.setdefault(SAID_OF, filled_in())
    st.error(in_page_words(sentence))


def offer(recipe: Recipe, found: WeightsCheck):
    """A button for each network that the weights fit."""
    with st.container(horizontal=True):
        for model in found.fits:
            other = recipe.but(model=model, size=None)
            how = {"type": "primary", "key": f"open as {model}", "on_click": instead, "args": (other,)}
            st.button(f"Open them as {display_names.listed(model)}", **how)


def instead(recipe: Recipe):
    """A click's callback: the same weights as those of another network, tried in their turn."""
    forget()
    st.session_state[ASKED] = recipe


def offer_instead(recipe: Recipe):
    """Where a link's weights are another network's, the way to that one; nothing where they fit, or where the
    form says so already."""
    if recipe.checkpoint in (None, "none") or st.session_state.get(ASKED) is not None:
        return
    question = partial(ask, recipe)
    preview_cache.follow(question, lambda found: offer(recipe, found) if found.error else None)
