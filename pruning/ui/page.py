"""What every page begins with: its configuration, the recipe from the link, and the sidebar."""

import logging
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pruning.allocation import MEASURE_NAMES
from pruning.experiment import Recipe
from pruning.models import own_code
from pruning.places import APP, ASSETS
from pruning.tasks import DEFAULT
from pruning.terms import title
from pruning.ui import (
    colour_key,
    copy_link,
    criterion_switch,
    display_names,
    guard,
    jobs,
    lesson,
    measurement,
    open_pages,
    preview_cache,
    state,
    test_accuracy,
    tour,
    undo,
    uploads,
    visitor,
)
from pruning.ui.page_messages import in_page_words

ICON = ASSETS / "icon.svg"
LAYOUT = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
log = logging.getLogger(__name__)


def begin(title: str, about: Callable[[Recipe, str], Recipe] = criterion_switch.scored) -> Recipe:
    """The first call of every page. Returns the recipe, or says in one sentence what is wrong with the link
    and stops. about: (recipe, title) -> what the page makes of it, for a kind of criterion that it is for."""
    own_code.refuse_unless_said()
    guard.stand()
    st.set_page_config(page_title=f"{title} · Pruning Explorer", page_icon=str(ICON), layout="wide")
    st.html(f"<style>{LAYOUT}</style>")
    try:
        recipe = state.follow_link()
    except ValueError as error:
        refuse_link(error)
    undo.note()
    lesson.style()
    jobs.workers()  # its processes come up after the first paint
    open_pages.look_in()
    measurement.take_up()
    preview_cache.leave_page(title)
    uploads.store()  # before the workers start, which inherit where it is
    recipe = about(recipe, title)
    sidebar(recipe, title)
    tour.card(title, places())
    if sentence := state.take_refusal():
        st.warning(in_page_words(sentence))
    criterion_switch.notice(recipe, title)
    uploads.ask_again(recipe)
    return recipe


def stop(error: ValueError):
    """Ends the page with the one sentence of an error that is the person's to mend."""
    log.info("page stopped: %s", error)
    st.error(in_page_words(error))
    st.stop()


def refuse_link(error: ValueError):
    log.info("link refused: %s", error)
    st.error(f"This link cannot be opened: {in_page_words(error)}")
    st.button("Go on without it", on_click=state.forget_link)
    st.stop()


def sidebar(recipe: Recipe, page: str):
    """Where one can go, what is being looked at, and the link to exactly this. page: where one is."""
    with st.sidebar:
        st.markdown("#### Pruning Explorer")
        with st.container(gap="xxsmall"):
            for label, file in places().items():
                st.page_link(file, label=label, query_params=state.link(), width="stretch")
        st.divider()
        with st.container(gap="small"):
            for name, value in summary(recipe).items():
                st.markdown(f":small[:gray[{name}]]  \n{value}")
        undo.buttons()
        copy_link.button()
        tour.offer(page, places())
        colour_key.popover()
        lesson.panel()
        visitor.remember()


def places() -> dict[str, str]:
    """{name: file} of the pages there are, in their order."""
    pages = sorted((APP / "pages").glob("*.py"))
    return {"Start": "app.py"} | {path.stem.partition("_")[2]: f"pages/{path.name}" for path in pages}


def summary(recipe: Recipe) -> dict[str, str]:
    """What a recipe is about, in a few words."""
    weights = {"Weights": told} if (told := display_names.weights(recipe)) else {}
    here = not uploads.missing(recipe)  # of what somebody else has given no figure is told
    full = test_accuracy.ask(recipe, start=False).value if here else None
    name = preview_cache.task_of(recipe).metric.name if here else DEFAULT.metric.name
    cut = f"{display_names.percent(recipe.cut)} of the {MEASURE_NAMES[recipe.measure]}"
    return {
        "Network": display_names.network(recipe.model),
        **weights,
        "Data": f"{display_names.classes(recipe)}{display_names.data(recipe.data)}",
        f"Test {name}, full network": "not counted yet" if full is None else test_accuracy.in_words(full),
        "Criterion": title(recipe.criterion),
        "Cut": cut,
        **({} if recipe.device == "cpu" else {"Device": recipe.device}),
    }
