"""Recipes that were added to a new comparison on other pages. They are in the link, as links of their own."""

from urllib.parse import parse_qsl, urlencode

import streamlit as st

from pruning.experiment import Recipe
from pruning.number_checks import brief
from pruning.terms import ALLOCATIONS, REPAIRS, plural, title
from pruning.ui import display_names, state
from pruning.ui.page_messages import in_page_words

MOST = 12  # what a link holds
BETWEEN = "~"  # quoted within a recipe
HELP = "Puts these settings beside others: on Compare, all that were added are run with several seeds."
PAGE = "pages/3_Compare.py"


def recipes() -> list[Recipe]:
    """Those that were added; what a link says wrongly is left out."""
    return _read()[0]


def _read() -> tuple[list[Recipe], list[str]]:
    """The recipes, and why others are none."""
    found, wrong = [], []
    for text in filter(None, (state.looking_at("added") or "").split(BETWEEN)):
        try:
            query = dict(parse_qsl(text))
            if not query:  # else it would be the recipe of all defaults
                raise ValueError(f"{brief(text)} holds no setting; give some, such as criterion=l1")
            recipe = Recipe.from_query(query)
            state.must_be_known(recipe.model)
            found.append(recipe)
        except ValueError as error:
            wrong.append(str(error))
    return found, wrong


def there() -> bool:
    return bool(recipes())


def button(recipe: Recipe):
    """On other pages, beside their own button: adds the recipe, or leads to where it was added."""
    if state.lesson():
        return
    now = recipes()
    if recipe in now:
        told = f"In the comparison ({plural(len(now), 'recipe')})"
        st.page_link(PAGE, label=told, icon=":material/balance:", query_params=state.link())
        return
    full = len(now) >= MOST
    st.button(
        "Add to comparison",
        icon=":material/balance:",
        type="tertiary",
        on_click=add,
        args=(recipe,),
        disabled=full,
        help=f"A comparison takes {MOST} recipes that are added one by one." if full else HELP,
    )


def add(recipe: Recipe):
    """A click's callback."""
    _keep([*recipes(), recipe])
    state.look_at(view="new")
    st.toast("Added: the page Compare runs it beside others.", icon=":material/balance:")


def remove(recipe: Recipe):
    """A click's callback."""
    _keep([one for one in recipes() if one != recipe])


def _keep(these: list[Recipe]):
    texts = [urlencode(recipe.to_query() or {"model": recipe.model}).replace("~", "%7E") for recipe in these]
    state.look_at(added=BETWEEN.join(texts) or None)


def panel():
    """The added ones, each with a way out again."""
    now, wrong = _read()
    for sentence in wrong:
        st.warning(f"A recipe of this link was left out: {in_page_words(sentence)}")
    if not now:
        return
    st.markdown("**Added one by one**")
    for place, recipe in enumerate(now):
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.markdown(f":small[{in_words(recipe)}]")
        right.button("", icon=":material/close:", key=f"added {place}", help="Take it out", type="tertiary",
                     on_click=remove, args=(recipe,))  # fmt: skip


def in_words(recipe: Recipe) -> str:
    share = f"{display_names.percent(recipe.cut)} cut"
    epochs = f", {plural(recipe.epochs, 'epoch')}" if recipe.epochs else ""
    bits = f", {recipe.bits:g} bits" if recipe.bits is not None else ""
    how = f"{ALLOCATIONS[recipe.allocation].title}, {REPAIRS[recipe.repair].title}"
    return f"{display_names.subject(recipe)}: {title(recipe.criterion)}, {share}, {how}{epochs}{bits}"
