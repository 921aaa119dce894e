"""One group's channels cut one by one, and put back: what it costs, and a picture of what goes next."""

from functools import partial

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.figures import channel as pictures
from pruning.figures import removal_steps as figures
from pruning.inspection.one_channel import Channel
from pruning.inspection.removal_steps import RemovalSteps, removal_steps
from pruning.terms import title
from pruning.ui import channel_map, charts, measurement, picture_strips, preview_cache, state

LEARNED = " The network may have been trained on these images: expect a larger loss on new ones."


def panel(recipe: Recipe, table: pd.DataFrame):
    """table: of all channels, as `channel_map.table_of`."""
    group = channel_map.opened(table)
    if group is None:
        return
    st.subheader("Step by step", anchor=False)
    st.caption(
        f"{group}, channel by channel in the order of {title(recipe.criterion)}, the lowest score first."
    )
    order = order_of(table, group)
    measurement.on_request(
        "Measure every step",
        partial(ask, recipe, group, order),
        partial(draw, recipe),
        help="The loss after every step, on up to 500 hold-out images and without repair: seconds. Then you "
        "can cut one more and put it back as you like.",
    )


def order_of(table: pd.DataFrame, group: str) -> tuple[int, ...]:
    """A group's channels, the first to go first."""
    own = table[table["group"] == group].sort_values(["score", "channel"], na_position="first")
    return tuple(int(channel) for channel in own["channel"])


def ask(recipe: Recipe, group: str, order: tuple[int, ...], **how) -> preview_cache.Answer:
    """inspection.removal_steps.RemovalSteps; does not wait."""
    key = f"{preview_cache.digest(recipe, preview_cache.NETWORK)} {group} {order}"
    return preview_cache.ask(removal_steps, recipe, group, order, key=key, title=f"Steps of {group}", **how)


def gone_now(found: RemovalSteps) -> int:
    """How many channels are out."""
    return min(int(state.looking_at("gone") or 0), len(found.losses) - 1)


def step(to: int):
    """A click's callback."""
    state.look_at(gone=to or None)


def draw(recipe: Recipe, found: RemovalSteps):
    gone, last = gone_now(found), len(found.losses) - 1
    with st.container(horizontal=True):
        st.button("Cut one more", disabled=gone == last, on_click=step, args=(gone + 1,), key="step on")
        st.button("Put it back", disabled=not gone, on_click=step, args=(gone - 1,), key="step back")
        st.button("Put all back", disabled=not gone, on_click=step, args=(0,), key="step start")
    steps = figures.steps_table(found.order, found.losses)
    charts.chart(
        figures.removal_curve(steps, gone),
        figures.step_in_words(steps, gone, found.images) + (LEARNED if found.learned else ""),
        key="removal-steps",
        alt=f"Loss as channels of {found.group} are cut one by one, {gone} out now",
        table=steps,
    )
    if gone < last:
        question = partial(preview_cache.ask_channel, recipe, found.group, found.order[gone])
        preview_cache.follow(question, picture)


def picture(found: Channel):
    """What the channel that goes next looks at: where it answers, and the images that excite it most."""
    some = found.strongest
    st.markdown(f"Next is **channel {found.channel}**: where it answers, and its strongest images.")
    picture_strips.strip(pictures.shades(found.typical[None]), [f"mean map of channel {found.channel}"])
    picture_strips.strip(
        some.images, [f"image {n + 1}" for n in range(len(some.images))], pictures.shades(some.maps)
    )
