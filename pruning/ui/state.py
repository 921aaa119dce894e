"""A session's recipe and what it looks at: kept across pages and rerun after rerun, and written into the
link.

The link is the recipe (what differs from the defaults) and the keys of LOOKING_AT. The session's own record
is what counts; the link is read when it is one that this session has not written itself. Streamlit drops a
page's query parameters when the page is switched, and a run started while the last link was still on its way
arrives with the one before: both would undo what the person has just done if the address bar were believed
every time."""

import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pruning import data, models
from pruning.criteria import CRITERIA
from pruning.criteria.registry import with_option
from pruning.error_messages import choose
from pruning.experiment import Recipe
from pruning.models.own_code import is_own, must_be_allowed, parted
from pruning.ui.hideable import HIDEABLE, LONGEST_NAME
from pruning.ui.link_choices import must_be_choices

LOOKING_AT = {
    "group": "the channel group that is opened",
    "channel": "the channel of that group that is looked into",
    "gone": "how many channels of that group are cut, step by step",
    "layer": "the layer whose part in the group's score is drawn",
    "beside": "the criterion that stands beside the recipe's own",
    "repaired": "1: the wall shows the repaired network",
    "job": "the job whose progress or result is shown",
    "second": "the job that stands beside it: the same with another seed",
    "zeros": "removed: what is left once the zero gates are removed",
    "view": "the view of the page Compare that is opened",
    "comparison": "the comparison that is shown",
    "stage": "the stage whose accuracy a comparison shows",
    "against": "the cost that a comparison's chart has accuracy against",
    "only": "the rows of a comparison that are shown",
    "estimated": "the runtime whose times are estimated on Prune, where the cut is of something else",
    "pinned": "the run that the others are measured by",
    "lists": "what a new comparison is to compare",
    "added": "the recipes that were added to a new comparison",
    "kept": "the kept run that is opened",
    "runs": "the kept runs that stand side by side",
    "find": "what is looked for among the kept runs",
    "lesson": "1, or a lesson's name: hides what a first lesson does not need",
    "hide": "what a lesson hides besides, by name, with commas between",
    "projector": "1: larger type and fewer panels",
    "tour": "off: the tour is not offered",
    "article": "the article of the page Learn that is read, or its exercises or glossary",
}
UPLOADED = "sha256:"
NOTHING_CHOSEN = {"protect": (), "cut_group": (), "subtask": (), "task": None}  # of another network
Ends = tuple[float, float | None]  # least and largest value; None: no end
log = logging.getLogger(__name__)


# ------------------------------------------------------------------------------------------------- the link


def read_link(query: Mapping[str, str]) -> tuple[Recipe, dict[str, str]]:
    """A link's keys as a recipe and what is looked at; raises ValueError in one sentence for a link of
    another kind."""
    own = {option for known in CRITERIA.values() for option in known.options}
    for key in query:
        choose(key, sorted({*Recipe.__dataclass_fields__, *LOOKING_AT, *own} - {"options"}), "key of a link")
    opened = {key: query[key] for key in LOOKING_AT if key in query}
    recipe = Recipe.from_query({key: value for key, value in query.items() if key not in LOOKING_AT})
    if len(opened.get("lesson", "")) > LONGEST_NAME:
        raise ValueError(
            f"the lesson's name has {len(opened['lesson'])} letters; give at most {LONGEST_NAME}"
        )
    for name in filter(None, opened.get("hide", "").split(",")):
        choose(name, HIDEABLE, "thing to hide")
    must_be_choices(opened)
    for key, told in (("channel", "a channel's number"), ("gone", "a number of channels")):
        if not opened.get(key, "0").isdecimal():
            raise ValueError(f"{key} is {opened[key]!r}; give {told}, such as 7")
    must_be_known(recipe.model)
    if not recipe.data.startswith(UPLOADED) and not os.path.exists(recipe.data):
        choose(recipe.data, data.names(), "data set, file or folder")
    return recipe, opened


def must_be_known(model: str):
    """Raises ValueError in one sentence for a network that this server does not make."""
    if is_own(model):
        must_be_allowed(model)
        parted(model)
        return
    kind = "torchvision network" if model.startswith("torchvision:") else "network"
    choose(model, models.names() if kind == "network" else models.torchvision_names(), kind)


def link() -> dict[str, str]:
    """The query keys that open exactly this."""
    return recipe_now().to_query() | _looking_at()


def follow_link() -> Recipe:
    """The session's recipe, from a newly opened link if there is one; the address bar says the same
    afterwards.

    Raises ValueError in one sentence for a link that is wrong; the session then stays as it is.
    """
    query, written = st.query_params.to_dict(), st.session_state.setdefault("links written", set())
    new = query and frozenset(query.items()) not in written
    if new:
        recipe, opened = read_link(query)
        st.session_state.update({"recipe": recipe, "looking at": opened, "opened by link": True})
    written.add(frozenset(link().items()))
    if query != link():
        st.query_params.from_dict(link())
    return recipe_now()


def moved_on() -> bool:
    """Whether something was changed in a part of the page that runs by itself: then the whole page has to
    run."""
    return st.query_params.to_dict() != link()


def forget_link():
    """Gives up a link that could not be read: the session goes on with the recipe it had, at first the
    default one."""
    st.session_state.setdefault("links written", set()).add(frozenset(st.query_params.to_dict().items()))


def start_afresh():
    """Forgets what was chosen and looked at."""
    st.session_state.update({"recipe": Recipe(), "looking at": {}})


# ------------------------------------------------------------------------------------- what the session holds


def recipe_now() -> Recipe:
    return st.session_state.setdefault("recipe", Recipe())


def edit(**fields):
    """Changes recipe fields. To be called from a widget's callback, before the page runs again.

    A value that no recipe takes is told in one sentence at the top of the page, and the recipe stays as it
    was."""
    try:
        st.session_state["recipe"] = recipe_now().but(**fields)
    except ValueError as error:
        refuse(error)


def take_up(recipe: Recipe):
    """Goes on with another recipe of the same network."""
    st.session_state["recipe"] = recipe


def open_network(recipe: Recipe):
    """Goes on with another network or other data: what was opened of the ones before is closed."""
    st.session_state["recipe"] = recipe
    look_at(group=None, channel=None, gone=None, layer=None, job=None, second=None, kept=None)


def open_bundled(model: str, data: str):
    """A click's callback: a pair of network and data whose weights come along."""
    fields = {"model": model, "data": data, "checkpoint": None, "normalize": "auto", "size": None}
    open_network(recipe_now().but(**(NOTHING_CHOSEN | fields)))


def edit_option(criterion: str, name: str, value):
    """Changes one of a criterion's own options, as `edit` does a field. A widget of a page that is on its way
    out may ask for it when the recipe has another criterion already: that choice goes before."""
    now = recipe_now()
    if now.criterion == criterion:
        edit(options=with_option(criterion, dict(now.options), name, value))


def refuse(error: Exception | str):
    """Keeps one sentence for the top of the page; the trace goes to the log."""
    log.info("refused: %s", error, exc_info=isinstance(error, Exception))
    st.session_state["refused"] = str(error)


def take_refusal() -> str | None:
    return st.session_state.pop("refused", None)


def looking_at(key: str) -> str | None:
    return _looking_at().get(choose(key, LOOKING_AT, "part of a link"))


def look_at(**keys: str | int | None):
    """Opens a group, a job ...: look_at(group="layer1.0.conv1"); None closes it. A job that is opened closes
    the kept run that stood in its place."""
    held = _looking_at()
    keys = ({"kept": None} if keys.get("job") is not None else {}) | keys
    for key, value in keys.items():
        choose(key, LOOKING_AT, "part of a link")
        held.pop(key, None)
        if value is not None:
            held[key] = str(value)


def lesson() -> bool:
    """Whether what a first lesson does not need stays hidden."""
    return looking_at("lesson") is not None or looking_at("projector") == "1"


def session_id() -> str:
    """A name for this session among the server's others: a newer preview ends only its own older ones."""
    return st.session_state.setdefault("session", secrets.token_hex(8))


def _looking_at() -> dict[str, str]:
    return st.session_state.setdefault("looking at", {})


# -------------------------------------------------------------------------------------------------- widgets


def same(value: Any) -> Any:
    return value


def bound(
    field: str,
    *,
    by: str = "value",
    options: Sequence | None = None,
    between: Ends | None = None,
    show: Callable[[Any], Any] = same,
    read: Callable[[Any], Any] = same,
) -> dict[str, Any]:
    """What ties a widget to a recipe field: st.slider("Cut (%)", **bound("cut", between=(0, 95),
    show=percent, read=share)).

    by: the parameter that takes the widget's value, "value" or "default". options: of a widget that takes an
    index instead. between: the least and largest value that the widget offers; it reaches further where the
    recipe does, as a link may. show: the field's value as the widget's. read: the widget's value as the
    field's. The widget always shows the recipe, wherever it was changed, and its help text is the field's
    own, the one that the command line shows.
    """
    shown = show(getattr(recipe_now(), field))
    text = Recipe.__dataclass_fields__[field].metadata["help"]
    kept = tied(f"widget {field}", shown, lambda value: edit(**{field: read(value)}), by, options, between)
    return kept | {"help": text}


def bound_option(recipe: Recipe, name: str, **how) -> dict[str, Any]:
    """As `bound`, for one of the own options of the recipe's criterion. how: by, options, between."""
    shown, criterion = dict(recipe.options)[name], recipe.criterion
    return tied(f"widget option {name}", shown, lambda value: edit_option(criterion, name, value), **how)


def bound_look(
    key: str,
    shown: Any,
    *,
    none: Any = None,
    by: str = "value",
    options: Sequence | None = None,
    read: Callable[[Any], str] = str,
) -> dict[str, Any]:
    """As `bound`, for a widget that chooses what is looked at.

    shown: the widget's value now. none: the value that looks at nothing, and stays out of the link. read: the
    widget's value as the link's.
    """

    def changed(value):
        look_at(**{key: None if value == none else read(value)})

    return tied(f"widget {key}", shown, changed, by, options)


def tied(
    key: str,
    shown: Any,
    changed: Callable[[Any], None],
    by: str = "value",
    options: Sequence | None = None,
    between: Ends | None = None,
) -> dict[str, Any]:
    """A widget's key, value and callback. The value is said twice, on every run, as the widget's default and
    as its state: what a run says is dropped when the next one begins before it was sent, and a browser that
    has heard of no value answers with one of its own, which would become the recipe's."""
    st.session_state[key] = shown
    first = {by: shown} if options is None else {"index": list(options).index(shown)}
    if between is not None:
        least, most = between
        first |= {"min_value": min(least, shown), "max_value": most if most is None else max(most, shown)}
    return {"key": key, "on_change": lambda: changed(st.session_state[key]), **first}
